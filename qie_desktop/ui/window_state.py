"""What the window remembers from one start to the next: a small file in the data folder."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.errors import StorageError
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """Size (Qt's own bytes as base64), panes, model, and the cloud jobs that were kept when quitting."""

    geometry: str = ""
    panes: tuple[int, ...] = ()
    controls_hidden: bool = False
    gallery_hidden: bool = False
    model_id: str = ""
    welcomed: bool = False
    kept_jobs: tuple[str, ...] = ()


class WindowState:
    """The file. What cannot be read is as if it were not there: nothing in it is worth an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.remembered = _read(path)

    def remember(self, **changes: Any) -> None:
        """Put on disk what has changed. A full disk is noted in the log, and no more."""
        changed = replace(self.remembered, **changes)
        if changed == self.remembered:
            return
        self.remembered = changed
        try:
            with atomic.mapped_errors(self._path, "write"):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(self._path, json.dumps(asdict(changed), indent=2) + "\n")
        except StorageError as error:
            _log.warning("The window's state could not be saved: %s", error)


def _read(path: Path) -> Remembered:
    try:
        data: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Remembered()
    known: dict[str, Any] = {}
    given = cast("dict[str, object]", data) if isinstance(data, dict) else {}
    for field in fields(Remembered):
        value = given.get(field.name)
        if isinstance(value, list):
            value = tuple(cast("list[object]", value))
        if type(value) is type(field.default) and _is_plain(field.name, value):
            known[field.name] = value
    return Remembered(**known)


def _is_plain(name: str, value: object) -> bool:
    """Whether the items of a list are what they must be."""
    kinds = {"panes": int, "kept_jobs": str}
    if name not in kinds:
        return True
    return all(type(item) is kinds[name] for item in cast("tuple[object, ...]", value))
