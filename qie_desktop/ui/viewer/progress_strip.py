"""How far the work is, under the picture: words, a bar, and a way to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from qie_desktop.ui.look.classes import make_muted
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.viewer import progress_words

if TYPE_CHECKING:
    from qie_desktop.ui.viewer.job_watch import JobWatch

_STEPS = 1000
_BAR_WIDTH = 80


class ProgressStrip(QWidget):
    """Shows the current job of a watch; hidden while there is none."""

    cancel_requested = Signal(str)
    """str: the id of the job that the person wants to stop."""

    def __init__(self, watch: JobWatch, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("progress_strip")
        self._watch = watch
        self._job_id = ""
        self._label = QLabel(self)
        self._label.setObjectName("progress_label")
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._bar = QProgressBar(self)
        self._bar.setObjectName("progress_bar")
        self._bar.setAccessibleName("Progress")
        self._bar.setTextVisible(False)
        self._bar.setMinimumWidth(_BAR_WIDTH)
        self._queue = QLabel(self)
        self._queue.setObjectName("queue_label")
        make_muted(self._queue)
        self._cancel = QPushButton("Cancel", self)
        self._cancel.setObjectName("cancel_button")
        self._cancel.clicked.connect(self._on_cancel_clicked)
        row = QHBoxLayout(self)
        row.setContentsMargins(Spacing.l, Spacing.xs, Spacing.l, Spacing.xs)
        row.setSpacing(Spacing.m)
        row.addWidget(self._label, 3)
        row.addWidget(self._bar, 4)
        row.addWidget(self._queue)
        row.addWidget(self._cancel)
        watch.changed.connect(self._on_changed)
        self._on_changed()

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
        words = progress_words.CANCELLING if progress.cancelling else progress.words
        if words != self._label.text():
            self._label.setText(words)
            self._label.setToolTip(words)
        self._bar.setAccessibleDescription(words)
        self._show_fraction(progress.fraction)
        queue = progress_words.waiting(self._watch.waiting_count())
        self._queue.setText(queue)
        self._queue.setVisible(bool(queue))
        self._cancel.setEnabled(not progress.cancelling)
        self._cancel.setAccessibleName("Cancel the job")
        self.show()

    def _show_fraction(self, fraction: float | None) -> None:
        steps = 0 if fraction is None else _STEPS
        if self._bar.maximum() != steps:
            self._bar.setRange(0, steps)
        if fraction is not None:
            self._bar.setValue(round(fraction * _STEPS))
