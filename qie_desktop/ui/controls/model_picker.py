"""The model picker: a button that shows the model and opens the list of all, and a line about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QVBoxLayout,
    QWidget,
)

from qie_desktop.ui.controls.model_popup import ModelPopup
from qie_desktop.ui.controls.wording import PLACE_ICONS, summary_text
from qie_desktop.ui.look.classes import make_muted
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QPaintEvent

    from qie_desktop.ui.controls.readiness import Readiness
    from qie_desktop.ui.draft import Draft
    from qie_desktop.ui.session import Session

_ICON_PX = 16
_CHEVRON_PX = 12
_HEIGHT_PX = 30


class ModelPicker(QWidget):
    """Shows the draft's model and lets the person choose another."""

    help_requested = Signal(str)
    """str: the code of the error that the person wants mended."""

    def __init__(
        self, session: Session, draft: Draft, readiness: Readiness, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = session.settings
        self._draft = draft
        self.button = _PickerButton()
        self.button.setObjectName("model_picker")
        self._readiness = readiness
        self._popup: ModelPopup | None = None
        self._summary = QLabel()
        self._summary.setObjectName("model_summary")
        make_muted(self._summary)
        self._note = QLabel(wordWrap=True)
        self._note.setObjectName("model_note")
        make_muted(self._note)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Spacing.xs)
        column.addWidget(self.button)
        column.addWidget(self._summary)
        column.addWidget(self._note)
        self.button.clicked.connect(self._on_button_clicked)
        draft.model_changed.connect(self._on_model_changed)
        # A price of one's own comes from the same place as a token: the settings.
        readiness.changed.connect(self._on_model_changed)
        self._on_model_changed()

    @Slot()
    def _on_button_clicked(self) -> None:
        # Made when it is first wanted: the window is to be there before.
        if self._popup is None:
            self._popup = ModelPopup(self._readiness, self._settings, self)
            self._popup.chosen.connect(self._on_chosen)
            self._popup.help_requested.connect(self.help_requested)
        self._popup.open(self.button, self._draft.spec.id)

    @Slot(str)
    def _on_chosen(self, model_id: str) -> None:
        self._draft.set_model(model_id)
        self.button.setFocus(Qt.FocusReason.PopupFocusReason)

    @Slot()
    def _on_model_changed(self) -> None:
        spec = self._draft.spec
        self.button.show_model(spec.name, PLACE_ICONS[spec.place])
        self.button.setToolTip(spec.summary)
        self._summary.setText(summary_text(spec, self._settings))
        self._summary.setToolTip(spec.summary)
        # Of one that understands little, what it is not is said, too.
        self._note.setText(spec.summary)
        self._note.setVisible(bool(spec.understands))


class _PickerButton(QPushButton):
    """A pop-up button as wide as the panel, with a glyph, a name and a chevron."""

    def __init__(self) -> None:
        super().__init__()
        self._glyph = icon("local", self, Tone.MUTED)
        self._chevron = icon("chevron_down", self, Tone.MUTED)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_model(self, name: str, glyph: str) -> None:
        """Show another model."""
        self._glyph = icon(glyph, self, Tone.MUTED)
        self.setText(name)
        self.setAccessibleName(f"Model: {name}")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As wide as there is room for."""
        return QSize(160, max(_HEIGHT_PX, super().sizeHint().height()))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Narrower than a long name: that is cut short."""
        return QSize(120, self.sizeHint().height())

    def keyPressEvent(self, pressed: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Open with the arrow keys, as pop-up buttons do."""
        if pressed.key() in {Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.click()
        else:
            super().keyPressEvent(pressed)

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Let the style draw the button, and put glyph, name and chevron in."""
        painter = QPainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""  # pyright: ignore[reportAttributeAccessIssue] - a field in C++
        self.style().drawControl(QStyle.ControlElement.CE_PushButton, option, painter, self)
        middle = self.height() // 2
        self._glyph.paint(painter, QRect(Spacing.s, middle - _ICON_PX // 2, _ICON_PX, _ICON_PX))
        right = self.width() - Spacing.s - _CHEVRON_PX
        self._chevron.paint(painter, QRect(right, middle - _CHEVRON_PX // 2, _CHEVRON_PX, _CHEVRON_PX))
        left = 2 * Spacing.s + _ICON_PX
        room = QRect(left, 0, right - Spacing.xs - left, self.height())
        painter.setPen(Colours.of(self.palette()).text)
        name = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
        painter.end()
