"""Everything that can be asked for by menu, key, tool bar or context menu: one table, and its QActions.

A new command is one new row here and one method in `qie_desktop.ui.commands`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.ui.look.icons import icon

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtWidgets import QWidget


class Menu(StrEnum):
    """The menus of the menu bar, in their order; the first one is the application's own on macOS."""

    APP = "Qwen Image Editor"
    FILE = "File"
    EDIT = "Edit"
    VIEW = "View"
    JOB = "Job"
    MODELS = "Models"
    WINDOW = "Window"
    HELP = "Help"


class Fact(Enum):
    """What must hold for an action to be enabled."""

    CAN_RUN = "the draft can be run"
    JOB_ACTIVE = "a job is queued or running"
    PICTURE_SHOWN = "the viewer shows a picture"
    OUTPUT_SHOWN = "the viewer shows a result"
    JOB_SHOWN = "the viewer shows a job"
    JOB_OVER = "the job in the viewer has ended"
    COMPARABLE = "the result in the viewer has an input"


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action. `group`: a separator stands between two groups.

    `shortcut` is in Qt's portable text, in which Ctrl is ⌘ on macOS and Alt is ⌥.
    """

    id: str
    text: str
    menu: Menu
    group: int = 0
    shortcut: str | QKeySequence.StandardKey = ""
    icon: str = ""
    needs: frozenset[Fact] = frozenset()
    role: QAction.MenuRole = QAction.MenuRole.NoRole
    checkable: bool = False


_KEY = QKeySequence.StandardKey
_ROLE = QAction.MenuRole
_OUTPUT: Final = frozenset({Fact.OUTPUT_SHOWN})
_PICTURE: Final = frozenset({Fact.PICTURE_SHOWN})
_JOB: Final = frozenset({Fact.JOB_SHOWN})
_OVER: Final = frozenset({Fact.JOB_SHOWN, Fact.JOB_OVER})

QUICK_SWITCH_PREFIX: Final = "model:"
_QUICK_SWITCHES: Final = 6

# fmt: off
ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("about", "About Qwen Image Editor", Menu.APP, 0, role=_ROLE.AboutRole),
    ActionSpec("settings", "Settings…", Menu.APP, 1, "Ctrl+,", "settings", role=_ROLE.PreferencesRole),
    ActionSpec("quit", "Quit Qwen Image Editor", Menu.APP, 2, "Ctrl+Q", role=_ROLE.QuitRole),

    ActionSpec("open_images", "Open Images…", Menu.FILE, 0, "Ctrl+O", "image"),
    ActionSpec("save_as", "Save As…", Menu.FILE, 1, "Ctrl+Shift+S", "save", _OUTPUT),
    ActionSpec("save_all", "Save All…", Menu.FILE, 1, "Ctrl+Alt+S", "", _OUTPUT),
    ActionSpec("show_in_finder", "Show in Finder", Menu.FILE, 2, "Ctrl+Shift+R", "folder", _JOB),
    ActionSpec("get_info", "Get Info", Menu.FILE, 2, "Ctrl+I", "info", _JOB),
    ActionSpec("close", "Close Window", Menu.FILE, 3, "Ctrl+W"),

    ActionSpec("undo", "Undo", Menu.EDIT, 0, _KEY.Undo),
    ActionSpec("redo", "Redo", Menu.EDIT, 0, _KEY.Redo),
    ActionSpec("cut", "Cut", Menu.EDIT, 1, _KEY.Cut),
    ActionSpec("copy", "Copy", Menu.EDIT, 1, _KEY.Copy),
    ActionSpec("paste", "Paste", Menu.EDIT, 1, _KEY.Paste),
    ActionSpec("paste_image", "Paste Image", Menu.EDIT, 1, "Ctrl+Shift+V"),
    ActionSpec("select_all", "Select All", Menu.EDIT, 1, _KEY.SelectAll),
    ActionSpec("copy_image", "Copy Image", Menu.EDIT, 2, "Ctrl+Alt+Shift+C", "copy", _OUTPUT),
    ActionSpec("copy_prompt", "Copy Prompt", Menu.EDIT, 2, "", "", _JOB),

    ActionSpec("compare", "Compare", Menu.VIEW, 0, "Ctrl+Alt+C", "compare", frozenset({Fact.COMPARABLE}),
               checkable=True),
    ActionSpec("actual_size", "Actual Size", Menu.VIEW, 1, "Ctrl+0", "", _PICTURE),
    ActionSpec("fit", "Zoom to Fit", Menu.VIEW, 1, "Ctrl+9", "fit", _PICTURE),
    ActionSpec("zoom_in", "Zoom In", Menu.VIEW, 1, _KEY.ZoomIn, "zoom_in", _PICTURE),
    ActionSpec("zoom_out", "Zoom Out", Menu.VIEW, 1, _KEY.ZoomOut, "zoom_out", _PICTURE),
    ActionSpec("hide_controls", "Hide Controls", Menu.VIEW, 2, "Ctrl+Alt+1", "sidebar_left"),
    ActionSpec("hide_gallery", "Hide Gallery", Menu.VIEW, 2, "Ctrl+Alt+2", "sidebar_right"),
    ActionSpec("full_screen", "Full Screen", Menu.VIEW, 3, _KEY.FullScreen, checkable=True),

    ActionSpec("run", "Run", Menu.JOB, 0, "Ctrl+Return", "", frozenset({Fact.CAN_RUN})),
    ActionSpec("cancel", "Cancel", Menu.JOB, 1, "Ctrl+.", "cancel", frozenset({Fact.JOB_ACTIVE})),
    ActionSpec("cancel_all", "Cancel All", Menu.JOB, 1, "Ctrl+Shift+.", "", frozenset({Fact.JOB_ACTIVE})),
    ActionSpec("retry", "Retry", Menu.JOB, 2, "", "retry", _OVER),
    ActionSpec("run_again", "Run Again with New Seed", Menu.JOB, 2, "", "dice", _OVER),
    ActionSpec("use_as_input", "Use Output as Input", Menu.JOB, 3, "Ctrl+U", "image", _OUTPUT),
    ActionSpec("reuse_settings", "Reuse Settings", Menu.JOB, 3, "", "", _JOB),
    ActionSpec("star", "Star", Menu.JOB, 4, "", "star", _OUTPUT),
    ActionSpec("trash", "Move to Trash", Menu.JOB, 4, "Ctrl+Backspace", "trash", _OVER),

    ActionSpec("manage_models", "Manage Models…", Menu.MODELS, 0, "", "download"),
    *(
        ActionSpec(
            f"{QUICK_SWITCH_PREFIX}{spec.id}", spec.name, Menu.MODELS, 1,
            f"Ctrl+{number}" if number <= _QUICK_SWITCHES else "", spec.place.value, checkable=True,
        )
        for number, spec in enumerate(CATALOGUE, start=1)
    ),

    ActionSpec("minimise", "Minimise", Menu.WINDOW, 0, "Ctrl+M"),
    ActionSpec("zoom_window", "Zoom", Menu.WINDOW, 0),
    ActionSpec("bring_all_to_front", "Bring All to Front", Menu.WINDOW, 1),

    ActionSpec("diagnostics", "Diagnostics…", Menu.HELP, 0),
    ActionSpec("open_data_folder", "Open Data Folder", Menu.HELP, 0, "", "folder"),
    ActionSpec("check_updates", "Check for Updates…", Menu.HELP, 1),
)
# fmt: on


class Actions(QObject):
    """The table's QActions, which menus, tool bar and context menus share."""

    requested = Signal(str)
    """The id of the action that was triggered."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._actions: dict[str, QAction] = {}
        for spec in ACTIONS:
            action = QAction(spec.text, self)
            action.setObjectName(spec.id)
            action.setMenuRole(spec.role)
            action.setCheckable(spec.checkable)
            action.setShortcuts(_shortcuts(spec))
            if spec.icon:
                action.setIcon(icon(spec.icon, window))
                # As on a Mac: only the tool bar has icons.
                action.setIconVisibleInMenu(False)
            action.setToolTip(_tool_tip(action))
            action.triggered.connect(self._on_triggered)
            self._actions[spec.id] = action
        self.set_facts(())
        # Of the window, so that a key works while a menu bar is hidden, too.
        window.addActions(list(self._actions.values()))

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def in_menu(self, menu: Menu) -> list[list[QAction]]:
        """Return the actions of one menu, by group."""
        groups: dict[int, list[QAction]] = {}
        for spec in ACTIONS:
            if spec.menu is menu:
                groups.setdefault(spec.group, []).append(self._actions[spec.id])
        return [groups[group] for group in sorted(groups)]

    def set_facts(self, facts: Iterable[Fact]) -> None:
        """Enable what may be asked for when just these facts hold."""
        holding = frozenset(facts)
        for spec in ACTIONS:
            self._actions[spec.id].setEnabled(spec.needs <= holding)

    @Slot()
    def _on_triggered(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.requested.emit(action.objectName())


def _shortcuts(spec: ActionSpec) -> list[QKeySequence]:
    if isinstance(spec.shortcut, QKeySequence.StandardKey):
        return QKeySequence.keyBindings(spec.shortcut)
    if spec.id == "run":
        # The return key of the number block, too.
        return [QKeySequence("Ctrl+Return"), QKeySequence("Ctrl+Enter")]
    return [QKeySequence(spec.shortcut)] if spec.shortcut else []


def _tool_tip(action: QAction) -> str:
    text = action.text().removesuffix("…")
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    return f"{text} ({keys})" if keys else text
