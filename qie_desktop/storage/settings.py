"""The settings in `config.toml`: read leniently, written carefully.

Comments and keys that are not known here stay as they are. A bad value is a problem that is listed, and the
default is used in its place; a file that is no TOML is kept aside when settings are next saved.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, cast

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from qie_desktop.core.errors import SettingsError
from qie_desktop.core.job import now
from qie_desktop.storage import atomic
from qie_desktop.storage.logs import redact
from qie_desktop.storage.settings_schema import SETTINGS, find_setting

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from pathlib import Path

    from tomlkit import TOMLDocument

    from qie_desktop.core.parameters import Value

_log = logging.getLogger(__name__)


class Settings:
    """The settings of one data folder; build one with `load`. Any thread.

    `problems` says what in the file could not be used, in words; what is changed is on disk after `save`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._values: dict[str, Value] = {}
        self._changes: dict[str, Value | None] = {}
        self.problems: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read the settings. Never raises: what cannot be used is in `problems`."""
        settings = cls(path)
        document, problem = _read(path)
        problems = [problem] if problem else []
        for spec in SETTINGS:
            found = _lookup(document, spec.key)
            if found is None:
                continue
            try:
                settings._values[spec.key] = spec.parse(found)
            except SettingsError as error:
                problems.append(f"config.toml: {error.message} The default is used.")
        text = tomlkit.dumps(document)
        if redact(text) != text:
            problems.append(
                "config.toml: it holds what looks like a token. Take it out, and use the Keychain."
            )
        settings.problems = tuple(problems)
        for problem in settings.problems:
            _log.warning("%s", problem)
        return settings

    def get(self, key: str) -> Value | None:
        """Return a setting's value or its default. Raises SettingsError for an unknown key."""
        spec = find_setting(key)
        with self._lock:
            return self._values.get(key, spec.default)

    def is_set(self, key: str) -> bool:
        """Whether a setting has a value of its own. Raises SettingsError for an unknown key."""
        find_setting(key)
        with self._lock:
            return key in self._values

    def set(self, key: str, value: object) -> None:
        """Set a value, or its text. Raises SettingsError naming the key and what it can be."""
        parsed = find_setting(key).parse(value)
        with self._lock:
            self._values[key] = parsed
            self._changes[key] = parsed

    def unset(self, key: str) -> None:
        """Go back to the default. Raises SettingsError for an unknown key."""
        find_setting(key)
        with self._lock:
            self._values.pop(key, None)
            self._changes[key] = None

    def as_dict(self) -> dict[str, Value | None]:
        """Return every setting's value or default, in the order in which they are shown."""
        with self._lock:
            return {spec.key: self._values.get(spec.key, spec.default) for spec in SETTINGS}

    def save(self) -> None:
        """Put on disk what was changed since the last save, over what others changed in the meantime.

        Raises StorageError or DiskFull; then nothing on disk has changed, and saving again tries again.
        """
        with self._lock:
            if not self._changes:
                return
            with atomic.mapped_errors(self._path, "write"):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic.locked(self._path.parent):
                document, problem = _read(self._path)
                for key, value in self._changes.items():
                    _put(document, key, value)
                if problem:
                    aside = atomic.set_aside(self._path, f"{now():%Y%m%d-%H%M%S}")
                    _log.warning("config.toml could not be read; it is kept as %s.", aside)
                atomic.write_text(self._path, tomlkit.dumps(document))
            self._changes.clear()


def _read(path: Path) -> tuple[TOMLDocument, str]:
    """Return the document and, where it cannot be read, an empty one and why."""
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return tomlkit.document(), ""
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        then = "Defaults are used; the file is kept aside on the next save."
        return tomlkit.document(), f"config.toml cannot be read: {error}. {then}"


def _lookup(document: TOMLDocument, key: str) -> object:
    """Return what stands at a dotted key, unwrapped, or None."""
    here: object = document.unwrap()
    for part in key.split("."):
        if not isinstance(here, dict):
            return None
        here = cast("Mapping[str, object]", here).get(part)
    return here


def _put(document: TOMLDocument, key: str, value: Value | None) -> None:
    """Set or remove a dotted key; tables that are missing, or are no tables, are made."""
    *parents, name = key.split(".")
    here = cast("MutableMapping[str, object]", document)
    for part in parents:
        child = here.get(part)
        if not isinstance(child, (Table, Container, dict)):
            if value is None:
                return
            here[part] = tomlkit.table()
            child = here[part]
        here = cast("MutableMapping[str, object]", child)
    if value is None:
        here.pop(name, None)
    else:
        here[name] = value
