"""What went wrong and what to do about it, in a calm bar over the picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication, QPainter, QPen
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from qie_desktop.ui.look.classes import make_muted, make_primary, make_quiet
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.icon_label import IconLabel
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Radius, Spacing, TextSize

if TYPE_CHECKING:
    from PySide6.QtGui import QFont, QKeyEvent, QPaintEvent

    from qie_desktop.ui.viewer.remedies import Remedy

_ICON_PX = 20
SHADOW_PX = 8
"""How far the shadow reaches beyond the panel, on each side."""
_SHADOW_ALPHA = 4


class Kind(StrEnum):
    """How grave a message is; the name of its icon."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


_TONES = {Kind.ERROR: Tone.DANGER, Kind.WARNING: Tone.WARNING, Kind.INFO: Tone.ACCENT}


@dataclass(frozen=True, slots=True)
class Message:
    """What is told: what happened, what to do, what can be done with a click, and the details to copy.

    `about_input`: it is about a picture that is just coming in, and stays when that one is shown.
    """

    kind: Kind
    title: str
    hint: str = ""
    remedies: tuple[Remedy, ...] = ()
    details: str = ""
    code: str = ""
    about_input: bool = False


class MessageBar(QFrame):
    """Shows one message at a time until it is closed. It never takes the keyboard by itself."""

    chosen = Signal(object)
    """Remedy: its button was clicked."""
    closed = Signal()
    """The person has closed the bar."""
    resized = Signal()
    """The bar needs another height."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message_bar")
        self._message: Message | None = None
        self._buttons: dict[QPushButton, Remedy] = {}
        self._icon = IconLabel(_ICON_PX, parent=self)
        self._title = _text(self, "message_title")
        self._title.setFont(_semibold(self))
        self._hint = _text(self, "message_hint")
        self._details = _text(self, "message_details")
        make_muted(self._details)
        self._details_toggle = QToolButton(self)
        self._details_toggle.setText("Details")
        self._details_toggle.setObjectName("details_toggle")
        self._details_toggle.setCheckable(True)
        self._details_toggle.setFont(TextSize.small())
        make_quiet(self._details_toggle)
        self._details_toggle.toggled.connect(self._on_details_toggled)
        self._copy = QToolButton(self)
        self._copy.setObjectName("copy_details")
        self._copy.setIcon(icon("copy", self._copy))
        self._copy.setAccessibleName("Copy the message and its details")
        make_quiet(self._copy)
        self._copy.clicked.connect(self._on_copy_clicked)
        self._close = QToolButton(self)
        self._close.setObjectName("close_message")
        self._close.setIcon(icon("close", self._close))
        self._close.setToolTip("Close")
        self._close.setAccessibleName("Close the message")
        make_quiet(self._close)
        self._close.clicked.connect(self._on_close_clicked)
        self._row = QHBoxLayout()
        self._lay_out()
        self.hide()

    @property
    def message(self) -> Message | None:
        """What is told now."""
        return self._message

    def show_message(self, message: Message) -> None:
        """Show a message instead of any other, and have it read out."""
        self._message = message
        self._icon.show_icon(message.kind.value, _TONES[message.kind])
        self._title.setText(message.title)
        self._hint.setText(message.hint)
        self._hint.setVisible(bool(message.hint))
        self._details.setText(message.details)
        self._details_toggle.setChecked(False)
        self._details_toggle.setVisible(bool(message.details))
        self._show_copied(copied=False)
        self._on_details_toggled(shown=False)
        self._show_remedies(message.remedies)
        words = " ".join(filter(None, (message.title, message.hint)))
        self.setAccessibleName(words)
        self.show()
        self.raise_()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))
        self.resized.emit()

    def clear(self) -> None:
        """Show nothing."""
        self._message = None
        self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Close with Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self._on_close_clicked()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint a panel with a soft shadow."""
        del event
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        shade = colours.overlay
        shade.setAlpha(_SHADOW_ALPHA)
        painter.setBrush(shade)
        whole = QRectF(self.rect())
        for inset in range(1, SHADOW_PX):
            radius = Radius.medium + SHADOW_PX - inset
            painter.drawRoundedRect(whole.adjusted(inset, inset + 1, -inset, -inset + 1), radius, radius)
        edge = SHADOW_PX + 0.5
        painter.setPen(QPen(colours.border, 1))
        painter.setBrush(colours.surface)
        panel = whole.adjusted(edge, edge, -edge, -edge)
        painter.drawRoundedRect(panel, Radius.medium, Radius.medium)

    def _lay_out(self) -> None:
        corner = QHBoxLayout()
        corner.setSpacing(Spacing.xs)
        corner.addWidget(self._details_toggle)
        corner.addWidget(self._close)
        # In line with a title of one line.
        self._icon.setMinimumHeight(self._close.sizeHint().height())
        self._row.setSpacing(Spacing.s)
        self._row.setContentsMargins(0, Spacing.s, 0, 0)
        self._row.addStretch(1)
        grid = QGridLayout(self)
        edge = Spacing.m + SHADOW_PX
        grid.setContentsMargins(edge, edge, edge, edge)
        grid.setHorizontalSpacing(Spacing.s)
        grid.setVerticalSpacing(Spacing.xs)
        grid.setColumnStretch(1, 1)
        top = Qt.AlignmentFlag.AlignTop
        grid.addWidget(self._icon, 0, 0, top)
        grid.addWidget(self._title, 0, 1)
        grid.addLayout(corner, 0, 2, top)
        grid.addWidget(self._hint, 1, 1, 1, 2)
        grid.addWidget(self._details, 2, 1)
        grid.addWidget(self._copy, 2, 2, top | Qt.AlignmentFlag.AlignRight)
        grid.addLayout(self._row, 3, 1, 1, 2)

    def _show_remedies(self, remedies: tuple[Remedy, ...]) -> None:
        for button in self._buttons:
            button.hide()
            button.deleteLater()
        self._buttons = {}
        for at, remedy in enumerate(remedies):
            button = QPushButton(remedy.label, self)
            button.setObjectName(f"remedy_{at}")
            if at == 0:
                make_primary(button)
            button.clicked.connect(self._on_remedy_clicked)
            self._row.insertWidget(at, button, 0, Qt.AlignmentFlag.AlignVCenter)
            # A layout takes no account of a new child until it is shown, which Qt leaves for later.
            button.show()
            self._buttons[button] = remedy
        before: QWidget = self
        for widget in (*self._buttons, self._details_toggle, self._copy, self._close):
            if before is not self:
                QWidget.setTabOrder(before, widget)
            before = widget

    @Slot()
    def _on_remedy_clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QPushButton) and button in self._buttons:
            self.chosen.emit(self._buttons[button])

    @Slot(bool)
    def _on_details_toggled(self, shown: bool) -> None:
        self._details.setVisible(shown)
        self._copy.setVisible(shown)
        self.resized.emit()

    @Slot()
    def _on_copy_clicked(self) -> None:
        message = self._message
        if message is not None:
            words = filter(None, (message.title, message.hint, message.details))
            QGuiApplication.clipboard().setText("\n".join(words))
            self._show_copied(copied=True)

    def _show_copied(self, *, copied: bool) -> None:
        self._copy.setIcon(icon("check" if copied else "copy", self._copy))
        self._copy.setToolTip("Copied" if copied else "Copy the message and its details")

    @Slot()
    def _on_close_clicked(self) -> None:
        self.clear()
        self.closed.emit()


def _text(parent: QWidget, name: str) -> QLabel:
    label = QLabel(parent)
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _semibold(widget: QWidget) -> QFont:
    font = TextSize.body(widget.font())
    font.setWeight(font.Weight.DemiBold)
    return font
