"""Puts on the canvas what the viewer is about, as it comes: old picture, forming picture, rough, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from qie_desktop.core.geometry import Size
from qie_desktop.ui.viewer.pictures import PictureCache, PictureFeed
from qie_desktop.ui.viewer.subject import Subject

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.events import Preview
    from qie_desktop.ui.session import Session
    from qie_desktop.ui.viewer.canvas import Canvas
    from qie_desktop.ui.viewer.job_watch import JobWatch
    from qie_desktop.ui.viewer.pyramid import Pyramid

_PATIENCE_MS = 150
"""For so long the last picture stays while the next one is being opened."""

_PREVIEW_SCALE = 16
"""A forming picture is taken to be so much smaller than the result, where that one's size is not known."""

_OPENING = "Opening…"
_FORMING = "The picture will appear here as it forms."
_NOTHING = "This job has no picture."


class Presenter(QObject):
    """Shows one subject at a time. GUI thread only."""

    described = Signal(str)
    """str: what is shown, in words."""
    failed = Signal(object)
    """QieError: the picture cannot be opened."""

    def __init__(self, session: Session, watch: JobWatch, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._store = session.store
        self._watch = watch
        self._canvas = canvas
        self._subject = Subject()
        self._gently = False
        self._before_ready: Pyramid | None = None
        cache = PictureCache()
        self._picture = PictureFeed(session.background, cache, self)
        self._picture.arrived.connect(self._on_picture_arrived)
        self._picture.failed.connect(self._on_picture_failed)
        self._before = PictureFeed(session.background, cache, self)
        self._before.arrived.connect(self._on_before_arrived)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._on_patience_ended)
        watch.previewed.connect(self._on_previewed)

    @property
    def is_settled(self) -> bool:
        """Whether all that is to be seen is on the canvas, with all its pixels."""
        return self._picture.is_settled and self._before.is_settled

    def show(self, subject: Subject) -> None:
        """Show a subject. What is there stays until the new picture is, but not for long."""
        last, self._subject = self._subject, subject
        of_same_job = bool(subject.job_id) and subject.job_id == last.job_id
        # From the forming picture into the result, even if told again before that one is there.
        becomes_result = last.output is None and subject.output is not None
        self._gently = of_same_job and (becomes_result or self._gently)
        # Before the picture: the input that has been shown by itself is still at hand then.
        before = subject.before()
        if before != self._before.wanted:
            self._before_ready = None
            self._before.want(before)
        source = subject.picture(self._store)
        if source is None:
            self._show_nothing()
        elif source != self._picture.wanted or not source.lasting:
            self._patience.start()
            self._picture.want(source)
        self._canvas.comparison.set_available(subject.can_compare)
        self._show_forming()
        self._describe()

    def _show_nothing(self) -> None:
        self._patience.stop()
        self._picture.want(None)
        self._canvas.show_picture(None)
        job = self._subject.job
        words = "" if job is None else _NOTHING if job.state.is_terminal else _FORMING
        self._canvas.show_note(words)

    def _show_forming(self) -> None:
        """Show the forming picture while there is no other."""
        if self._subject.output is not None:
            return
        progress = self._watch.progress(self._subject.job_id)
        preview = None if progress is None else progress.preview
        if preview is None:
            self._canvas.show_forming(None)
            return
        size = Size(preview.width * _PREVIEW_SCALE, preview.height * _PREVIEW_SCALE)
        self._canvas.show_forming(_image_of(preview), self._subject.expected_size or size)

    def _describe(self) -> None:
        parts = [self._subject.caption()]
        picture = self._canvas.picture
        if picture is not None and not self._patience.isActive():
            parts.insert(0, f"{picture.size} px")
        words = " · ".join(filter(None, parts))
        self._canvas.setAccessibleDescription(words)
        self.described.emit(words)

    @Slot(object)
    def _on_picture_arrived(self, pyramid: Pyramid) -> None:
        shown = self._canvas.picture
        is_first = self._patience.isActive() or self._gently
        self._patience.stop()
        if not is_first and shown is not None and shown.size == pyramid.size:
            self._canvas.refine_picture(pyramid)
        else:
            self._canvas.show_picture(pyramid, gently=self._gently)
        self._gently = False
        self._canvas.show_before(self._before_ready)
        self._show_forming()
        self._describe()

    @Slot(object)
    def _on_before_arrived(self, pyramid: Pyramid) -> None:
        self._before_ready = pyramid
        # Not against the picture of another job.
        if not self._patience.isActive():
            self._canvas.show_before(pyramid)

    @Slot(object)
    def _on_picture_failed(self, error: QieError) -> None:
        self._patience.stop()
        self._canvas.show_picture(None)
        self._canvas.show_note("")
        self._describe()
        self.failed.emit(error)

    @Slot()
    def _on_patience_ended(self) -> None:
        # The forming picture stays until the result is there.
        if self._gently:
            return
        self._canvas.show_picture(None)
        self._canvas.show_note(_OPENING)
        self._show_forming()
        self._describe()

    @Slot(str)
    def _on_previewed(self, job_id: str) -> None:
        if job_id == self._subject.job_id:
            self._show_forming()


def _image_of(preview: Preview) -> QImage:
    image = QImage(preview.rgb, preview.width, preview.height, preview.width * 3, QImage.Format.Format_RGB888)
    # A copy: the first one only looks at the bytes.
    return image.convertToFormat(QImage.Format.Format_RGB32)
