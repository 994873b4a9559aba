"""Moving about in a picture: pinch, wheel, drag and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QNativeGestureEvent, QWheelEvent

from qie_desktop.ui.viewer.view import View

if TYPE_CHECKING:
    from qie_desktop.ui.viewer.canvas import Canvas

_NOTCH = 120
_NOTCHES_TO_DOUBLE = 4
_NOTCH_PAN = 60
_KEY_PAN = 60
_PAN_KEYS = {
    Qt.Key.Key_Left: (1, 0),
    Qt.Key.Key_Right: (-1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
_ZOOM_KEYS = {Qt.Key.Key_Plus: 1, Qt.Key.Key_Equal: 1, Qt.Key.Key_Minus: -1}
_IN_NO_CHORD = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
_DRAGGING = (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton)


class Navigation(QObject):
    """Turns what the person does over a canvas into views of it."""

    stepped = Signal(int)
    """int: 1 or -1; an arrow key was pressed that has nothing to pan across."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._dragged_to: QPointF | None = None
        canvas.installEventFilter(self)

    def show_cursor(self) -> None:
        """Show by the pointer whether the picture can be dragged."""
        view = self._canvas.view
        if self._dragged_to is not None:
            self._canvas.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif view is not None and any(view.can_pan()):
            self._canvas.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self._canvas.unsetCursor()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take the events that move the picture, and leave all others."""
        del watched
        match event:
            case QWheelEvent():
                return self._wheel(event)
            case QNativeGestureEvent():
                return self._gesture(event)
            case QMouseEvent():
                return self._mouse(event)
            case QKeyEvent():
                return self._key(event)
            case QFocusEvent() if event.lostFocus():
                # The release of a held key will never be heard.
                self._canvas.comparison.set_flipped(flipped=False)
                return False
            case _:
                return False

    def _wheel(self, event: QWheelEvent) -> bool:
        view = self._canvas.view
        if view is None:
            return False
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            notches = event.angleDelta().y() / _NOTCH
            scale = view.scale * 2 ** (notches / _NOTCHES_TO_DOUBLE)
            self._canvas.set_view(view.zoomed(scale, self._device(event.position())))
            return True
        moved = QPointF(event.pixelDelta())
        if moved.isNull():
            moved = QPointF(event.angleDelta()) / _NOTCH * _NOTCH_PAN
        self._pan(moved)
        return True

    def _gesture(self, event: QNativeGestureEvent) -> bool:
        view = self._canvas.view
        if view is None:
            return False
        if event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
            scale = view.scale * max(0.1, 1 + event.value())
            self._canvas.set_view(view.zoomed(scale, self._device(event.position())))
            return True
        if event.gestureType() is Qt.NativeGestureType.SmartZoomNativeGesture:
            self._toggle_fit(event.position())
            return True
        return False

    def _mouse(self, event: QMouseEvent) -> bool:
        view = self._canvas.view
        if view is None:
            return False
        match event.type():
            case QEvent.Type.MouseButtonDblClick if event.button() is Qt.MouseButton.LeftButton:
                self._toggle_fit(event.position())
                return True
            case QEvent.Type.MouseButtonPress if event.button() in _DRAGGING and any(view.can_pan()):
                self._dragged_to = event.position()
                self.show_cursor()
                # The canvas takes the keyboard by the same press.
                return False
            case QEvent.Type.MouseMove if self._dragged_to is not None:
                self._pan(event.position() - self._dragged_to)
                self._dragged_to = event.position()
                return True
            case QEvent.Type.MouseButtonRelease if self._dragged_to is not None:
                self._dragged_to = None
                self.show_cursor()
                return True
            case _:
                return False

    def _key(self, event: QKeyEvent) -> bool:
        if event.modifiers() & ~_IN_NO_CHORD:
            return False
        if event.key() == Qt.Key.Key_Space:
            return self._space(event)
        view = self._canvas.view
        if view is None or event.type() is not QEvent.Type.KeyPress:
            return False
        if event.key() in _ZOOM_KEYS:
            self._canvas.set_view(view.stepped(_ZOOM_KEYS[Qt.Key(event.key())]))
            return True
        if event.key() not in _PAN_KEYS:
            return False
        across, down = _PAN_KEYS[Qt.Key(event.key())]
        can_pan = view.can_pan()
        if across and not can_pan[0]:
            self.stepped.emit(-across)
        else:
            self._pan(QPointF(across * _KEY_PAN, down * _KEY_PAN))
        return True

    def _space(self, event: QKeyEvent) -> bool:
        comparison = self._canvas.comparison
        if event.type() not in {QEvent.Type.KeyPress, QEvent.Type.KeyRelease} or not comparison.is_available:
            return False
        # A held key is pressed and released over and over.
        if not event.isAutoRepeat():
            comparison.set_flipped(flipped=event.type() is QEvent.Type.KeyPress)
        return True

    def _toggle_fit(self, at: QPointF) -> None:
        view = self._canvas.view
        if view is None:
            return
        if view.fits:
            self._canvas.set_view(view.zoomed(1.0, self._device(at)))
        else:
            self._canvas.set_view(View.fitted(view.viewport, view.picture, view.margin))

    def _pan(self, moved: QPointF) -> None:
        view = self._canvas.view
        if view is not None:
            ratio = self._canvas.ratio
            self._canvas.set_view(view.panned(moved.x() * ratio, moved.y() * ratio))

    def _device(self, at: QPointF) -> tuple[float, float]:
        return at.x() * self._canvas.ratio, at.y() * self._canvas.ratio
