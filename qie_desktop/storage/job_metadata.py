"""`metadata.json`, the truth about a job.

It is read strictly, and written with the keys that a newer version has put beside those known here.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.errors import ErrorInfo, JobDamaged, StorageError
from qie_desktop.core.job import InputFile, Job, JobState, Output
from qie_desktop.core.request import Request
from qie_desktop.storage import atomic
from qie_desktop.storage.legacy_metadata import LegacyJob, is_legacy, read_legacy

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA_NAME = "metadata.json"
SCHEMA = 1
"""Raised when a reader of the old schema could not make sense of the new one; a mere new key does not."""

_JSON = dict[str, Any]


def read_metadata(folder: Path) -> Job:
    """Return the job of a folder; a `LegacyJob` where the earlier web version wrote it.

    Raises JobDamaged naming the folder and what is wrong with it.
    """
    try:
        return parse_metadata(_read_document(folder), folder)
    except JobDamaged as error:
        raise JobDamaged(
            f"Job {folder.name} cannot be read: {error.message}", f"It was left as it is in {folder}."
        ) from error


def parse_metadata(document: Mapping[str, Any], folder: Path) -> Job:
    """Return the job that a document of `folder` tells of. Raises JobDamaged saying what is wrong."""
    if "schema" not in document:
        if is_legacy(document):
            return read_legacy(document, folder)
        raise JobDamaged("it has no schema number.")
    schema: object = document["schema"]
    if not isinstance(schema, int) or schema < 1:
        raise JobDamaged(f"its schema number is {schema!r}.")
    try:
        job = _job(document, folder)
    except KeyError as error:
        raise JobDamaged(f"{error.args[0]} is missing.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise JobDamaged(f"{error}.") from error
    if job.job_id != folder.name:
        raise JobDamaged(f"it is the metadata of job {job.job_id}.")
    return job


def write_metadata(folder: Path, job: Job) -> None:
    """Put the job on disk, with the keys that are there already and not known here.

    Whoever may race for the folder holds `atomic.locked(folder)`. Raises StorageError, which a legacy job and
    one of a newer schema always lead to, or DiskFull.
    """
    if isinstance(job, LegacyJob):
        raise StorageError(
            f"Job {job.job_id} is of the earlier web version and is never changed.",
            "Run it again as a new job.",
        )
    document = to_document(job)
    if (folder / METADATA_NAME).exists():
        try:
            old = _read_document(folder)
        except JobDamaged:
            old = {}
        _refuse_others(old, job.job_id)
        document = _with_unknown(document, old)
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    atomic.write_text(folder / METADATA_NAME, text + "\n")


def to_document(job: Job) -> _JSON:
    """Return the job as JSON data."""
    return {
        "schema": SCHEMA,
        "job_id": job.job_id,
        "state": job.state.value,
        "request": job.request.to_json(),
        "created_at": _text(job.created_at),
        "started_at": _text(job.started_at),
        "finished_at": _text(job.finished_at),
        "inputs": [dataclasses.asdict(item) for item in job.inputs],
        "outputs": [dataclasses.asdict(item) for item in job.outputs],
        "error": None if job.error is None else dataclasses.asdict(job.error),
        "cost_usd": job.cost_usd,
        "remote": job.remote,
        "measured": job.measured,
    }


def _read_document(folder: Path) -> _JSON:
    try:
        data: object = json.loads((folder / METADATA_NAME).read_text(encoding="utf-8"))
    except OSError as error:
        raise JobDamaged(f"{METADATA_NAME} cannot be opened ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise JobDamaged(f"{METADATA_NAME} is not JSON ({error}).") from error
    if not isinstance(data, dict):
        raise JobDamaged(f"{METADATA_NAME} holds no object.")
    return cast("_JSON", data)


def _refuse_others(old: Mapping[str, Any], job_id: str) -> None:
    if "schema" not in old and is_legacy(old):
        raise StorageError(
            f"Job {job_id} is of the earlier web version and is never changed.", "Run it again as a new job."
        )
    schema: object = old.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise StorageError(f"Job {job_id} was written by a newer version of the app.", "Update the app.")


def _with_unknown(new: _JSON, old: Mapping[str, Any]) -> _JSON:
    """Return `new` with the keys of `old` that are not known here, in the job, its request and its files."""
    merged = {**new, **{key: value for key, value in old.items() if key not in new}}
    if isinstance(old.get("request"), dict):
        merged["request"] = {**old["request"], **new["request"]}
    for field in ("inputs", "outputs"):
        before: object = old.get(field)
        items = cast("list[object]", before) if isinstance(before, list) else []
        mappings = [cast("_JSON", item) for item in items if isinstance(item, dict)]
        known = {str(item.get("name")): item for item in mappings}
        merged[field] = [{**known.get(item["name"], {}), **item} for item in new[field]]
    return merged


def _job(data: Mapping[str, Any], folder: Path) -> Job:
    request = Request.from_json(data["request"], folder)
    for path in request.inputs:
        _plain_name(path.relative_to(folder).as_posix())
    created_at = _time(data, "created_at")
    if created_at is None:
        raise ValueError("created_at is empty")
    cost: object = data.get("cost_usd")
    return Job(
        job_id=str(data["job_id"]),
        state=JobState(data["state"]),
        request=request,
        created_at=created_at,
        inputs=tuple(_input(item) for item in data["inputs"]),
        outputs=tuple(_output(item) for item in data["outputs"]),
        started_at=_time(data, "started_at"),
        finished_at=_time(data, "finished_at"),
        error=_error(data.get("error")),
        cost_usd=None if cost is None else float(cast("float", cost)),
        remote={str(key): str(value) for key, value in dict(data.get("remote") or {}).items()},
        measured={str(key): float(value) for key, value in dict(data.get("measured") or {}).items()},
    )


def _error(item: _JSON | None) -> ErrorInfo | None:
    if item is None:
        return None
    return ErrorInfo(str(item["code"]), str(item["message"]), str(item.get("hint", "")))


def _input(item: _JSON) -> InputFile:
    return InputFile(
        _plain_name(item["name"]),
        str(item.get("source_name") or item["name"]),
        int(item["width"]),
        int(item["height"]),
    )


def _output(item: _JSON) -> Output:
    provider: object = item.get("provider_name")
    return Output(
        _plain_name(item["name"]),
        int(item["width"]),
        int(item["height"]),
        None if provider is None else _plain_name(provider),
        bool(item.get("starred", False)),
        bool(item.get("saved", False)),
    )


def _plain_name(name: object) -> str:
    """Return the name of a file in the job's own folder. Raises ValueError for what leads out of it."""
    if not isinstance(name, str) or name in {"", ".", ".."} or Path(name).name != name:
        raise ValueError(f"{name!r} is not the name of a file in its folder")
    return name


def _time(data: Mapping[str, Any], key: str) -> datetime | None:
    text: object = data.get(key)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(cast("str", text))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{key} is {text!r}, not a time") from error
    if at.tzinfo is None:
        raise ValueError(f"{key} is {text!r}, a time without its zone")
    return at


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")
