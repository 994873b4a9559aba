"""What each action of the table does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QTextEdit

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.ui.actions import QUICK_SWITCH_PREFIX, Actions, Fact
from qie_desktop.ui.gallery.gallery_actions import GalleryAction

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.ui.main_window import MainWindow

_TEXT_METHODS = {
    "undo": "undo",
    "redo": "redo",
    "cut": "cut",
    "copy": "copy",
    "paste": "paste",
    "select_all": "selectAll",
}
_OF_THE_GALLERY = {
    "save_as": GalleryAction.SAVE_AS,
    "save_all": GalleryAction.SAVE_ALL,
    "show_in_finder": GalleryAction.SHOW_IN_FINDER,
    "get_info": GalleryAction.GET_INFO,
    "copy_image": GalleryAction.COPY_IMAGE,
    "copy_prompt": GalleryAction.COPY_PROMPT,
    "retry": GalleryAction.RETRY,
    "run_again": GalleryAction.RUN_AGAIN,
    "use_as_input": GalleryAction.USE_AS_INPUT,
    "reuse_settings": GalleryAction.REUSE_SETTINGS,
    "star": GalleryAction.STAR,
    "trash": GalleryAction.TRASH,
}
"""What is done with the selected results, of which the one in the viewer is one."""


class Commands(QObject):
    """Carries out the actions of a window, and says which can be asked for. GUI thread only."""

    def __init__(self, window: MainWindow, actions: Actions) -> None:
        super().__init__(window)
        self._window = window
        self._actions = actions
        self._handlers = self._table()
        actions["check_updates"].setVisible(window.updates.is_on)
        actions.requested.connect(self._on_requested)
        window.desk.changed.connect(self.refresh)
        window.viewer.compare_changed.connect(self._on_compare_changed)
        window.viewer.zoom_changed.connect(self._on_zoom_changed)
        self.refresh()

    @property
    def known(self) -> frozenset[str]:
        """The ids of all actions that something is done for."""
        return frozenset(self._handlers)

    @Slot()
    def refresh(self) -> None:
        """Enable what can be asked for now, and check what is chosen."""
        facts = self._facts()
        self._actions.set_facts(facts)
        if Fact.PICTURE_SHOWN not in facts:
            self._window.tool_bar.set_zoom(None)
        for spec in CATALOGUE:
            chosen = spec.id == self._window.draft.spec.id
            self._actions[f"{QUICK_SWITCH_PREFIX}{spec.id}"].setChecked(chosen)
        self._actions["hide_controls"].setText(_toggled("Controls", self._window.controls.isHidden()))
        self._actions["hide_gallery"].setText(_toggled("Gallery", self._window.gallery.isHidden()))
        self._actions["compare"].setChecked(self._window.viewer.compare_on())
        self._actions["full_screen"].setChecked(self._window.isFullScreen())

    def _facts(self) -> set[Fact]:
        window = self._window
        active = window.session.jobs.active()
        gallery = window.gallery.selected()
        holds = {
            Fact.CAN_RUN: window.draft.problem() is None,
            Fact.JOB_ACTIVE: bool(active),
            Fact.PICTURE_SHOWN: window.viewer.shows_something(),
            Fact.OUTPUT_SHOWN: bool(gallery) and any(index >= 0 for _, index in gallery),
            Fact.JOB_SHOWN: bool(gallery),
            Fact.JOB_OVER: any(job_id not in active for job_id, _ in gallery),
            Fact.COMPARABLE: window.viewer.can_compare(),
        }
        return {fact for fact, held in holds.items() if held}

    def _table(self) -> dict[str, Callable[[], object]]:
        window, viewer, dialogs, desk = (
            self._window,
            self._window.viewer,
            self._window.dialogs,
            self._window.desk,
        )
        switches = {f"{QUICK_SWITCH_PREFIX}{spec.id}": partial(self._switch, spec.id) for spec in CATALOGUE}
        results = {name: partial(window.gallery.perform, action) for name, action in _OF_THE_GALLERY.items()}
        texts = {name: partial(self._edit, name) for name in _TEXT_METHODS}
        return {
            "about": dialogs.show_about,
            "settings": dialogs.show_settings,
            "quit": window.close,
            "close": window.close,
            "open_images": window.controls.open_images,
            "paste_image": window.controls.paste,
            "compare": self._compare,
            "actual_size": viewer.actual_size,
            "fit": viewer.zoom_to_fit,
            "zoom_in": viewer.zoom_in,
            "zoom_out": viewer.zoom_out,
            "hide_controls": window.toggle_controls,
            "hide_gallery": window.toggle_gallery,
            "full_screen": window.toggle_full_screen,
            "run": window.controls.run,
            "cancel": desk.cancel,
            "cancel_all": desk.cancel_all,
            "manage_models": dialogs.show_models,
            "minimise": window.showMinimized,
            "zoom_window": window.toggle_maximised,
            "bring_all_to_front": _bring_all_to_front,
            "diagnostics": dialogs.show_diagnostics,
            "open_data_folder": self._open_data_folder,
            "check_updates": window.updates.check,
            **switches,
            **results,
            **texts,
        }

    @Slot(str)
    def _on_requested(self, action_id: str) -> None:
        self._handlers[action_id]()
        self.refresh()

    @Slot(bool)
    def _on_compare_changed(self, on: bool) -> None:
        self._actions["compare"].setChecked(on)

    @Slot(float)
    def _on_zoom_changed(self, percent: float) -> None:
        self._window.tool_bar.set_zoom(percent)

    def _compare(self) -> None:
        self._window.viewer.set_compare(self._actions["compare"].isChecked())

    def _switch(self, model_id: str) -> None:
        self._window.draft.set_model(model_id)

    def _open_data_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._window.session.folder.home)))

    def _edit(self, name: str) -> None:
        """Edit the text that has the focus; elsewhere paste and copy pictures, and undo the Trash."""
        field = QApplication.focusWidget()
        if isinstance(field, (QLineEdit, QPlainTextEdit, QTextEdit)):
            getattr(field, _TEXT_METHODS[name])()
            return
        elsewhere: dict[str, Callable[[], object]] = {
            "paste": self._window.controls.paste,
            "copy": partial(self._window.gallery.perform, GalleryAction.COPY_IMAGE),
            "undo": self._window.gallery.undo_trash,
        }
        if name in elsewhere:
            elsewhere[name]()


def _bring_all_to_front() -> None:
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible() and widget.isWindow():
            widget.raise_()


def _toggled(what: str, hidden: bool) -> str:
    return f"Show {what}" if hidden else f"Hide {what}"
