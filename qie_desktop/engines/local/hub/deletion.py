"""Deleting parts of a model from the hub's cache, and nothing that anything else is made of."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from qie_desktop.core.download import Deletion
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.engines.local.hub.installed import recorded_files
from qie_desktop.engines.local.hub.partial import size_of
from qie_desktop.engines.local.hub.records import Records, RepoRecord
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qie_desktop.core.model_parts import ModelPart


def plan_deletion(hub_cache: Path, parts: Sequence[ModelPart]) -> Deletion:
    """Return what would go; nothing is changed.

    That is what was downloaded here: the parts' files in its snapshots, their bytes where no other file or
    snapshot shows them, and half-downloaded files. What another tool has downloaded stays.
    """
    records = Records(hub_cache).read()
    files: dict[Path, int] = {}
    for repo in dict.fromkeys(part.repo for part in parts):
        record = records.get(repo)
        if record is None:
            continue
        cache = RepoCache(hub_cache, repo)
        names = {name for part in parts if part.repo == repo for name in part.select(record.files)}
        ours = {(name, record.files[name].etag) for name in names if record.files[name].fetched}
        ours |= {
            (file.name, file.etag)
            for file in record.superseded
            if any(part.repo == repo and part.select([file.name]) for part in parts)
        }
        our_names = {name for name, _ in ours}
        going: set[Path] = set()
        kept: set[Path] = set()
        for pointer, blob in cache.pointers():
            commit, _, name = pointer.relative_to(cache.folder / "snapshots").as_posix().partition("/")
            # Without links a file has its bytes in itself.
            mine = (name, blob.name) in ours or (not pointer.is_symlink() and name in our_names)
            if mine and commit in {record.commit, *record.older}:
                files[pointer] = 0 if pointer.is_symlink() else size_of(pointer)
                going.add(blob)
            else:
                kept.add(blob)
        going |= {cache.blob(etag) for _, etag in ours}
        files |= {blob: size_of(blob) for blob in going - kept if blob.parent == cache.blobs}
        still = {file.etag for name, file in record.files.items() if name not in names}
        for etag in {etag for _, etag in ours} - still:
            partial = cache.partial(etag)
            if partial.is_file():
                files[partial] = size_of(partial)
    there = tuple(path for path in files if path.exists() or path.is_symlink())
    return Deletion(tuple(parts), there, sum(files[path] for path in there))


def delete_partials(hub_cache: Path, parts: Sequence[ModelPart]) -> None:
    """Delete what has come of half-downloaded files of parts. Raises StorageError."""
    records = Records(hub_cache).read()
    for part in parts:
        cache = RepoCache(hub_cache, part.repo)
        for file in recorded_files(records.get(part.repo), part):
            with atomic.mapped_errors(cache.partial(file.etag), "delete"):
                cache.partial(file.etag).unlink(missing_ok=True)


def delete(hub_cache: Path, deletion: Deletion) -> int:
    """Delete what a plan says; return how many bytes that has freed. Raises StorageError.

    Folders that become empty go too, and the records say that the files are gone.
    """
    records = Records(hub_cache)
    freed = 0
    # What shows a file goes before its bytes: at no instant is there a part that seems whole and is not.
    for path in sorted(deletion.files, key=lambda path: not path.is_symlink()):
        size = 0 if path.is_symlink() else size_of(path)
        with atomic.mapped_errors(path, "delete"):
            path.unlink(missing_ok=True)
        freed += size
        _remove_empty(path.parent, hub_cache)
    for repo in dict.fromkeys(part.repo for part in deletion.parts):
        names = [part for part in deletion.parts if part.repo == repo]
        gone = RepoCache(hub_cache, repo)

        def without(record: RepoRecord | None, names: list[ModelPart] = names) -> RepoRecord | None:
            if record is None:
                return None
            dropped = [name for part in names for name in part.select(record.files)]
            left = record.marked(dropped, fetched=False, damaged=False)
            kept = tuple(
                file for file in left.superseded if not any(part.select([file.name]) for part in names)
            )
            fetched = any(file.fetched for file in left.files.values())
            return replace(left, superseded=kept) if fetched or kept else None

        records.change(repo, without)
        for folder in gone.snapshots():
            _remove_empty(folder, hub_cache)
        with contextlib.suppress(OSError):
            if not gone.snapshots():
                (gone.folder / "refs" / "main").unlink(missing_ok=True)
                for folder in (gone.folder / "refs", gone.blobs, gone.folder / "snapshots", gone.folder):
                    _remove_empty(folder, hub_cache)
    return freed


def _remove_empty(folder: Path, top: Path) -> None:
    with contextlib.suppress(OSError):
        while folder not in {top, folder.parent}:
            folder.rmdir()
            folder = folder.parent
