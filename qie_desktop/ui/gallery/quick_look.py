"""A picture over the whole window: Space shows it, Space puts it away."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget

from qie_desktop.ui.gallery.cells import Cell, model_name
from qie_desktop.ui.gallery.tile_decoding import decode_scaled
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Spacing, TextSize

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError
    from qie_desktop.ui.session import Session

_ICON = 48
_LINE = 20
_CLOSING = (Qt.Key.Key_Space, Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)
_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}


class QuickLook(QWidget):
    """Covers the window that it is in, with the picture as large as it fits and never larger than it is.

    The picture is decoded off the GUI thread.
    """

    stepped = Signal(int)
    """int: -1 for the picture before, 1 for the next one."""
    closed = Signal()
    """It was put away."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("quick_look")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._session = session
        self._window = window
        self._cell: Cell | None = None
        self._picture: QPixmap | None = None
        self._sharp = False
        self._broken = False
        self.hide()
        window.installEventFilter(self)

    @property
    def cell(self) -> Cell | None:
        """What is shown."""
        return None if self.isHidden() else self._cell

    @property
    def is_sharp(self) -> bool:
        """Whether the picture is decoded and shown."""
        return self._sharp

    def show_cell(self, cell: Cell) -> None:
        """Show a picture, as soon as it is decoded."""
        self._cell, self._picture = cell, None
        self._sharp = self._broken = False
        self.setAccessibleName(f"Picture: {cell.job.prompt}")
        self.setGeometry(self._window.rect())
        self.show()
        self.raise_()
        self.setFocus()
        self._decode()
        self.update()

    def put_away(self) -> None:
        """Hide it."""
        if not self.isHidden():
            self.hide()
            self._cell = self._picture = None
            self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Stay as large as the window."""
        if watched is self._window and event.type() is QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self._window.rect())
            self._decode()
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Space and Escape put it away, arrows step."""
        if event.key() in _CLOSING:
            self.put_away()
        elif step := _STEPS.get(Qt.Key(event.key())):
            self.stepped.emit(step)
        else:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """A click puts it away."""
        event.accept()
        self.put_away()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the picture on a dimmed window, and what it is below."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        colours = Colours.of(self.palette())
        painter.fillRect(self.rect(), colours.overlay)
        painter.fillRect(self.rect(), colours.overlay)
        if self._cell is None or self._cell.output is None:
            return
        room = self._room()
        if self._broken:
            sign = QRect(0, 0, _ICON, _ICON)
            sign.moveCenter(room.center())
            icon("image", self, Tone.ON_OVERLAY).paint(painter, sign)
        elif self._picture is not None:
            painter.drawPixmap(self._placed(room), self._picture, QRectF(self._picture.rect()))
        self._paint_caption(painter, colours)

    def _paint_caption(self, painter: QPainter, colours: Colours) -> None:
        cell = self._cell
        if cell is None or cell.output is None:
            return
        output = cell.output
        size = f" · {output.width}×{output.height}" if output.width else ""
        details = f"{model_name(cell.job.model_id)}{size}"
        if self._broken:
            details = "This picture cannot be read."
        painter.setPen(colours.on_overlay)
        line = QRect(
            Spacing.xl, self.height() - 2 * Spacing.xl - Spacing.l, self.width() - 2 * Spacing.xl, 20
        )
        painter.setFont(TextSize.body())
        prompt = " ".join(cell.job.prompt.split())
        shown = QFontMetrics(painter.font()).elidedText(prompt, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, shown)
        painter.setFont(TextSize.small())
        painter.drawText(line.translated(0, _LINE), Qt.AlignmentFlag.AlignCenter, details)

    def _room(self) -> QRect:
        return self.rect().adjusted(Spacing.xl, Spacing.xl, -Spacing.xl, -3 * Spacing.xl - Spacing.l)

    def _placed(self, room: QRect) -> QRectF:
        """Return where the picture goes: whole, in the middle, at most a pixel of the screen to a pixel."""
        if self._picture is None:
            return QRectF()
        ratio = self.devicePixelRatioF()
        size = QSize(self._picture.size()) / ratio
        if size.width() > room.width() or size.height() > room.height():
            size = size.scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        placed = QRectF(0, 0, size.width(), size.height())
        placed.moveCenter(QRectF(room).center())
        return placed

    def _decode(self) -> None:
        cell = self._cell
        if cell is None or cell.output is None:
            return
        room = self._room().size() * self.devicePixelRatioF()
        width, height = cell.output.width or room.width(), cell.output.height or room.height()
        scale = min(1.0, room.width() / width, room.height() / height)
        path = cell.job.picture_path(self._session.store, cell.index)
        work = partial(decode_scaled, path, max(1, round(max(width, height) * scale)))
        done = partial(self._on_decoded, cell.key)
        self._session.background.run(work, done, partial(self._on_failed, cell.key))

    def _on_decoded(self, key: tuple[str, int], image: QImage) -> None:
        if self._cell is not None and self._cell.key == key:
            self._picture = QPixmap.fromImage(image)
            self._sharp = True
            self.update()

    def _on_failed(self, key: tuple[str, int], _error: QieError) -> None:
        if self._cell is not None and self._cell.key == key:
            self._broken = True
            self.update()
