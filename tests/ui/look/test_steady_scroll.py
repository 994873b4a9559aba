from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.ui.look.appearance import Appearance
from qie_desktop.ui.look.steady_scroll import SteadyScrollArea
from qie_desktop.ui.look.tokens import Spacing


@pytest.fixture
def fusion(qapp: QApplication, qtbot: QtBot) -> Appearance:
    """The look that has a scroll bar with a width of its own."""
    parent = QWidget()
    qtbot.addWidget(parent)
    return Appearance(qapp, "light", parent, native=False)


def test_content_keeps_its_width_when_the_scroll_bar_comes_and_goes(fusion: Appearance, qtbot: QtBot) -> None:
    inside, field = QWidget(), QWidget()
    field.setMinimumHeight(200)
    column = QVBoxLayout(inside)
    column.setContentsMargins(Spacing.l, Spacing.m, Spacing.l, Spacing.m)
    column.addWidget(field)
    area = SteadyScrollArea(inside)
    qtbot.addWidget(area)
    area.resize(300, 400)
    area.show()
    qtbot.waitUntil(lambda: field.width() == 300 - 2 * Spacing.l)
    assert not area.verticalScrollBar().isVisible()

    area.resize(300, 100)
    qtbot.waitUntil(area.verticalScrollBar().isVisible)
    assert field.width() == 300 - 2 * Spacing.l
    assert area.verticalScrollBar().width() <= Spacing.l

    area.resize(300, 400)
    qtbot.waitUntil(lambda: not area.verticalScrollBar().isVisible())
    assert field.width() == 300 - 2 * Spacing.l
