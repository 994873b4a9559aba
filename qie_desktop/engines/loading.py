"""Importing what engines work with, without making a window stutter.

Of torch and its kin: done plainly, it blocks every other thread. Python holds its lock (the GIL) for as long
as a shared library of hundreds of megabytes is being loaded, and again for each full garbage collection among
the million objects that come with the modules. Measured on a machine with two cores: 240–400 ms for the
first, 100–190 ms for each of the second; below 40 ms in all when done as here. Of the client of the cloud:
50–60 ms for a collection in the midst of its import, 20 ms when done as here. Later collections
leave the modules out as well, which saves 300 ms in each of the three of a `qie edit`.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

_LOCAL_ENGINE = ("qie_desktop.engines.local.inference.pipeline", "qie_desktop.engines.local.inference.quiet")
_CLOUD_ENGINE = ("qie_desktop.engines.replicate.cloud_run", "replicate.client")
_LIBRARIES = (("torch_global_deps", os.RTLD_NOW | os.RTLD_GLOBAL), ("torch_python", os.RTLD_NOW))


def load_local_engine() -> None:
    """Import all that the local engine needs. Takes seconds the first time; not on the GUI thread."""
    if all(name in sys.modules for name in _LOCAL_ENGINE):
        return
    with _without_collections():
        _load_torch_libraries()
        for name in _LOCAL_ENGINE:
            import_module(name)


def load_cloud_engine() -> None:
    """Import all that the cloud engine needs. Takes half a second the first time; not on the GUI thread."""
    if all(name in sys.modules for name in _CLOUD_ENGINE):
        return
    with _without_collections():
        for name in _CLOUD_ENGINE:
            import_module(name)


@contextmanager
def _without_collections() -> Generator[None]:
    """Collect no garbage within; what is there in the end is not looked through ever again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        # Modules live as long as the program.
        gc.freeze()
    finally:
        if collects:
            gc.enable()


def _load_torch_libraries() -> None:
    """Load torch's libraries with the GIL let go of; the import then finds them loaded."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None or "torch" in sys.modules:
        return
    suffix = "dylib" if sys.platform == "darwin" else "so"
    # A function called through ctypes lets go of the GIL; `ctypes.CDLL(path)`, which does the same, does not.
    load = ctypes.CDLL(None).dlopen
    load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for name, mode in _LIBRARIES:
        path = Path(spec.origin).parent / "lib" / f"lib{name}.{suffix}"
        # Where it cannot be loaded, the import says why.
        load(os.fsencode(path), mode)
