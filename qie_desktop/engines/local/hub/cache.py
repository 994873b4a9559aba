"""The hub's cache on disk, read and written in the layout of `huggingface_hub`, without importing it.

    models--{owner}--{name}/
      blobs/{etag}               a file's bytes, under the SHA-256 (or git's SHA-1) that they have
      blobs/{etag}.incomplete    as much of them as has come
      snapshots/{commit}/{name}  links to blobs; files themselves where the disk has no links
      refs/main                  the commit of the branch
    .locks/models--{owner}--{name}/{etag}.lock

Documented under "Understand caching" in huggingface_hub's guides. A blob is renamed to its name when it is
whole, so that whatever a snapshot shows is whole.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAIN = "main"


@dataclass(frozen=True, slots=True)
class RepoCache:
    """The folder of one repository in a cache; it need not be there."""

    hub_cache: Path
    repo: str

    @property
    def _folder_name(self) -> str:
        return f"models--{self.repo.replace('/', '--')}"

    @property
    def folder(self) -> Path:
        """The repository's folder."""
        return self.hub_cache / self._folder_name

    @property
    def blobs(self) -> Path:
        """Where the bytes are."""
        return self.folder / "blobs"

    def blob(self, etag: str) -> Path:
        """Return where a file's bytes are when they are whole."""
        return self.blobs / etag

    def partial(self, etag: str) -> Path:
        """Return where a file's bytes are until then."""
        return self.blobs / f"{etag}.incomplete"

    def lock(self, etag: str) -> Path:
        """Return the file that every program locks that writes this blob."""
        return self.hub_cache / ".locks" / self._folder_name / f"{etag}.lock"

    def snapshot(self, commit: str) -> Path:
        """Return the folder of a commit."""
        return self.folder / "snapshots" / commit

    def main_commit(self) -> str | None:
        """Return the commit that the branch `main` was at, as far as it is known here."""
        try:
            return (self.folder / "refs" / MAIN).read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    def set_main(self, commit: str) -> None:
        """Note the commit of `main`, where none is noted whose snapshot is there. Raises OSError."""
        known = self.main_commit()
        if known is not None and self.snapshot(known).is_dir():
            return
        reference = self.folder / "refs" / MAIN
        reference.parent.mkdir(parents=True, exist_ok=True)
        fresh = reference.with_name(f".{MAIN}.{os.getpid()}")
        fresh.write_text(commit, encoding="utf-8")
        fresh.replace(reference)

    def snapshots(self) -> list[Path]:
        """Return the snapshots that there are: that of `main` first, then the newest."""
        folders: list[tuple[float, Path]] = []
        with contextlib.suppress(OSError):
            there = [path for path in (self.folder / "snapshots").iterdir() if path.is_dir()]
            folders = [(path.stat().st_mtime, path) for path in there]
        main = self.main_commit()
        folders.sort(key=lambda found: (found[1].name == main, found[0]), reverse=True)
        return [path for _, path in folders]

    def size(self, commit: str, name: str) -> int | None:
        """Return the size of a file of a snapshot in bytes; None where it is not there."""
        with contextlib.suppress(OSError):
            return (self.snapshot(commit) / name).stat().st_size
        return None

    def link(self, commit: str, name: str, etag: str) -> None:
        """Show a whole blob in a snapshot, in place of what may be there. Raises OSError."""
        pointer, blob = self.snapshot(commit) / name, self.blob(etag)
        pointer.parent.mkdir(parents=True, exist_ok=True)
        fresh = pointer.with_name(f".{pointer.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        try:
            fresh.symlink_to(os.path.relpath(blob, pointer.parent))
        except OSError:
            # A disk without links, such as exFAT: huggingface_hub moves the file there too.
            blob.replace(pointer)
            return
        fresh.replace(pointer)

    def pointers(self) -> Iterator[tuple[Path, Path]]:
        """Give every file of every snapshot, with the file that its bytes are in."""
        for snapshot in self.snapshots():
            for path in snapshot.rglob("*"):
                if path.is_symlink() or path.is_file():
                    yield path, self.blob_of(path)

    def blob_of(self, pointer: Path) -> Path:
        """Return where a snapshot's file has its bytes: its blob, as `blob` names it, or in itself.

        Only one link is followed: a blob may be one itself, into a store that several caches share.
        """
        try:
            target = pointer.parent / pointer.readlink()
        except OSError:
            return pointer
        at_home = target.parent.resolve() == self.blobs.resolve()
        return self.blob(target.name) if at_home else target
