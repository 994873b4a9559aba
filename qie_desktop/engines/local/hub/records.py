"""What the hub has said of the files that were downloaded, kept beside its cache.

One JSON file, `qwen-image-editor.json` in the folder that `HF_HOME` names: which commit each repository was
pinned to, and name, size and hash of the files that belong to a part. It is what makes a half-downloaded part
known as such, what lets a download go on with the same commit, and what tells our files from other tools'.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.errors import StorageError
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

_NAME = "qwen-image-editor.json"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as the hub describes it: `etag` is its SHA-256, or git's SHA-1 of what is small.

    `fetched`: it was downloaded here. `damaged`: when it was last read its bytes were others.
    """

    name: str
    size: int
    etag: str
    fetched: bool = False
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class RepoRecord:
    """A repository at one commit: its files that belong to the model, by name.

    `older` are the commits before, whose snapshots may show the same files; `superseded` are files that were
    downloaded here of those, and that are others now.
    """

    commit: str
    files: Mapping[str, FileRecord] = field(default_factory=dict[str, FileRecord])
    older: tuple[str, ...] = ()
    superseded: tuple[FileRecord, ...] = ()

    def marked(self, names: Iterable[str], **changes: bool) -> RepoRecord:
        """Return this with `fetched` or `damaged` of some files changed."""
        files = dict(self.files)
        for name in names:
            if name in files:
                files[name] = replace(files[name], **changes)
        return replace(self, files=files)


class Records:
    """The records of one cache. Reading is cheap; writing is atomic, and among processes one at a time."""

    def __init__(self, hub_cache: Path) -> None:
        self._path = hub_cache.parent / _NAME

    def read(self) -> dict[str, RepoRecord]:
        """Return what is known, by repository; nothing where the file is missing or makes no sense."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            data = cast("dict[str, Any]", json.loads(self._path.read_text(encoding="utf-8")))
            if data["schema"] == _SCHEMA:
                return {repo: _repo_record(item) for repo, item in data["repositories"].items()}
        return {}

    def change(self, repo: str, change: Callable[[RepoRecord | None], RepoRecord | None]) -> None:
        """Put what `change` makes of a repository's record, None to remove it. Raises StorageError."""
        with atomic.mapped_errors(self._path.parent, "write in"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.locked(self._path.parent):
            records = self.read()
            changed = change(records.get(repo))
            if changed is None:
                records.pop(repo, None)
            else:
                records[repo] = changed
            repositories = {name: _as_json(item) for name, item in records.items()}
            text = json.dumps({"schema": _SCHEMA, "repositories": repositories}, indent=1)
            atomic.write_text(self._path, text + "\n")

    def mark(self, repo: str, names: Iterable[str], **changes: bool) -> None:
        """Change `fetched` or `damaged` of some files; a disk that cannot be written to is no failure."""
        with contextlib.suppress(StorageError):
            self.change(repo, lambda record: record.marked(names, **changes) if record else None)


def _repo_record(data: dict[str, Any]) -> RepoRecord:
    files = [FileRecord(**item) for item in data["files"]]
    superseded = tuple(FileRecord(**item) for item in data["superseded"])
    by_name = {file.name: file for file in files}
    return RepoRecord(str(data["commit"]), by_name, tuple(data["older"]), superseded)


def _as_json(record: RepoRecord) -> dict[str, Any]:
    return {
        "commit": record.commit,
        "older": list(record.older),
        "superseded": [asdict(file) for file in record.superseded],
        "files": [asdict(file) for file in record.files.values()],
    }
