"""The picture itself: painted at any zoom, alone or against what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRect, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from qie_desktop.core.geometry import Size
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.viewer.comparison import Comparison, aligned
from qie_desktop.ui.viewer.decoration import (
    GRID_ABOVE,
    logical,
    paint_chequers,
    paint_focus,
    paint_grid,
    paint_label,
    paint_note,
)
from qie_desktop.ui.viewer.motion import CrossFade
from qie_desktop.ui.viewer.navigation import Navigation
from qie_desktop.ui.viewer.pyramid import Pyramid, forming_pyramid
from qie_desktop.ui.viewer.view import Placed, View

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QImage, QPaintEvent, QResizeEvent

BEFORE, AFTER = "Before", "After"
_BY_KEYBOARD = frozenset(
    {Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason}
)
_BACK_AGAIN = frozenset({Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason})
"""The focus was here before, and is as it was."""


class Canvas(QWidget):
    """Paints a picture in a view that the person moves. It knows nothing of jobs and files."""

    zoom_changed = Signal(float)
    """float: percent; at 100 a pixel of the picture is one of the screen's."""
    stepped = Signal(int)
    """int: 1 or -1; the person asked for the next or the previous picture with an arrow key."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("viewer")
        self.setAccessibleName("Viewer")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._picture: Pyramid | None = None
        self._before: Pyramid | None = None
        self._forming: QImage | None = None
        self._note = ""
        self._shows_focus = False
        self._view: View | None = None
        self.comparison = Comparison(self)
        self.comparison.changed.connect(self._on_comparison_changed)
        self.fade = CrossFade(self)
        self.fade.moved.connect(self.update)
        self.navigation = Navigation(self)
        self.navigation.stepped.connect(self.stepped)

    @property
    def picture(self) -> Pyramid | None:
        """What is shown."""
        return self._picture

    @property
    def before(self) -> Pyramid | None:
        """What it is compared with."""
        return self._before

    @property
    def view(self) -> View | None:
        """How it lies; None while nothing is shown."""
        return self._view

    @property
    def ratio(self) -> float:
        """How many pixels of the screen there are to one of the widget's."""
        return self.devicePixelRatioF()

    def show_picture(self, picture: Pyramid | None, *, gently: bool = False) -> None:
        """Show a picture, or none; `gently`: what was seen goes over into it.

        The view stays as it is for a picture of the same size.
        """
        if gently:
            self.fade.begin(self._snapshot())
        else:
            self.fade.stop()
        self._picture = picture
        self._forming = None
        if picture is None:
            self._view = None
        elif self._view is None:
            self._set_view(View.fitted(self._viewport(), picture.size, self._margin()))
        else:
            self._set_view(self._view.of_picture(picture.size))
        self._on_comparison_changed()

    def refine_picture(self, picture: Pyramid) -> None:
        """Show the same picture with more of its pixels; whatever goes on goes on."""
        self._picture = picture
        self.update()

    def show_before(self, before: Pyramid | None) -> None:
        """Show what the picture was made from, where it is compared."""
        self._before = before
        self.update()

    def show_forming(self, image: QImage | None, size: Size | None = None) -> None:
        """Show a forming picture over the one that is there; where there is none, as one of `size`."""
        self._forming = image
        if image is not None and size is not None and (self._view is None or self._view.picture != size):
            self._set_view(View.fitted(self._viewport(), size, self._margin()))
        self.update()

    def show_note(self, note: str) -> None:
        """Show a sentence while there is no picture."""
        self._note = note
        self.update()

    def set_view(self, view: View) -> None:
        """Move the picture, as the person asks for it: at once."""
        if view != self._view:
            self.fade.stop()
            self._set_view(view)

    def event(self, event: QEvent) -> bool:
        """Follow the window to a screen of another resolution."""
        if event.type() is QEvent.Type.DevicePixelRatioChange:
            self._resize_view()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep a fitted picture fitted, and the middle of any other in the middle."""
        del event
        self._resize_view()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint what is seen."""
        painter = QPainter(self)
        self._paint(painter, event.rect())
        self.fade.paint(painter)
        if self._shows_focus and self.hasFocus():
            paint_focus(painter, self.rect().toRectF(), Colours.of(self.palette()))

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Show the focus where the keyboard has brought it; after a click the pointer shows where it is."""
        if event.reason() not in _BACK_AGAIN:
            self._shows_focus = event.reason() in _BY_KEYBOARD
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Show the focus no longer."""
        del event
        self.update()

    def _paint(self, painter: QPainter, area: QRect) -> None:
        colours = Colours.of(self.palette())
        painter.fillRect(area, colours.window)
        if self._view is None or (self._picture is None and self._forming is None):
            paint_note(painter, self._note, self.rect().toRectF(), colours)
            return
        view, ratio, visible = self._view, self.ratio, self._view.visible
        seen = visible.within(_device(area, ratio))
        for layer, rect, part in self._layers(view, visible):
            clip = part.within(seen)
            painter.save()
            painter.setClipRect(logical(clip, ratio))
            if layer.has_alpha:
                paint_chequers(painter, rect, clip, ratio, self.palette())
            layer.paint(painter, rect, clip, ratio)
            painter.restore()
        if view.scale > GRID_ABOVE and self._forming is None:
            paint_grid(painter, view, seen, ratio, colours)
        self._paint_labels(painter, visible, colours)

    def _layers(self, view: View, visible: Placed) -> list[tuple[Pyramid, Placed, Placed]]:
        """Return what is painted, where it lies, and the part of the viewport where it is seen."""
        if self._forming is not None:
            below = [] if self._picture is None else [(self._picture, view.rect, visible)]
            return [*below, (forming_pyramid(self._forming, view.picture), view.rect, visible)]
        if self._picture is None:
            return []
        after = (self._picture, view.rect, visible)
        if self._before is None or not (self.comparison.is_on or self.comparison.is_flipped):
            return [after]
        lies = aligned(view.rect, self._before.size, self._picture.size)
        if self.comparison.is_flipped:
            return [(self._before, lies, visible)]
        split = self.comparison.split(visible)
        left = Placed(visible.left, visible.top, split - visible.left, visible.height)
        right = Placed(split, visible.top, visible.right - split, visible.height)
        return [(self._before, lies, left), (self._picture, view.rect, right)]

    def _paint_labels(self, painter: QPainter, visible: Placed, colours: Colours) -> None:
        if self._before is None or self._picture is None or self._forming is not None:
            return
        bounds = logical(visible, self.ratio)
        if self.comparison.is_flipped:
            paint_label(painter, BEFORE, bounds, colours, at_right=False)
        elif self.comparison.is_on:
            split = self.comparison.split(visible) / self.ratio
            left, right = bounds.adjusted(0, 0, 0, 0), bounds.adjusted(0, 0, 0, 0)
            left.setRight(split)
            right.setLeft(split)
            paint_label(painter, BEFORE, left, colours, at_right=False)
            paint_label(painter, AFTER, right, colours, at_right=True)

    def _snapshot(self) -> QPixmap:
        """Return what is seen now, without the divider."""
        pixmap = QPixmap(self.size() * self.ratio)
        pixmap.setDevicePixelRatio(self.ratio)
        painter = QPainter(pixmap)
        self._paint(painter, self.rect())
        painter.end()
        return pixmap

    def _viewport(self) -> Size:
        return Size(max(1, round(self.width() * self.ratio)), max(1, round(self.height() * self.ratio)))

    def _margin(self) -> int:
        return round(Spacing.l * self.ratio)

    def _resize_view(self) -> None:
        self.fade.stop()
        if self._view is not None:
            self._set_view(self._view.in_viewport(self._viewport(), self._margin()))

    def _set_view(self, view: View) -> None:
        before, self._view = self._view, view
        self.navigation.show_cursor()
        self._on_comparison_changed()
        if before is None or before.scale != view.scale:
            self.zoom_changed.emit(view.scale * 100)

    @Slot()
    def _on_comparison_changed(self) -> None:
        if self._view is not None:
            shown = self._picture is not None and self._forming is None
            self.comparison.lay_out(self._view.visible, self.ratio, shown=shown)
        else:
            self.comparison.divider.hide()
        self.update()


def _device(area: QRect, ratio: float) -> Placed:
    """Return an area of the widget in whole device pixels, none of it left out."""
    left, top = int(area.left() * ratio), int(area.top() * ratio)
    right, bottom = -int(-(area.right() + 1) * ratio // 1), -int(-(area.bottom() + 1) * ratio // 1)
    return Placed(left, top, right - left, bottom - top)
