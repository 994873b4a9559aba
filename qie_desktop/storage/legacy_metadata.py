"""Jobs of the earlier web version of this editor: shown in the gallery, and never changed.

What is sure is that their `metadata.json` has a list `output_images`; all other fields may be absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.errors import ErrorInfo, InputImageError
from qie_desktop.core.job import InputFile, Job, JobState, Output
from qie_desktop.core.request import Request
from qie_desktop.imaging.opening import probe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qie_desktop.core.parameters import Value

_FILE_KEYS = ("filename", "file", "path", "name", "url")
_ID_TIME = re.compile(r"(\d{8})[-_T](\d{6})")


@dataclass(frozen=True, slots=True)
class LegacyJob(Job):
    """A job of the earlier web version: to be looked at, not to be changed."""


def is_legacy(document: Mapping[str, Any]) -> bool:
    """Whether the earlier web version wrote this."""
    return isinstance(document.get("output_images"), list)


def read_legacy(document: Mapping[str, Any], folder: Path) -> LegacyJob:
    """Return the job that the earlier version wrote about `folder`; what is absent is left empty.

    It has succeeded where a picture is there, and failed otherwise. Opens the headers of the pictures.
    """
    outputs = [Output(path.name, *_size(path)) for path in _files(document, ("output_images",), folder)]
    inputs = _files(document, ("input_images", "input_image", "inputs"), folder)
    created_at = _time(document, folder, ("created_at", "timestamp", "created"))
    error = _first(document, ("error", "error_message"))
    return LegacyJob(
        job_id=folder.name,
        state=JobState.SUCCEEDED if outputs else JobState.FAILED,
        request=Request(
            model_id=str(_first(document, ("model", "model_id", "model_name")) or ""),
            prompt=str(_first(document, ("prompt",)) or ""),
            inputs=tuple(inputs),
            values=_parameters(document),
            negative_prompt=_text(document.get("negative_prompt")),
            seed=_seed(document.get("seed")),
        ),
        created_at=created_at,
        inputs=tuple(InputFile(path.name, path.name, *_size(path)) for path in inputs),
        outputs=tuple(outputs),
        error=None if outputs else ErrorInfo("failed", str(error or "It made no picture.")),
    )


def _files(document: Mapping[str, Any], keys: tuple[str, ...], folder: Path) -> list[Path]:
    """Return the files of the folder that the document names in whatever way, in its order."""
    found = _first(document, keys)
    items = cast("list[object]", found) if isinstance(found, list) else [found]
    paths: list[Path] = []
    for item in items:
        if isinstance(item, dict):
            item = _first(cast("Mapping[str, Any]", item), _FILE_KEYS)  # noqa: PLW2901 - unwrapped
        if not isinstance(item, str):
            continue
        path = folder / PurePosixPath(item.replace("\\", "/").split("?")[0]).name
        if path != folder and path.name != ".." and path.is_file():
            paths.append(path)
    return paths


def _size(path: Path) -> tuple[int, int]:
    """Return the size that the file's header tells, or 0×0 for one that cannot be read."""
    try:
        return probe(path).size
    except InputImageError:
        return 0, 0


def _time(document: Mapping[str, Any], folder: Path, keys: tuple[str, ...]) -> datetime:
    """Return when the job was made: as told, else as its id tells, else the folder's own time."""
    told = _first(document, keys)
    try:
        if isinstance(told, (int, float)) and not isinstance(told, bool):
            return datetime.fromtimestamp(told, UTC)
        if isinstance(told, str):
            at = datetime.fromisoformat(told)
            return at if at.tzinfo else at.astimezone(UTC)
        if match := _ID_TIME.search(folder.name):
            return datetime.strptime("".join(match.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)


def _parameters(document: Mapping[str, Any]) -> tuple[tuple[str, Value], ...]:
    found = _first(document, ("parameters", "params", "settings"))
    items = cast("Mapping[object, object]", found).items() if isinstance(found, dict) else ()
    return tuple((str(key), value) for key, value in items if isinstance(value, (str, int, float, bool)))


def _seed(found: object) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None


def _first(document: Mapping[str, Any], keys: tuple[str, ...]) -> object:
    """Return the first of these that is there and not null."""
    return next((document[key] for key in keys if document.get(key) is not None), None)
