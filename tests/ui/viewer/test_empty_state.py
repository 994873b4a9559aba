"""What to do first, and files dropped there."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.model import ModelKind
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.viewer.empty_state import EmptyState
from qie_desktop.ui.viewer.panel import ViewerPanel


@pytest.fixture
def empty(panel: ViewerPanel) -> EmptyState:
    found = panel.findChild(EmptyState, "empty_state")
    assert isinstance(found, EmptyState)
    return found


@pytest.mark.parametrize("kind", list(ModelKind))
def test_what_to_do_depends_on_the_kind_of_model(
    panel: ViewerPanel, empty: EmptyState, kind: ModelKind
) -> None:
    panel.invite(kind)
    QApplication.processEvents()
    button = empty.findChild(QPushButton, "empty_open")
    assert isinstance(button, QPushButton)
    takes_images = any(spec.inputs.maximum for spec in CATALOGUE if spec.kind is kind)
    assert button.isVisible() == takes_images
    for name in ("empty_title", "empty_text"):
        label = empty.findChild(QLabel, name)
        assert isinstance(label, QLabel)
        assert label.text() in empty.accessibleName()
        assert label.height() >= label.heightForWidth(label.width())


@pytest.mark.parametrize("kind", list(ModelKind))
def test_a_place_to_drop_is_drawn_only_where_images_are_taken(
    panel: ViewerPanel, empty: EmptyState, kind: ModelKind
) -> None:
    panel.invite(kind)
    QApplication.processEvents()
    shot = empty.grab().toImage()
    across = {shot.pixel(x, y) for y in range(Spacing.l - 2, Spacing.l + 3) for x in range(shot.width())}
    assert (len(across) > 1) == (kind is not ModelKind.GENERATE)


@pytest.mark.parametrize(("kind", "lights"), [(ModelKind.EDIT, True), (ModelKind.GENERATE, False)])
def test_it_lights_up_for_a_drag_where_the_model_takes_images(
    panel: ViewerPanel, empty: EmptyState, kind: ModelKind, lights: bool
) -> None:
    panel.invite(kind)
    calm = empty.grab().toImage()
    panel.set_lit(True)
    assert (empty.grab().toImage() != calm) == lights
    panel.set_lit(False)
    assert empty.grab().toImage() == calm


def test_open_images_is_asked_for(panel: ViewerPanel, empty: EmptyState, qtbot: QtBot) -> None:
    button = empty.findChild(QPushButton, "empty_open")
    assert button is not None
    with qtbot.waitSignal(panel.open_requested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
