"""What the machine that this program runs on is called."""

from __future__ import annotations

import sys


def this_machine() -> str:
    """Return "this Mac" on macOS, and "this machine" elsewhere."""
    return "this Mac" if sys.platform == "darwin" else "this machine"
