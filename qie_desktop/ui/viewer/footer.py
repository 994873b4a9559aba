"""The line under the picture: what it is, or how far the work is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QLabel, QStackedLayout, QWidget

from qie_desktop.ui.look.classes import make_muted
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.viewer.progress_strip import ProgressStrip

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent

    from qie_desktop.ui.viewer.job_watch import JobWatch

_HEIGHT = 44


class Footer(QWidget):
    """As high whether anything runs or not, so that the picture does not jump when a job begins or ends."""

    cancel_requested = Signal(str)
    """str: the id of the job that the person wants to stop."""

    def __init__(self, watch: JobWatch, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._watch = watch
        self._words = ""
        self.setFixedHeight(_HEIGHT)
        self._caption = QLabel(self)
        self._caption.setObjectName("viewer_caption")
        self._caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._caption.setTextFormat(Qt.TextFormat.PlainText)
        self._caption.setContentsMargins(Spacing.l, 0, Spacing.l, 0)
        self._caption.setMinimumWidth(1)
        make_muted(self._caption)
        self._progress = ProgressStrip(watch, self)
        self._progress.cancel_requested.connect(self.cancel_requested)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._caption)
        self._stack.addWidget(self._progress)
        watch.changed.connect(self._on_changed)
        self._on_changed()

    def set_caption(self, caption: str) -> None:
        """Say what is shown, for when nothing runs."""
        self._words = caption
        self._caption.setToolTip(caption)
        self._caption.setAccessibleName(caption)
        self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Show as much of a long name as there is room for."""
        super().resizeEvent(event)
        # Before it is shown, too: it chooses its words by its width, and a stack resizes only what is seen.
        self._progress.setGeometry(self.rect())
        self._elide()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint a line above."""
        del event
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), colours.window)
        painter.fillRect(0, 0, self.width(), 1, colours.border)

    def _elide(self) -> None:
        room = self.width() - 2 * Spacing.l
        metrics = self._caption.fontMetrics()
        self._caption.setText(metrics.elidedText(self._words, Qt.TextElideMode.ElideMiddle, room))

    @Slot()
    def _on_changed(self) -> None:
        idle = self._watch.current() is None
        self._stack.setCurrentWidget(self._caption if idle else self._progress)
