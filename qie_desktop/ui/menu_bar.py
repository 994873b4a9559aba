"""The menu bar, from the table of actions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qie_desktop.ui.actions import Menu

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QMenu, QMenuBar

    from qie_desktop.ui.actions import Actions


def fill_menu_bar(bar: QMenuBar, actions: Actions) -> None:
    """Add the table's menus. On a Mac the application's own items find their place by their roles."""
    native = sys.platform == "darwin"
    for menu in Menu:
        if native and menu is Menu.APP:
            continue
        made = bar.addMenu(menu.value)
        made.setObjectName(f"menu_{menu.name.lower()}")
        _fill(made, actions.in_menu(menu))
        if native and menu is Menu.HELP:
            _fill(made, actions.in_menu(Menu.APP))


def _fill(menu: QMenu, groups: Iterable[list[QAction]]) -> None:
    for number, group in enumerate(groups):
        if number:
            menu.addSeparator()
        menu.addActions(group)
