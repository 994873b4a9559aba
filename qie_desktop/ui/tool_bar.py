"""The tool bar: the two side panes, the title between them, and how the picture is looked at."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QPainter
from PySide6.QtWidgets import QLabel, QSizePolicy, QToolBar, QToolButton, QWidget

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.tokens import Spacing, TextSize

if TYPE_CHECKING:
    from PySide6.QtGui import QAction, QPaintEvent, QResizeEvent

    from qie_desktop.ui.actions import Actions

_NATIVE = sys.platform == "darwin"
_ICON_PX = 18
_EDGE_PX = 0 if _NATIVE else 6
"""So that the outer icons end where what is in the panes does; on a Mac the system sees to it."""
_ZOOM_TEXT = "0,000%"


class ToolBar(QToolBar):
    """Shows actions of the table and the zoom; `set_zoom` is its only state."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__("Tool bar", parent)
        self.setObjectName("tool_bar")
        self.setMovable(False)
        self.setFloatable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self._zoom = QToolButton(self)
        # On a Mac the title stands in the title bar, which is one with this bar.
        self._title = QLabel("" if _NATIVE else "Qwen Image Editor", self)
        self._title.setFont(_title_font())
        self._title.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._title.adjustSize()
        self._add_gap(_EDGE_PX)
        self._add(actions["hide_controls"], "Controls")
        self._add_spacer()
        self._add(actions["compare"], "Compare", "compare_toggle")
        self._add_gap()
        self._add(actions["fit"], "Zoom to fit")
        self._add(actions["zoom_out"], "Zoom out")
        self._add_zoom(actions["actual_size"])
        self._add(actions["zoom_in"], "Zoom in")
        self._add_gap()
        self._add(actions["hide_gallery"], "Gallery")
        self._add_gap(_EDGE_PX)

    def set_zoom(self, percent: float | None) -> None:
        """Show how large the picture is; None where there is none."""
        self._zoom.setText("–" if percent is None else f"{percent:,.0f}%")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the title in the middle of the window, whatever stands beside it."""
        super().resizeEvent(event)
        self._title.move(self.rect().center() - self._title.rect().center())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint a flat bar with a hairline below; on a Mac the system paints it."""
        if _NATIVE:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().window())
        line = self.rect().adjusted(0, self.height() - 1, 0, 0)
        painter.fillRect(line, Colours.of(self.palette()).border)
        painter.end()

    def _add(self, action: QAction, name: str, object_name: str = "") -> None:
        button = QToolButton(self)
        button.setObjectName(object_name or f"tool_{action.objectName()}")
        button.setDefaultAction(action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self._finish(button, name)

    def _add_zoom(self, action: QAction) -> None:
        # The text is the zoom, not the action's: it follows the action in all but that.
        self._zoom.setObjectName("zoom_label")
        self._zoom.setToolTip(action.toolTip())
        self._zoom.clicked.connect(action.trigger)
        self._zoom.setMinimumWidth(self._zoom.fontMetrics().horizontalAdvance(_ZOOM_TEXT) + Spacing.m)
        self.set_zoom(None)
        self._finish(self._zoom, "Zoom")

    def _finish(self, button: QToolButton, name: str) -> None:
        button.setAutoRaise(True)
        button.setProperty("class", "quiet")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(name)
        self.addWidget(button)

    def _add_spacer(self) -> None:
        spacer = QWidget(self)
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(spacer)

    def _add_gap(self, width_px: int = Spacing.s) -> None:
        gap = QWidget(self)
        gap.setFixedWidth(width_px)
        self.addWidget(gap)


def _title_font() -> QFont:
    font = TextSize.body()
    font.setWeight(QFont.Weight.DemiBold)
    return font
