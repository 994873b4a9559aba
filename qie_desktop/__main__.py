"""`python -m qie_desktop`: the window; with arguments, the command line."""

from __future__ import annotations

from qie_desktop.cli.main import main

if __name__ == "__main__":
    main()
