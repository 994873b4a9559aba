from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.ui.actions import ACTIONS, Actions, Fact, Menu
from qie_desktop.ui.gallery.gallery_actions import ENTRIES
from qie_desktop.ui.main_window import MainWindow

KEYS = {
    "settings": "Ctrl+,",
    "open_images": "Ctrl+O",
    "save_as": "Ctrl+Shift+S",
    "save_all": "Ctrl+Alt+S",
    "show_in_finder": "Ctrl+Shift+R",
    "compare": "Ctrl+Alt+C",
    "actual_size": "Ctrl+0",
    "fit": "Ctrl+9",
    "hide_controls": "Ctrl+Alt+1",
    "hide_gallery": "Ctrl+Alt+2",
    "run": "Ctrl+Return",
    "cancel": "Ctrl+.",
    "use_as_input": "Ctrl+U",
    "model:starter": "",
} | {f"model:{spec.id}": f"Ctrl+{number}" for number, spec in enumerate(CATALOGUE[:6], start=1)}


@pytest.fixture
def actions(qtbot: QtBot) -> Iterator[Actions]:
    window = QWidget()
    qtbot.addWidget(window)
    yield Actions(window)
    window.close()


@pytest.mark.parametrize(("action_id", "keys"), KEYS.items())
def test_keys_are_those_of_the_design(actions: Actions, action_id: str, keys: str) -> None:
    assert actions[action_id].shortcut().toString(QKeySequence.SequenceFormat.PortableText) == keys


def test_no_two_actions_share_an_id_or_a_key(actions: Actions) -> None:
    keys = [key.toString() for spec in ACTIONS for key in actions[spec.id].shortcuts()]
    assert [key for key, count in Counter(keys).items() if count > 1] == []
    assert [spec for spec, count in Counter(spec.id for spec in ACTIONS).items() if count > 1] == []


def test_every_action_does_something(open_window: Callable[..., MainWindow]) -> None:
    assert {spec.id for spec in ACTIONS} == open_window().commands.known


def test_every_action_stands_in_its_menu(open_window: Callable[..., MainWindow]) -> None:
    window = open_window()
    for menu in Menu:
        shown = window.menuBar().findChild(QMenu, f"menu_{menu.name.lower()}")
        texts = [action.objectName() for action in shown.actions() if not action.isSeparator()]
        assert texts == [spec.id for spec in ACTIONS if spec.menu is menu]


def test_menu_bar_and_context_menu_call_the_same_thing_by_the_same_name() -> None:
    texts = {spec.id: spec.text for spec in ACTIONS}
    # A result is used as an input; in the menu bar it must be said what is.
    differing = {"use_as_input", "compare"}
    for entry in ENTRIES:
        if entry.action in texts and entry.action not in differing | {"star", "trash", "cancel"}:
            assert entry.label(None) == texts[entry.action]  # type: ignore[arg-type]


def test_actions_are_enabled_by_facts_alone(actions: Actions) -> None:
    actions.set_facts([])
    assert [spec.id for spec in ACTIONS if spec.needs and actions[spec.id].isEnabled()] == []
    assert [spec.id for spec in ACTIONS if not spec.needs and not actions[spec.id].isEnabled()] == []
    actions.set_facts([Fact.CAN_RUN])
    assert actions["run"].isEnabled()
    assert not actions["cancel"].isEnabled()
    actions.set_facts(Fact)
    assert all(actions[spec.id].isEnabled() for spec in ACTIONS)


def test_triggered_action_is_told_by_its_id(qtbot: QtBot, actions: Actions) -> None:
    with qtbot.waitSignal(actions.requested) as requested:
        actions["zoom_in"].setEnabled(True)
        actions["zoom_in"].trigger()
    assert requested.args == ["zoom_in"]
