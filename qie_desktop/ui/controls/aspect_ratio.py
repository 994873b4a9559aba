"""The aspect ratio as little tiles drawn to shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QSizePolicy, QWidget

from qie_desktop.core.geometry import parse_ratio
from qie_desktop.core.shared_parameters import MATCH_INPUT_IMAGE
from qie_desktop.ui.controls.applicable import aspect_ratio_of, values_of
from qie_desktop.ui.controls.flow_layout import FlowBox
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.contrast import mixed
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Radius, Spacing, TextSize

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from qie_desktop.core.parameters import Choice
    from qie_desktop.ui.draft import Draft

_TILE = QSize(38, 50)
_SHAPE_PX = 22
_LABEL_PX = 16


class AspectRatioTiles(FlowBox):
    """The ratios that the draft's model offers. The arrow keys choose; Tab goes past them."""

    def __init__(self, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent, Spacing.xs, even=True)
        self.setObjectName("aspect_ratio")
        self.setAccessibleName("Aspect ratio")
        self._draft = draft
        self._name = ""
        self._choices: tuple[Choice, ...] = ()
        self._tiles: dict[str, _Tile] = {}
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._on_tile_clicked)
        for signal in (draft.model_changed, draft.images_changed, draft.values_changed):
            signal.connect(self._on_state_changed)
        self._on_state_changed()

    @property
    def ratios(self) -> tuple[str, ...]:
        """What is offered now."""
        return tuple(self._tiles)

    @property
    def is_needed(self) -> bool:
        """Whether the draft's model has an aspect ratio to choose at all."""
        return bool(self._tiles)

    @Slot()
    def _on_state_changed(self) -> None:
        spec = aspect_ratio_of(self._draft)
        choices = () if spec is None else spec.offered(self._draft.image_count)
        self._name = "" if spec is None else spec.name
        if choices != self._choices:
            self._choices = choices
            self._build(choices)
        current = str(values_of(self._draft).get(self._name, ""))
        if current in self._tiles:
            self._tiles[current].setChecked(True)

    @Slot(QAbstractButton)
    def _on_tile_clicked(self, _button: QAbstractButton) -> None:
        chosen = next((value for value, tile in self._tiles.items() if tile.isChecked()), None)
        if chosen is not None:
            self._draft.set_value(self._name, chosen)

    def _build(self, choices: tuple[Choice, ...]) -> None:
        for tile in self._tiles.values():
            self._group.removeButton(tile)
            self.flow.removeWidget(tile)
            tile.hide()
            tile.deleteLater()
        self._tiles = {}
        for choice in choices:
            tile = _Tile(choice)
            tile.setObjectName(f"aspect_ratio_{choice.value}")
            self._tiles[choice.value] = tile
            self._group.addButton(tile)
            self.flow.addWidget(tile)
            tile.show()
        self.fit_height()


class _Tile(QAbstractButton):
    """One ratio, drawn to shape over its name."""

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self._ratio = None if choice.value == MATCH_INPUT_IMAGE else parse_ratio(choice.value)
        self.setText("Input" if self._ratio is None else choice.label)
        self.setToolTip(choice.help or choice.label)
        self.setAccessibleName(choice.label if self._ratio is None else choice.label.replace(":", " to "))
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The least size of a tile; its row makes it wider."""
        return _TILE

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the shape and its name."""
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        face = QRectF(self.rect())
        if self.isChecked() or self.underMouse():
            share = 0.16 if self.isChecked() else 0.06
            painter.setBrush(
                mixed(colours.surface, colours.accent if self.isChecked() else colours.text, share)
            )
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(face, Radius.small, Radius.small)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colours.accent, 1.5))
            painter.drawRoundedRect(face.adjusted(0.75, 0.75, -0.75, -0.75), Radius.small, Radius.small)
        middle = QRect(0, Spacing.xs, self.width(), self.height() - Spacing.xs - _LABEL_PX).center()
        if self._ratio is None:
            tone = Tone.ACCENT if self.isChecked() else Tone.MUTED
            spot = QRect(
                middle.x() - _SHAPE_PX // 2 + 1, middle.y() - _SHAPE_PX // 2 + 1, _SHAPE_PX, _SHAPE_PX
            )
            icon("image", self, tone).paint(painter, spot)
        else:
            self._paint_shape(painter, QRectF(self.rect()).center().x(), middle.y() + 0.5, colours)
        painter.setFont(TextSize.small())
        painter.setPen(colours.text if self.isChecked() else colours.muted)
        label = QRect(0, self.height() - _LABEL_PX - 3, self.width(), _LABEL_PX)
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, self.text())
        painter.end()

    def _paint_shape(self, painter: QPainter, x: float, y: float, colours: Colours) -> None:
        across, down = self._ratio or (1, 1)
        longer = max(across, down)
        width, height = _SHAPE_PX * across / longer, _SHAPE_PX * down / longer
        shape = QRectF(x - width / 2, y - height / 2, width, height)
        tone = colours.accent_text if self.isChecked() else colours.muted
        fill = mixed(colours.surface, tone, 0.3)
        painter.setBrush(fill)
        painter.setPen(QPen(tone, 1.5))
        painter.drawRoundedRect(shape, 2, 2)
