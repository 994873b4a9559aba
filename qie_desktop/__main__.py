"""`python -m qie_desktop`: the window; with arguments other than files, the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SMOKE = "--smoke"


def main() -> None:
    """Open the window, or run the command line, and exit with its status.

    Arguments that are all files are opened in the window: so does the Finder's Open With.
    """
    arguments = sys.argv[1:]
    files = [Path(argument) for argument in arguments if argument != _SMOKE]
    if not all(path.is_file() for path in files):
        from qie_desktop.cli.main import main as run_command_line  # noqa: PLC0415 - the window needs none of it

        run_command_line()
        return
    # Before all else, so that everything else comes in sooner.
    from qie_desktop.ui.garbage import hold_collections  # noqa: PLC0415 - the command line needs none of it

    hold_collections()
    from qie_desktop.ui.import_hook import remove_import_hook  # noqa: PLC0415

    remove_import_hook()
    from qie_desktop.storage.data_folder import DataFolder  # noqa: PLC0415 - the command line comes by itself

    home = DataFolder.locate(os.environ).home
    if _SMOKE in arguments:
        from qie_desktop.ui.smoke import smoke  # noqa: PLC0415

        sys.exit(smoke(home))
    from qie_desktop.ui.application import run  # noqa: PLC0415

    sys.exit(run(home, files))


if __name__ == "__main__":
    main()
