"""A window in a process of its own that runs one cloud job, to be killed: window_to_kill.py HOME PROMPT."""

from __future__ import annotations

import sys
from pathlib import Path

from qie_desktop.core.request import build_request
from qie_desktop.ui.application import create


def main() -> None:
    """Open the window, run the job, and go on until killed."""
    application, window = create(Path(sys.argv[1]))
    request = build_request("hunyuan-image-3", sys.argv[2])
    window.began.connect(lambda: window.session.jobs.submit(request))
    window.show()
    application.exec()


if __name__ == "__main__":
    main()
