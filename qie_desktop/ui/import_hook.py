"""PySide's hook on `import`, taken out again.

It is for `from __feature__ import …`, which nothing here uses. After each import it reads the source of the
module, to see whether PySide6 stands in it, and `linecache` keeps that source for good: with torch and its
kin 130 MB and a fifth of the time of their import, at the start of the window 30 ms (all measured). Python
does that work, so that the window waits for it while an engine is being imported.

Can go once PySide reads no sources any more (seen in 6.11, `shibokensupport/feature.py`;
https://bugreports.qt.io/browse/PYSIDE-2029).
"""

from __future__ import annotations

import builtins


def remove_import_hook() -> None:
    """Have imports be Python's own from now on. The earlier, the better."""
    import PySide6.QtCore  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] - puts the hook there

    builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)
