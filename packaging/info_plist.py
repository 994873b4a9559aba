"""What macOS is told of the app: its `Info.plist`, beside what PyInstaller writes by itself."""

from __future__ import annotations

NAME = "Qwen Image Editor"
IDENTIFIER = "io.github.qwen-image-editor"
MINIMUM_MACOS = "14.0"
"""The oldest that torch 2.13 has wheels for."""
SCHEME = "qwen-image-editor"

_IMAGE_TYPES = (
    "public.jpeg",
    "public.png",
    "org.webmproject.webp",
    "public.avif",
    "public.heic",
    "public.heif",
    "public.tiff",
    "com.compuserve.gif",
    "com.microsoft.bmp",
)
"""What `qie_desktop.imaging.opening` reads, as uniform type identifiers."""


def info_plist(version: str, year: int) -> dict[str, object]:
    """Return the keys of `Info.plist` for one version, with their real types."""
    # Asked by macOS when a file there is first opened by its path, as `qie` and Own weights do.
    reason = "Pictures and model files that you choose are read from here, and results are saved here."
    folders = ("Desktop", "Documents", "Downloads")
    return {
        **{f"NS{name}FolderUsageDescription": reason for name in folders},
        "NSRemovableVolumesUsageDescription": reason,
        "CFBundleName": NAME,
        "CFBundleDisplayName": NAME,
        "CFBundleIdentifier": IDENTIFIER,
        "CFBundlePackageType": "APPL",
        "CFBundleShortVersionString": version,
        "CFBundleVersion": version,
        "CFBundleDevelopmentRegion": "en",
        "LSMinimumSystemVersion": MINIMUM_MACOS,
        "LSArchitecturePriority": ["arm64"],
        "LSRequiresNativeExecution": True,
        "LSApplicationCategoryType": "public.app-category.graphics-design",
        "NSHighResolutionCapable": True,
        "NSPrincipalClass": "NSApplication",
        "NSRequiresAquaSystemAppearance": False,
        "NSSupportsAutomaticGraphicsSwitching": True,
        "NSSupportsSuddenTermination": False,
        "NSSupportsAutomaticTermination": False,
        "NSHumanReadableCopyright": f"© {year} the authors of Qwen Image Editor. MIT licence.",
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "Image",
                "CFBundleTypeRole": "Editor",
                "LSHandlerRank": "Alternate",
                "LSItemContentTypes": list(_IMAGE_TYPES),
            }
        ],
        "CFBundleURLTypes": [
            {
                "CFBundleURLName": IDENTIFIER,
                "CFBundleTypeRole": "Editor",
                "CFBundleURLSchemes": [SCHEME],
            }
        ],
    }
