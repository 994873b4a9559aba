"""The program of the bundle: the window, or the command line where it is called `qie`.

There is one executable, `qie` beside it is a symbolic link: a second one would hold all modules once more.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path


def main() -> None:
    """Begin as what the program was called, and exit with its status."""
    # A process that multiprocessing starts is this program again: it must not open a window.
    multiprocessing.freeze_support()
    settle_environment()
    if Path(sys.argv[0]).name == "qie":
        from qie_desktop.cli.main import main as run  # noqa: PLC0415 - one of the two is wanted
    else:
        from qie_desktop.__main__ import main as run  # noqa: PLC0415
    run()


def settle_environment() -> None:
    """Make good on Linux what the bundle's start and an empty environment bring; macOS needs nothing."""
    if sys.platform != "linux":
        return
    # Programs that are started from here find their own libraries, not the bundle's.
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", "")
    os.environ.pop("LD_LIBRARY_PATH", None)
    if before:
        os.environ["LD_LIBRARY_PATH"] = before
    # Qt warns of any other; Python itself is in UTF-8 mode.
    if not any(os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")):
        os.environ["LC_CTYPE"] = "C.UTF-8"


if __name__ == "__main__":
    main()
