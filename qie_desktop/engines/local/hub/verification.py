"""Installed parts read again, every byte, and compared with the hashes that they were published with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.download_errors import FileDamaged
from qie_desktop.core.errors import ModelNotInstalled
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.engines.local.hub.hashing import feed, is_hash, new_hash
from qie_desktop.engines.local.hub.installed import InstalledParts
from qie_desktop.engines.local.hub.records import FileRecord, Records, RepoRecord
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.model_parts import ModelPart
    from qie_desktop.engines.local.hub.activity import Activity


class Verification:
    """Reads parts again. No network: the cache names contents by their hashes, and the records keep them."""

    def __init__(self, hub_cache: Path, parts: Sequence[ModelPart], activity: Activity) -> None:
        self._hub_cache = hub_cache
        self._parts = parts
        self._activity = activity
        self._records = Records(hub_cache)

    def run(self, cancel: CancelToken) -> None:
        """Read everything; then raise FileDamaged, naming them, where there are damaged files.

        A damaged file is noted, and its part no longer counts as installed. Raises JobCancelled,
        StorageError, and ModelNotInstalled where a part is not there. Blocks, a second or so per GB.
        """
        files = [found for part in self._parts for found in self._files_of(part)]
        self._activity.measure(sum(file.size for _, _, file in files))
        damaged: list[str] = []
        for cache, commit, file in files:
            right = self._is_right(cache.snapshot(commit) / file.name, file, cancel)
            self._note(cache.repo, commit, file, damaged=not right)
            damaged += [] if right else [f"{file.name} of {cache.repo}"]
        if damaged:
            raise FileDamaged(
                f"Damaged: {', '.join(damaged)}.", "Download again: only what is damaged is fetched."
            )

    def _files_of(self, part: ModelPart) -> list[tuple[RepoCache, str, FileRecord]]:
        cache = RepoCache(self._hub_cache, part.repo)
        record = self._records.read().get(part.repo)
        known = {name: record.files[name] for name in part.select(record.files)} if record else {}
        folder = InstalledParts(self._hub_cache).snapshot([part])
        if folder is None and record is not None and any(file.damaged for file in known.values()):
            # Looked at before, and not fetched again: the same once more.
            folder = cache.snapshot(record.commit)
        if folder is None:
            raise ModelNotInstalled(f"{part.name} is not installed.", "Get it with `qie download`.")
        found: list[tuple[RepoCache, str, FileRecord]] = []
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if not path.is_file() or name not in part.select([name]):
                continue
            told = known.get(name) if record and folder.name == record.commit else None
            etag = told.etag if told else cache.blob_of(path).name
            if is_hash(etag):
                found.append((cache, folder.name, told or FileRecord(name, path.stat().st_size, etag)))
        return found

    def _is_right(self, path: Path, file: FileRecord, cancel: CancelToken) -> bool:
        self._activity.checking(file.name)
        hashing = new_hash(file.etag, file.size)

        def on_read(count: int) -> None:
            cancel.raise_if_cancelled()
            self._activity.came(count)

        with atomic.mapped_errors(path, "read"):
            if path.stat().st_size != file.size:
                return False
            feed(hashing, path, on_read)
        return hashing.hexdigest() == file.etag

    def _note(self, repo: str, commit: str, file: FileRecord, *, damaged: bool) -> None:
        record = self._records.read().get(repo)
        if record is not None and record.commit == commit and file.name in record.files:
            if record.files[file.name].damaged != damaged:
                self._records.mark(repo, [file.name], damaged=damaged)
        elif damaged and record is None:
            # Another tool's download, of which nothing was known.
            files = {name: item for _, at, item in self._all_of(repo) if at == commit for name in [item.name]}
            files[file.name] = FileRecord(file.name, file.size, file.etag, damaged=True)
            self._records.change(repo, lambda known: known or RepoRecord(commit, files))

    def _all_of(self, repo: str) -> list[tuple[RepoCache, str, FileRecord]]:
        return [found for part in self._parts if part.repo == repo for found in self._files_of(part)]
