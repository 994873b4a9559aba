"""How far the work is, under the picture: words, a bar, and a way to stop it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from qie_desktop.ui.look.classes import make_muted
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.viewer import progress_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtGui import QResizeEvent

    from qie_desktop.ui.viewer.job_watch import JobWatch

_STEPS = 1000
_GOOD_BAR, _LEAST_BAR = 96, 56
_ROUNDING = 2
"""A label is up to so much wider than what its font measures."""
_BAR_SHARE = 0.55
"""How much of what words and bar have together the bar takes where there is room."""


class ProgressStrip(QWidget):
    """Shows the current job of a watch; hidden while there is none. Its words are never cut off."""

    cancel_requested = Signal(str)
    """str: the id of the job that the person wants to stop."""

    def __init__(self, watch: JobWatch, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("progress_strip")
        self._watch = watch
        self._job_id = ""
        self._wordings: tuple[str, ...] = ("",)
        self._queue_wordings: tuple[str, ...] = ("",)
        self._label = QLabel(self)
        self._label.setObjectName("progress_label")
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._bar = QProgressBar(self)
        self._bar.setObjectName("progress_bar")
        self._bar.setAccessibleName("Progress")
        self._bar.setTextVisible(False)
        self._queue = QLabel(self)
        self._queue.setObjectName("queue_label")
        self._queue.setMinimumWidth(1)
        make_muted(self._queue)
        self._cancel = QPushButton("Cancel", self)
        self._cancel.setObjectName("cancel_button")
        self._cancel.clicked.connect(self._on_cancel_clicked)
        row = QHBoxLayout(self)
        row.setContentsMargins(Spacing.l, Spacing.xs, Spacing.l, Spacing.xs)
        row.setSpacing(Spacing.m)
        row.addWidget(self._label, 1)
        row.addWidget(self._bar)
        row.addWidget(self._queue)
        row.addWidget(self._cancel)
        watch.changed.connect(self._on_changed)
        self._on_changed()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Say as much as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Measure anew in another font."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self._fit()

    @Slot()
    def _on_cancel_clicked(self) -> None:
        job_id = self._job_id
        self._watch.note_cancelling(job_id)
        self.cancel_requested.emit(job_id)

    @Slot()
    def _on_changed(self) -> None:
        progress = self._watch.current()
        self._job_id = "" if progress is None else progress.job_id
        if progress is None:
            self.hide()
            return
        wordings = progress_words.CANCELLING if progress.cancelling else progress.wordings
        queue = progress_words.waiting(self._watch.waiting_count())
        if (wordings, queue) != (self._wordings, self._queue_wordings):
            self._wordings, self._queue_wordings = wordings, queue
            self._label.setToolTip(wordings[0])
            self._queue.setToolTip(queue[0])
            self._queue.setAccessibleName(queue[0])
            self._fit()
        self._bar.setAccessibleDescription(wordings[0])
        self._show_fraction(progress.fraction)
        self._cancel.setEnabled(not progress.cancelling)
        self._cancel.setAccessibleName("Cancel the job")
        self.show()

    def _fit(self) -> None:
        """Say as much of the job as the bar leaves room for; the queue becomes short first, then the bar."""
        words, waiting = next(self._fitting(), (self._wordings[-1], ""))
        room = self._room_beside(waiting)
        self._bar.setFixedWidth(
            max(_LEAST_BAR, min(round(room * _BAR_SHARE), room - _width(self._label, words)))
        )
        if words != self._label.text():
            self._label.setText(words)
        if waiting != self._queue.text():
            self._queue.setText(waiting)
        self._queue.setVisible(bool(waiting))

    def _fitting(self) -> Iterator[tuple[str, str]]:
        """Yield what can be said of the job and of the queue, the best first."""
        for words, bar, waiting in product(self._wordings, (_GOOD_BAR, _LEAST_BAR), self._queue_wordings):
            if _width(self._label, words) + bar <= self._room_beside(waiting):
                yield words, waiting

    def _room_beside(self, waiting: str) -> int:
        """Return what words and bar have together beside this much about the queue."""
        around = 2 * Spacing.l + 2 * Spacing.m + self._cancel.sizeHint().width()
        return self.width() - around - (_width(self._queue, waiting) + Spacing.m if waiting else 0)

    def _show_fraction(self, fraction: float | None) -> None:
        steps = 0 if fraction is None else _STEPS
        if self._bar.maximum() != steps:
            self._bar.setRange(0, steps)
        if fraction is not None:
            self._bar.setValue(round(fraction * _STEPS))


def _width(label: QLabel, text: str) -> int:
    return label.fontMetrics().horizontalAdvance(text) + _ROUNDING
