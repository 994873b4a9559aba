"""Puts changed settings on disk, one write after another, off the GUI thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.parameters import Value
    from qie_desktop.storage.settings import Settings
    from qie_desktop.ui.session import Background, Session


class SettingsWriter(QObject):
    """Takes changes as they are made. What is changed while a write is under way goes into the next one."""

    stored = Signal(str, object)
    """str, Value or None: a setting's key and its new value; it is in the settings and on disk."""
    failed = Signal(object)
    """QieError: why the changes could not be put on disk."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings: Settings = session.settings
        self._background: Background = session.background
        self._waiting: dict[str, Value | None] = {}
        self._writing: dict[str, Value | None] = {}

    def put(self, key: str, value: Value | None) -> None:
        """Set a value, or go back to the default with None. Returns at once."""
        self._waiting.pop(key, None)
        self._waiting[key] = value
        self._write()

    def _write(self) -> None:
        if self._writing or not self._waiting:
            return
        self._writing, self._waiting = self._waiting, {}
        work = partial(_store, self._settings, dict(self._writing))
        self._background.run(work, self._on_written, self._on_failed)

    def _on_written(self, _done: None) -> None:
        written, self._writing = self._writing, {}
        for key, value in written.items():
            self.stored.emit(key, value)
        self._write()

    def _on_failed(self, error: QieError) -> None:
        self._writing = {}
        self.failed.emit(error)
        self._write()


def _store(settings: Settings, changes: Mapping[str, Value | None]) -> None:
    for key, value in changes.items():
        if value is None:
            settings.unset(key)
        else:
            settings.set(key, value)
    settings.save()
