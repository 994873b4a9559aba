from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.ui.controls.slot_painting import SlotLook, paint_slot
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.icons import Tone, icon

SMALL_PX = 48


def painted(look: SlotLook, side_px: int) -> QImage:
    """Return a slot over a white picture."""
    image = QImage(side_px, side_px, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    paint_slot(painter, image.rect(), look, Colours.of(QApplication.palette()))
    painter.end()
    return image


def is_bare(image: QImage, area: QRect) -> bool:
    """Whether nothing is painted over the picture there."""
    white = QColor("white")
    return all(
        image.pixelColor(x, y) == white
        for x in range(area.left(), area.right() + 1)
        for y in range(area.top(), area.bottom() + 1)
    )


def test_marks_of_a_small_slot_leave_most_of_its_picture_and_the_corner_to_clear_it(qtbot: QtBot) -> None:
    widget, picture = QWidget(), QImage(64, 64, QImage.Format.Format_RGB32)
    qtbot.addWidget(widget)
    picture.fill(QColor("white"))
    badge = icon("fit", widget, Tone.ON_OVERLAY)
    both = painted(SlotLook(image=picture, number=1, badge=badge), SMALL_PX)
    assert is_bare(both, QRect(3, 3, SMALL_PX - 6, SMALL_PX // 2))
    assert is_bare(both, QRect(SMALL_PX - 16, 3, 13, SMALL_PX - 6))
    # Both marks are there all the same.
    number = painted(SlotLook(image=picture, number=1), SMALL_PX)
    bare = painted(SlotLook(image=picture), SMALL_PX)
    assert both != number != bare
