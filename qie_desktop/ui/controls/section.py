"""A part of the panel: a heading with room for small buttons beside it, and what stands under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from qie_desktop.ui.look.classes import make_muted
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from collections.abc import Sequence


_HEADING_PX = 18


class Section(QWidget):
    """A heading over widgets; it is shown and hidden as one."""

    def __init__(
        self,
        title: str,
        content: Sequence[QWidget],
        beside: Sequence[QWidget] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        heading = QLabel(title)
        make_muted(heading)
        heading.setMinimumHeight(_HEADING_PX)
        if content:
            heading.setBuddy(content[0])
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Spacing.xs)
        row.addWidget(heading, 1)
        for widget in beside:
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Spacing.xs)
        column.addLayout(row)
        for widget in content:
            column.addWidget(widget)
