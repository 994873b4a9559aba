"""The order in which Tab goes through controls: that in which they are laid out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QLayout


def focusable_in_order(root: QWidget) -> list[QWidget]:
    """Return what can have the focus below a widget, as its layouts have it, hidden or not."""
    return list(_walk(root))


def chain(widgets: list[QWidget]) -> None:
    """Let Tab go through these widgets one after the other."""
    for before, after in pairwise(widgets):
        QWidget.setTabOrder(before, after)


def _walk(widget: QWidget) -> Iterator[QWidget]:
    # Not only what Tab reaches now: of an exclusive group that is the one button that is checked.
    if widget.focusPolicy() != Qt.FocusPolicy.NoFocus and widget.focusProxy() is None:
        yield widget
    layout = widget.layout()
    if layout is not None:
        yield from _walk_layout(layout)


def _walk_layout(layout: QLayout) -> Iterator[QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        if item is None:
            continue
        inner = item.layout()
        below = item.widget()
        if inner is not None:
            yield from _walk_layout(inner)
        elif below is not None:
            yield from _walk(below)
