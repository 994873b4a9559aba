"""Text in a few lines, the last one cut short where there is more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QTextLayout, QTextOption

if TYPE_CHECKING:
    from PySide6.QtGui import QFont, QPainter


def paint_wrapped(painter: QPainter, rect: QRectF, text: str, font: QFont) -> None:
    """Paint text centred in a rectangle, in the painter's colour, in as many lines as fit."""
    painter.setFont(font)
    metrics = painter.fontMetrics()
    lines = _lines(text, font, rect.width())
    room = max(1, int(rect.height() // metrics.lineSpacing()))
    if len(lines) > room:
        rest = " ".join(line.strip() for line in lines[room - 1 :])
        lines = [
            *lines[: room - 1],
            metrics.elidedText(rest, Qt.TextElideMode.ElideRight, int(rect.width())),
        ]
    top = rect.top() + (rect.height() - len(lines) * metrics.lineSpacing()) / 2
    for number, line in enumerate(lines):
        at = QPointF(rect.left(), top + number * metrics.lineSpacing())
        box = QRectF(at.x(), at.y(), rect.width(), metrics.lineSpacing())
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, line.strip())


def _lines(text: str, font: QFont, width: float) -> list[str]:
    layout = QTextLayout(text, font)
    layout.setTextOption(QTextOption(Qt.AlignmentFlag.AlignHCenter))
    lines: list[str] = []
    layout.beginLayout()
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        lines.append(text[line.textStart() : line.textStart() + line.textLength()])
    layout.endLayout()
    return lines
