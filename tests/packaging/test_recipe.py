"""The recipe of the bundle, run with PyInstaller's classes recorded, on the macOS branch and on the other."""

from __future__ import annotations

import plistlib
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PyInstaller.utils.hooks  # noqa: F401 - looks at the real platform when it is first imported
import pytest

from qie_desktop import __version__
from qie_desktop.imaging.formats import FORMATS
from qie_desktop.ui.look import icons
from qie_desktop.ui.macos.opening import SCHEME

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "build_app.spec"
ENTITLEMENTS = ROOT / "packaging" / "entitlements.plist"
NAME = "Qwen Image Editor"

UNIFORM_TYPES = {
    "JPEG": "public.jpeg",
    "PNG": "public.png",
    "WEBP": "org.webmproject.webp",
    "AVIF": "public.avif",
    "HEIF": "public.heic",
    "TIFF": "public.tiff",
    "GIF": "com.compuserve.gif",
    "BMP": "com.microsoft.bmp",
}
USAGE_STRINGS = (
    "NSDesktopFolderUsageDescription",
    "NSDocumentsFolderUsageDescription",
    "NSDownloadsFolderUsageDescription",
    "NSRemovableVolumesUsageDescription",
)


class Recorded:
    """Stands for one of PyInstaller's classes: keeps what it was built with."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.given, self.named = given, named
        self.pure, self.scripts = [("qie_desktop", "x", "PYMODULE")], [("start", "start.py", "PYSOURCE")]
        self.datas = [("resources/sample.jpg", "a", "DATA"), ("torch/include/ATen/ATen.h", "b", "DATA")]
        self.binaries = [("torch/lib/libtorch_cpu.dylib", "c", "BINARY"), ("libcudart.so.12", "d", "BINARY")]


@pytest.fixture
def run_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Recorded]]:
    """Return a function that runs the recipe as on a platform, and returns what was built, by class."""

    def run(platform: str) -> dict[str, Recorded]:
        built: dict[str, Recorded] = {}

        def recorder(name: str) -> Callable[..., Recorded]:
            def build(*given: Any, **named: Any) -> Recorded:
                assert name not in built, f"{name} is built twice"
                built[name] = Recorded(*given, **named)
                return built[name]

            return build

        programs = tmp_path / (f"{NAME}.app/Contents/MacOS" if platform == "darwin" else NAME)
        programs.mkdir(parents=True)
        (programs / NAME).touch()
        classes = {name: recorder(name) for name in ("Analysis", "PYZ", "EXE", "COLLECT", "BUNDLE")}
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(sys, "path", list(sys.path))
        code = compile(RECIPE.read_text(), str(RECIPE), "exec")
        exec(code, {"SPECPATH": str(ROOT), "DISTPATH": str(tmp_path), **classes})
        assert (programs / "qie").readlink() == Path(NAME)
        return built

    return run


def test_mac_gets_an_app_for_its_own_processor(run_recipe: Callable[[str], dict[str, Recorded]]) -> None:
    built = run_recipe("darwin")
    program, app = built["EXE"].named, built["BUNDLE"]
    assert program["target_arch"] == "arm64"
    assert program["console"] is False
    assert program["argv_emulation"] is False
    assert program["codesign_identity"] is None
    assert program["exclude_binaries"] is True
    assert app.given == (built["COLLECT"],)
    assert app.named["name"] == f"{NAME}.app"
    assert app.named["version"] == __version__
    assert app.named["bundle_identifier"] == app.named["info_plist"]["CFBundleIdentifier"]
    for icon in (program["icon"], app.named["icon"]):
        assert Path(icon).read_bytes().startswith(b"icns")


def test_linux_gets_a_folder(run_recipe: Callable[[str], dict[str, Recorded]]) -> None:
    built = run_recipe("linux")
    assert "BUNDLE" not in built
    assert built["EXE"].named["console"] is True
    assert built["EXE"].named["target_arch"] is None
    assert built["COLLECT"].named["name"] == NAME


def test_what_is_collected_is_there_and_trimmed(run_recipe: Callable[[str], dict[str, Recorded]]) -> None:
    built = run_recipe("darwin")
    analysis = built["Analysis"]
    (script,) = analysis.given[0]
    assert Path(script).is_file()
    missing = [source for source, _ in analysis.named["datas"] if not Path(source).exists()]
    assert missing == []
    _, binaries, datas = built["COLLECT"].given
    assert [name for name, *_ in datas] == ["resources/sample.jpg"]
    assert [name for name, *_ in binaries] == ["torch/lib/libtorch_cpu.dylib"]


def test_every_glyph_has_its_font_in_the_bundle(run_recipe: Callable[[str], dict[str, Recorded]]) -> None:
    datas = run_recipe("linux")["Analysis"].named["datas"]
    collected = {Path(source).name for source, folder in datas if folder == "qtawesome/fonts"}
    wanted = {
        name
        for glyph in icons.GLYPHS.values()
        for name in icons._FONTS[glyph.partition(".")[0]]  # pyright: ignore[reportPrivateUsage]
    }
    assert collected == wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("torch/bin/torch_shm_manager", True),
        ("torch/bin/protoc", False),
        ("torch/lib/libtorch_python.dylib", True),
        ("torch/lib/libtorchbind_test.dylib", False),
        ("torch/lib/libc10_cuda.so", False),
        ("libcublas.so.12", False),
        ("torch/testing/_internal/common_dtype.py", True),
        ("torch/testing/_internal/common_utils.py", False),
        ("torch/testing/_internal/distributed/fake_pg.py", True),
        ("transformers/models/qwen2_5_vl/modeling_qwen2_5_vl.py", True),
        ("transformers/models/auto/modeling_auto.py", True),
        ("transformers/models/llama/modeling_llama.py", False),
        ("diffusers/pipelines/flux/pipeline_flux.py", False),
        ("PySide6/Qt/lib/QtWidgets.framework/Versions/A/QtWidgets", True),
        ("PySide6/Qt/lib/QtQml.framework/Versions/A/QtQml", False),
        ("QtQuick", False),
        ("PySide6/Qt/plugins/platforms/libqcocoa.dylib", True),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", True),
        ("PySide6/Qt/plugins/styles/libqmacstyle.dylib", True),
        ("PySide6/Qt/plugins/imageformats/libqpdf.dylib", False),
        ("PySide6/Qt/plugins/tls/libqsecuretransportbackend.dylib", True),
        ("PySide6/Qt/translations/qtbase_de.qm", False),
        ("numpy/_core/tests/data/x.csv", False),
        ("hypothesis-6.170.15.dist-info/METADATA", False),
        ("torch-2.13.0.dist-info/METADATA", True),
        ("libcrypto.so.3", True),
    ],
)
def test_trimming_knows_what_is_needed(name: str, wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "packaging"))
    from contents import trimmed  # type: ignore[import-not-found]

    assert bool(trimmed([(name, "source", "DATA")])) is wanted


def test_info_plist_has_every_key_and_type(run_recipe: Callable[[str], dict[str, Recorded]]) -> None:
    given = run_recipe("darwin")["BUNDLE"].named["info_plist"]
    plist = plistlib.loads(plistlib.dumps(given))
    documents, addresses = plist.pop("CFBundleDocumentTypes"), plist.pop("CFBundleURLTypes")
    year = plist.pop("NSHumanReadableCopyright")
    assert year.startswith("© 20")
    reason = plist[USAGE_STRINGS[0]]
    assert isinstance(reason, str)
    assert reason.endswith(".")
    assert plist == {
        "CFBundleName": NAME,
        "CFBundleDisplayName": NAME,
        "CFBundleIdentifier": "io.github.qwen-image-editor",
        "CFBundlePackageType": "APPL",
        "CFBundleShortVersionString": __version__,
        "CFBundleVersion": __version__,
        "CFBundleDevelopmentRegion": "en",
        "LSMinimumSystemVersion": "14.0",
        "LSArchitecturePriority": ["arm64"],
        "LSRequiresNativeExecution": True,
        "LSApplicationCategoryType": "public.app-category.graphics-design",
        "NSHighResolutionCapable": True,
        "NSPrincipalClass": "NSApplication",
        "NSRequiresAquaSystemAppearance": False,
        "NSSupportsAutomaticGraphicsSwitching": True,
        "NSSupportsAutomaticTermination": False,
        "NSSupportsSuddenTermination": False,
        **dict.fromkeys(USAGE_STRINGS, reason),
    }
    (document,) = documents
    assert {key: document[key] for key in ("CFBundleTypeName", "CFBundleTypeRole", "LSHandlerRank")} == {
        "CFBundleTypeName": "Image",
        "CFBundleTypeRole": "Editor",
        "LSHandlerRank": "Alternate",
    }
    (address,) = addresses
    assert address["CFBundleURLSchemes"] == [SCHEME]
    assert address["CFBundleTypeRole"] == "Editor"
    assert address["CFBundleURLName"] == plist["CFBundleIdentifier"]


def test_every_format_that_is_read_can_be_opened_with_the_app(
    run_recipe: Callable[[str], dict[str, Recorded]],
) -> None:
    given = run_recipe("darwin")["BUNDLE"].named["info_plist"]
    declared = set(given["CFBundleDocumentTypes"][0]["LSItemContentTypes"])
    assert {UNIFORM_TYPES[each.name] for each in FORMATS} <= declared


def test_package_and_project_have_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


def test_hardened_runtime_is_lifted_for_one_thing_alone() -> None:
    assert plistlib.loads(ENTITLEMENTS.read_bytes()) == {"com.apple.security.cs.allow-jit": True}
