"""Which parts of a model are on this machine, whole: looked up without a network, in milliseconds."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, cast

from qie_desktop.core.download import PartState
from qie_desktop.core.memory_plan import GB
from qie_desktop.core.model_parts import PartKind, model_parts
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.engines.local.hub.records import Records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from qie_desktop.core.model import HubWeights
    from qie_desktop.core.model_parts import ModelPart
    from qie_desktop.engines.local.hub.records import FileRecord, RepoRecord

_INDEX = ".index.json"


class InstalledParts:
    """One look at a cache; the records are read once.

    A file that was downloaded here counts when it has the size that the hub told and is not known to be
    damaged. Of what another tool has downloaded, nothing is told: a part counts when there is a file for each
    of its patterns, and every file that an index of weights lists.
    """

    def __init__(self, hub_cache: Path) -> None:
        self._hub_cache = hub_cache
        self._records = Records(hub_cache).read()

    def snapshot(self, parts: Sequence[ModelPart]) -> Path | None:
        """Return a snapshot in which all of these parts of one repository are whole."""
        cache = RepoCache(self._hub_cache, parts[0].repo)
        for folder in cache.snapshots():
            if all(self._is_whole(cache, folder, part) for part in parts):
                return folder
        return None

    def file(self, part: ModelPart) -> Path | None:
        """Return the file of a part that is one file, where it is whole."""
        folder = self.snapshot([part])
        names = part.select(_names(folder)) if folder else []
        return folder / names[0] if folder and names else None

    def state(self, part: ModelPart) -> PartState:
        """Return how a part is on this machine."""
        cache = RepoCache(self._hub_cache, part.repo)
        known = self._known(part)
        folder = self.snapshot([part])
        if folder is not None:
            names = part.select(_names(folder))
            size = sum(cache.size(folder.name, name) or 0 for name in names)
            path = folder / names[0] if len(part.patterns) == 1 and len(names) == 1 else folder
            return PartState(part, is_installed=True, byte_count=size, missing_bytes=0, path=path)
        record = self._records.get(part.repo)
        if record is None or not known:
            return PartState(part, is_installed=False, byte_count=0, missing_bytes=int(part.gb * GB))
        there = [bytes_there(cache, record.commit, file) for file in known]
        damaged = tuple(file.name for file in known if file.damaged)
        total = sum(file.size for file in known)
        folder = cache.snapshot(record.commit)
        return PartState(
            part,
            is_installed=False,
            byte_count=sum(there),
            missing_bytes=total - sum(there),
            path=folder if any(there) else None,
            damaged=damaged,
        )

    def _known(self, part: ModelPart) -> list[FileRecord]:
        """Return a part's files as the hub has told them; nothing where it was not asked for all of them."""
        return recorded_files(self._records.get(part.repo), part)

    def _is_whole(self, cache: RepoCache, folder: Path, part: ModelPart) -> bool:
        record = self._records.get(part.repo)
        known = self._known(part)
        if record is not None and known and folder.name == record.commit:
            return all(not file.damaged and cache.size(folder.name, file.name) == file.size for file in known)
        names = _names(folder)
        return not part.unmatched(names) and _has_every_shard(folder, part.select(names))


def best_snapshot(hub_cache: Path, weights: HubWeights) -> Path | None:
    """Return the snapshot of the base repository to be used: one with everything, or else all but weights.

    Where nothing is whole it is that of `main`, of which the caller says what is missing.
    """
    look = InstalledParts(hub_cache)
    parts = [part for part in model_parts(weights) if part.repo == weights.base_repo]
    base = [part for part in parts if part.kind is PartKind.BASE]
    found = look.snapshot(parts) or look.snapshot(base)
    return found or next(iter(RepoCache(hub_cache, weights.base_repo).snapshots()), None)


def cached_file(hub_cache: Path, repo: str, name: str) -> Path | None:
    """Return a file of a repository in the cache, if it is there whole."""
    cache = RepoCache(hub_cache, repo)
    for folder in cache.snapshots():
        if (folder / name).is_file() and name not in spoilt_files(hub_cache, repo, folder):
            return folder / name
    return None


def spoilt_files(hub_cache: Path, repo: str, folder: Path) -> tuple[str, ...]:
    """Return the files of a snapshot that are there and are known not to be what the hub has."""
    cache = RepoCache(hub_cache, repo)
    record = Records(hub_cache).read().get(repo)
    if record is None or record.commit != folder.name:
        return ()
    sizes = {name: cache.size(record.commit, name) for name in record.files}
    return tuple(
        file.name
        for file in record.files.values()
        if (size := sizes[file.name]) is not None and (file.damaged or size != file.size)
    )


def recorded_files(record: RepoRecord | None, part: ModelPart) -> list[FileRecord]:
    """Return the files of a part that a record has; nothing where it does not have all."""
    if record is None or part.unmatched(record.files):
        return []
    return [record.files[name] for name in part.select(record.files)]


def bytes_there(cache: RepoCache, commit: str, file: FileRecord) -> int:
    """Return how many bytes of a file are on the disk and will be used: all, what has come, or none."""
    if not file.damaged:
        if cache.size(commit, file.name) == file.size:
            return file.size
        with contextlib.suppress(OSError):
            if cache.blob(file.etag).stat().st_size == file.size:
                return file.size
    with contextlib.suppress(OSError):
        return min(cache.partial(file.etag).stat().st_size, file.size)
    return 0


def _names(folder: Path) -> list[str]:
    """Return the files of a snapshot whose bytes are there."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _has_every_shard(folder: Path, names: Iterable[str]) -> bool:
    for name in names:
        if name.endswith(_INDEX):
            index = folder / name
            try:
                data: object = json.loads(index.read_text(encoding="utf-8"))
                shards = set(cast("dict[str, dict[str, str]]", data)["weight_map"].values())
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                return False
            if not all((index.parent / shard).is_file() for shard in shards):
                return False
    return True
