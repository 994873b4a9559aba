"""What goes into the bundle, and what of the packages it is made of stays out."""

from __future__ import annotations

import re
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from PyInstaller.utils.hooks import copy_metadata

from qie_desktop.services.licences import package_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Entry = tuple[str, str, str]

_TRANSFORMERS_MODELS = frozenset(
    {"auto", "audioflamingo3", "bloom", "encoder_decoder", "qwen2", "qwen2_vl", "qwen2_5_vl"}
)
"""The folders of `transformers.models` that an edit imports; some 400 others are for other models."""

_FONTS = ("phosphor", "remixicon")
"""Those of QtAwesome's fonts that `qie_desktop.ui.look.icons` draws with."""

_LAZY = (
    # Looked up by name when they are first asked for: nothing that reads imports can see them.
    "diffusers.models.transformers.transformer_qwenimage",
    "diffusers.schedulers.scheduling_flow_match_euler_discrete",
    "diffusers.quantizers.gguf.utils",
    "transformers.models.qwen2.tokenization_qwen2",
    "transformers.models.qwen2_5_vl.configuration_qwen2_5_vl",
    "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl",
    "transformers.models.qwen2_vl.image_processing_pil_qwen2_vl",
)

_UNUSED = (
    "IPython",
    "PIL.ImageTk",
    "_pytest",
    "diffusers.commands",
    "diffusers.experimental",
    "diffusers.modular_pipelines",
    "diffusers.pipelines",
    "hypothesis",
    "importlinter",
    "lib2to3",
    "matplotlib",
    "nvidia",
    "pip",
    "pytest",
    "pytestqt",
    "setuptools",
    "tensorboard",
    "tkinter",
    "torch.utils.tensorboard",
    "torchvision",
    "triton",
    "wheel",
    "xdist",
    *(f"PySide6.Qt{name}" for name in ("Designer", "OpenGLWidgets", "Pdf", "Qml", "Quick", "Sql", "Test")),
)

_LEFT_OUT = re.compile(
    "|".join(
        (
            # For building against torch, and torch's own tests; of its programs it looks for one alone.
            r"torch/(include|test|share)/",
            r"torch/bin/(?!torch_shm_manager$)",
            r"torch/lib/.*(test|backend_with_compiler).*",
            r"torch/testing/_internal/(?!(__init__|common_dtype|logging_tensor)\.py$|distributed/)",
            r"torch/testing/_internal/distributed/(?!(__init__|fake_pg)\.py$)",
            # CUDA: a Mac has none, and the bundle for Linux computes on the CPU.
            r"(torch/lib/)?lib(cu[a-z]+|nv[a-zA-Z]+|nccl|torch_cuda\w*|c10_cuda)[-.].*",
            # Tests inside packages, and what only those who work on this program have installed.
            r".*/(tests|_tests)/",
            r"(hypothesis|pytest|ruff|pyright|import_linter)[\w.-]*\.dist-info/",
            # The window is in English; what Qt itself says in it is so without a translation.
            r"PySide6/(Qt/)?translations/",
            # What Qt uses for Qt Quick, PDF, virtual keyboards, databases, remote screens and bare devices.
            r"PySide6/(Qt/)?plugins/(platforms/libq(eglfs|linuxfb|minimal|minimalegl|vkkhrdisplay|vnc|wayland)\.|egldevice)",
            r"PySide6/(Qt/)?plugins/(generic|wayland|qmltooling|sqldrivers|vectorimageformats|platforminputcontexts/.*virtual)",
            r"PySide6/(Qt/)?plugins/(imageformats/libqpdf|platformthemes/libqgtk3|networkinformation)",
            r"(PySide6/(Qt/)?lib/)?(lib)?Qt6?(Qml|Quick|Pdf|VirtualKeyboard|Sql|Labs|Lottie|Egl[fF][sS]|Wayland|WlShell)\w*([./].*)?$",
        )
    )
)
_PROGRAM = re.compile(r"(diffusers/(pipelines|modular_pipelines)|transformers/models/(?P<model>\w+))/")


def resources(root: Path) -> list[tuple[str, str]]:
    """Return the program's own files, the icon fonts and the licences, for `Analysis(datas=…)`."""
    python = Path(sysconfig.get_paths()["stdlib"]) / "LICENSE.txt"
    fonts = _package("qtawesome") / "fonts"
    return [
        (str(root / "resources"), "resources"),
        *((str(path), "qtawesome/fonts") for name in _FONTS for path in sorted(fonts.glob(f"{name}-*"))),
        # Not imported, only found: where it lies is where the fonts lie.
        (str(fonts.parent / "__init__.py"), "qtawesome"),
        *((str(root / name), ".") for name in ("LICENSE", "NOTICE")),
        *([(str(python), f"lib/{python.parent.name}")] if python.is_file() else []),
        # Versions are asked for at run time, and About shows the licences.
        *(entry for name in package_names() for entry in copy_metadata(name)),
    ]


def hidden_imports() -> list[str]:
    """Return the modules that are imported by a name that is only known at run time."""
    return list(_LAZY)


def excluded_modules() -> list[str]:
    """Return the modules that are left out although something imports them."""
    models = _package("transformers") / "models"
    others = sorted(path.name for path in models.iterdir() if (path / "__init__.py").exists())
    return [*_UNUSED, *(f"transformers.models.{name}" for name in others if name not in _TRANSFORMERS_MODELS)]


def trimmed(entries: Iterable[Entry]) -> list[Entry]:
    """Return of PyInstaller's (name in the bundle, source, kind) those that the program can need."""
    return [entry for entry in entries if _is_wanted(entry[0])]


def _is_wanted(name: str) -> bool:
    found = _PROGRAM.match(name)
    if found and found["model"] not in _TRANSFORMERS_MODELS:
        return False
    return _LEFT_OUT.match(name) is None


def _package(name: str) -> Path:
    spec = find_spec(name)
    locations: Sequence[str] = (spec.submodule_search_locations or []) if spec else []
    if not locations:
        raise ModuleNotFoundError(f"{name} is not installed.")
    return Path(locations[0])
