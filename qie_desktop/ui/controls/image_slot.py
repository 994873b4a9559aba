"""One slot: shows a picture or invites one, and says what the person did with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QMimeData, QPoint, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDrag, QKeySequence, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractButton, QApplication, QSizePolicy, QToolButton, QWidget

from qie_desktop.ui.controls.dropped import SLOT_MIME, may_hold_pictures
from qie_desktop.ui.controls.pictures import LoadedPicture
from qie_desktop.ui.controls.slot_painting import SlotLook, paint_slot
from qie_desktop.ui.controls.wording import byte_text
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.icons import Tone, icon

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import (
        QDragEnterEvent,
        QDragLeaveEvent,
        QDropEvent,
        QEnterEvent,
        QKeyEvent,
        QMouseEvent,
        QPaintEvent,
        QResizeEvent,
    )

    from qie_desktop.core.errors import QieError

_CLEAR_PX = 20
_CLEAR_INSET = 4
_DRAG_PX = 96


@dataclass(frozen=True, slots=True)
class SlotState:
    """What there is to show: `problem` is why this model cannot use the picture, `busy` a word of patience.

    `shown` is None while the picture is being read. `several`: the model takes more than one.
    """

    path: Path | None = None
    shown: LoadedPicture | QieError | None = None
    several: bool = False
    sets_size: bool = False
    problem: str = ""
    busy: str = ""


class ImageSlot(QAbstractButton):
    """A slot for one picture. Return or a click asks for a file; ⌫ clears; ⌥← and ⌥→ move it."""

    cleared = Signal(int)
    """int: the number of the slot that is to be emptied."""
    moved = Signal(int, int)
    """int, int: the slot whose picture was dragged, or moved by the keys, and the slot where it is to go."""
    dropped = Signal(int, object)
    """int, QMimeData: what was dropped on this slot, or pasted while it had the focus."""

    def __init__(self, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.index = index
        self.setObjectName(f"slot_{index}")
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._state = SlotState()
        self._look = SlotLook()
        self._lit = False
        self._aimed_at = False
        self._pressed_at: QPoint | None = None
        self._clear = self._clear_button()

    def show_state(self, state: SlotState) -> None:
        """Show a picture, why it cannot be shown, that it is on its way, or an empty slot."""
        self._state = state
        path, shown, busy, several = state.path, state.shown, state.busy, state.several
        loaded = isinstance(shown, LoadedPicture)
        failed = path is not None and shown is not None and not loaded
        name = "warning" if failed else "image" if path is not None or busy else "add"
        opening = "Opening…" if path is not None and shown is None else ""
        words = (
            path.name if failed and path else busy or opening or ("" if several else "Drop, paste or choose")
        )
        self._look = SlotLook(
            image=shown.thumbnail if isinstance(shown, LoadedPicture) else None,
            number=self.index + 1 if several else None,
            words=words,
            empty_icon=icon(name, self, Tone.DANGER if failed else Tone.MUTED),
            badge=icon("fit", self, Tone.ON_OVERLAY) if state.sets_size else None,
            wrong=failed or bool(state.problem),
        )
        self._describe(busy or opening)
        self._clear.setVisible(path is not None and self._is_pointed_at())
        self.update()

    def set_lit(self, lit: bool) -> None:
        """Light up, as something is dragged over the window that could be dropped here."""
        if lit != self._lit:
            self._lit = lit
            self.update()

    def drag_data(self) -> QMimeData:
        """Return what is dragged from here: the slot's number, and the file for other places."""
        mime = QMimeData()
        mime.setData(SLOT_MIME, QByteArray(str(self.index).encode()))
        if self._state.path is not None:
            mime.setUrls([QUrl.fromLocalFile(str(self._state.path))])
        return mime

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As wide as there is room for, and as high as it was made."""
        return QSize(48, self.minimumHeight() or 48)

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the slot as it is now."""
        painter = QPainter(self)
        now = replace(
            self._look,
            lit=self._lit or self._aimed_at,
            aimed_at=self._aimed_at,
            hovered=self.underMouse(),
            focused=self.hasFocus(),
        )
        paint_slot(painter, self.rect(), now, Colours.of(self.palette()))
        painter.end()

    def event(self, occurred: QEvent) -> bool:
        """Take ⌫ before the window's menus do."""
        if occurred.type() is QEvent.Type.ShortcutOverride and self.hasFocus():
            key: QKeyEvent = occurred  # pyright: ignore[reportAssignmentType] - told by its type
            if key.key() in {Qt.Key.Key_Backspace, Qt.Key.Key_Delete} or key.matches(
                QKeySequence.StandardKey.Paste
            ):
                occurred.accept()
                return True
        return super().event(occurred)

    def keyPressEvent(self, pressed: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Choose a file, clear, move or paste."""
        key, alt = pressed.key(), bool(pressed.modifiers() & Qt.KeyboardModifier.AltModifier)
        if key in {Qt.Key.Key_Backspace, Qt.Key.Key_Delete}:
            self._on_clear_clicked()
        elif alt and key in {Qt.Key.Key_Left, Qt.Key.Key_Right}:
            if self._state.path is not None:
                self.moved.emit(self.index, self.index + (1 if key == Qt.Key.Key_Right else -1))
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.click()
        elif pressed.matches(QKeySequence.StandardKey.Paste):
            self.dropped.emit(self.index, QApplication.clipboard().mimeData())
        else:
            super().keyPressEvent(pressed)

    def mousePressEvent(self, pressed: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Note where a drag may begin."""
        self._pressed_at = pressed.position().toPoint()
        super().mousePressEvent(pressed)

    def mouseMoveEvent(self, moved: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin a drag once the pointer has gone far enough."""
        start = self._pressed_at
        if start is None or self._state.path is None or not moved.buttons() & Qt.MouseButton.LeftButton:
            return
        if (moved.position().toPoint() - start).manhattanLength() >= QApplication.startDragDistance():
            self._pressed_at = None
            self.setDown(False)
            self._drag()

    def dragEnterEvent(self, entered: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Aim at this slot with whatever may be a picture; what turns out to be none is refused."""
        if may_hold_pictures(entered.mimeData()):
            entered.acceptProposedAction()
            self._aim(aimed=True)

    def dragLeaveEvent(self, _left: QDragLeaveEvent) -> None:  # noqa: N802 - Qt's name
        """Be as the others again."""
        self._aim(aimed=False)

    def dropEvent(self, dropped: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Say what was dropped; a picture of another slot is moved."""
        self._aim(aimed=False)
        mime = dropped.mimeData()
        if mime.hasFormat(SLOT_MIME):
            dropped.setDropAction(Qt.DropAction.MoveAction)
            dropped.accept()
            self.moved.emit(int(bytes(mime.data(SLOT_MIME).data())), self.index)
            return
        dropped.acceptProposedAction()
        self.dropped.emit(self.index, mime)

    def enterEvent(self, entered: QEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Offer to clear."""
        super().enterEvent(entered)
        self._clear.setVisible(self._state.path is not None)

    def leaveEvent(self, left: QEvent) -> None:  # noqa: N802 - Qt's name
        """Offer it no longer."""
        super().leaveEvent(left)
        self._clear.hide()

    def resizeEvent(self, resized: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the clear button in its corner."""
        super().resizeEvent(resized)
        self._clear.move(self.width() - _CLEAR_PX - _CLEAR_INSET, _CLEAR_INSET)

    def _aim(self, *, aimed: bool) -> None:
        self._aimed_at = aimed
        self.update()

    def _drag(self) -> None:
        drag = QDrag(self)
        drag.setMimeData(self.drag_data())
        if self._look.image is not None:
            small = self._look.image.scaled(
                _DRAG_PX,
                _DRAG_PX,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            drag.setPixmap(QPixmap.fromImage(small))
        drag.exec(Qt.DropAction.MoveAction | Qt.DropAction.CopyAction)

    def _clear_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(f"slot_{self.index}_clear")
        button.setIcon(icon("close", self))
        button.setIconSize(QSize(12, 12))
        button.setFixedSize(_CLEAR_PX, _CLEAR_PX)
        button.setToolTip("Clear")
        button.setAccessibleName(f"Clear image {self.index + 1}")
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setCursor(Qt.CursorShape.ArrowCursor)
        button.hide()
        button.clicked.connect(self._on_clear_clicked)
        return button

    @Slot()
    def _on_clear_clicked(self) -> None:
        if self._state.path is not None:
            self.cleared.emit(self.index)

    def _is_pointed_at(self) -> bool:
        return self.isVisible() and self.underMouse()

    def _describe(self, busy: str) -> None:
        """Set tooltip and what is read out."""
        state = self._state
        name = f"Image {self.index + 1}" if state.several else "Image"
        if self._state.path is None:
            self.setAccessibleName(f"{name}, {busy.rstrip('…').lower()}" if busy else f"{name}, empty")
            self.setToolTip("Drop a picture, paste one, or click to choose.")
            return
        lines = [self._state.path.name]
        if isinstance(self._state.shown, LoadedPicture):
            info = self._state.shown.info
            lines.append(f"{info.size} px · {byte_text(info.byte_count)}")
        elif self._state.shown is not None:
            lines.append(self._state.shown.message)
        if state.sets_size:
            lines.append("Sets the size of the result.")
        if state.problem:
            lines.append(state.problem)
        self.setToolTip("\n".join(lines))
        self.setAccessibleName(f"{name}: {self._state.path.name}")
        self.setAccessibleDescription(" ".join(lines[1:]))
