"""One model in the list: its name, where it runs, price and time, and what is in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QAbstractButton, QPushButton, QSizePolicy, QWidget

from qie_desktop.ui.controls.wording import (
    FIXES,
    PLACE_ICONS,
    place_text,
    price_text,
    reason_text,
    typical_time_text,
)
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.contrast import mixed
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Radius, Spacing, TextSize

if TYPE_CHECKING:
    from PySide6.QtGui import QEnterEvent, QKeyEvent, QPaintEvent, QResizeEvent

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.storage.settings import Settings

_SIZE = QSize(432, 46)
_ICON_PX = 18
_TEXT_LEFT = Spacing.s + _ICON_PX + Spacing.s
_CHECK_PX = 14


class ModelRow(QAbstractButton):
    """A row to click; with the button that mends what is in the way, where there is one."""

    help_requested = Signal(str)
    """str: the code of the error that the person wants mended."""

    def __init__(self, spec: ModelSpec, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec = spec
        self._settings = settings
        self._price = ""
        self._problem: QieError | None = None
        self._reason = ""
        self._place = icon(PLACE_ICONS[spec.place], self, Tone.MUTED)
        self._place_chosen = icon(PLACE_ICONS[spec.place], self, Tone.ACCENT)
        self.setObjectName(f"model_{spec.id}")
        self.setText(spec.name)
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setToolTip(spec.summary)
        self._fix = QPushButton(self)
        self._fix.setObjectName(f"model_{spec.id}_fix")
        self._fix.setFont(TextSize.small())
        self._fix.hide()
        self._fix.clicked.connect(self._on_fix_clicked)
        self.show_problem(None)

    def show_problem(self, problem: QieError | None, download: str = "") -> None:
        """Show why the model cannot be used now, and offer to mend it; or how far its download is."""
        self._problem = problem
        self._reason = "" if problem is None else download or reason_text(problem)
        self._price = price_text(self.spec, self._settings)
        fix = FIXES.get(problem.code) if problem else None
        self._fix.setVisible(fix is not None)
        if fix and problem:
            fix = "Show…" if download else fix
            self._fix.setText(fix)
            self._fix.setAccessibleName(f"{fix.rstrip('…')} for {self.spec.name}")
            self._place_fix()
        details = [place_text(self.spec.place), self._price, typical_time_text(self.spec)]
        if problem:
            details.append(self._reason)
        self.setAccessibleName(f"{self.spec.name}, {', '.join(details)}")
        self.setToolTip(f"{problem.message} {problem.hint}".strip() if problem else self.spec.summary)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The size of every row."""
        return _SIZE

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the row."""
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.hasFocus():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(mixed(colours.surface, colours.accent, 0.16))
            painter.drawRoundedRect(QRectF(self.rect()), Radius.small, Radius.small)
        top = (self.height() - _ICON_PX) // 2
        glyph = self._place_chosen if self.isChecked() else self._place
        glyph.paint(painter, QRect(Spacing.s, top, _ICON_PX, _ICON_PX))
        right = self._fix.x() - Spacing.s if not self._fix.isHidden() else self.width() - Spacing.s
        room = QRect(_TEXT_LEFT, 5, right - _TEXT_LEFT, self.height() // 2 - 4)
        self._paint_name(painter, room, colours)
        room.moveTop(self.height() // 2 + 1)
        self._paint_detail(painter, room, colours)
        painter.end()

    def keyPressEvent(self, pressed: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Choose with Return as with Space."""
        if pressed.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.click()
        else:
            # Up and down are the list's: moving on is not yet choosing.
            pressed.ignore() if pressed.key() != Qt.Key.Key_Space else super().keyPressEvent(pressed)

    def enterEvent(self, entered: QEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Show which row a click would choose."""
        super().enterEvent(entered)
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    def resizeEvent(self, resized: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the button at the right."""
        super().resizeEvent(resized)
        self._place_fix()

    def changeEvent(self, changed: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow a new font or style with the button's place."""
        super().changeEvent(changed)
        if changed.type() in {QEvent.Type.StyleChange, QEvent.Type.FontChange}:
            self._place_fix()

    def _paint_detail(self, painter: QPainter, room: QRect, colours: Colours) -> None:
        painter.setFont(TextSize.small())
        metrics, left = painter.fontMetrics(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        detail = f"{self._price} · {typical_time_text(self.spec)}"
        painter.setPen(colours.muted)
        painter.drawText(room, left, metrics.elidedText(detail, Qt.TextElideMode.ElideRight, room.width()))
        if self._problem is not None:
            rest = room.adjusted(metrics.horizontalAdvance(f"{detail} · "), 0, 0, 0)
            reason = metrics.elidedText(self._reason, Qt.TextElideMode.ElideRight, max(0, rest.width()))
            painter.setPen(colours.warning)
            painter.drawText(rest, left, reason)

    def _paint_name(self, painter: QPainter, room: QRect, colours: Colours) -> None:
        painter.setFont(self.font())
        painter.setPen(colours.text)
        name = painter.fontMetrics().elidedText(self.spec.name, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, name)
        if self.isChecked():
            left = room.left() + painter.fontMetrics().horizontalAdvance(name) + Spacing.xs
            spot = QRect(left, room.bottom() - _CHECK_PX - 1, _CHECK_PX, _CHECK_PX)
            icon("check", self, Tone.ACCENT).paint(painter, spot)

    def _place_fix(self) -> None:
        size = self._fix.sizeHint()
        left = self.width() - Spacing.s - size.width()
        self._fix.setGeometry(left, (self.height() - size.height()) // 2, size.width(), size.height())

    @Slot()
    def _on_fix_clicked(self) -> None:
        if self._problem is not None:
            self.help_requested.emit(self._problem.code)
