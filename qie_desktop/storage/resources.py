"""Where the files that come with the program lie."""

from __future__ import annotations

import sys
from pathlib import Path


def resources_folder() -> Path:
    """Return the folder `resources/`: in the bundle where there is one, else beside the package."""
    bundle: str | None = getattr(sys, "_MEIPASS", None)
    root = Path(bundle) if bundle else Path(__file__).resolve().parents[2]
    return root / "resources"
