"""The order in which Tab goes through controls: that in which they are laid out."""

from __future__ import annotations

from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        below = [child for child in widget.children() if isinstance(child, QWidget)]
        yield from _walk_layout(layout, below)


def _walk_layout(layout: QLayout, widgets: list[QWidget]) -> Iterator[QWidget]:
    """Yield what can have the focus in a layout, which has some of these widgets, and layouts of its own.

    Its items are not asked for: they are Qt's, and go without a word when their widgets do. What PySide has
    made of one then stays behind, is taken for whatever comes to lie at its address, and the program crashes.
    """
    inner = [child for child in layout.children() if isinstance(child, QLayout)]
    placed = [(layout.indexOf(child), child) for child in (*widgets, *inner)]
    for index, child in sorted(placed, key=itemgetter(0)):
        if index < 0:
            continue
        if isinstance(child, QLayout):
            yield from _walk_layout(child, widgets)
        else:
            yield from _walk(child)
