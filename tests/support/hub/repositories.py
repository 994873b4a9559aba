"""Repositories as the hub keeps them: commits of files, large ones apart and under their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

LFS_BYTES = 10 * 1024
"""From here on a file is stored apart; weights are, whatever their size."""
LFS_SUFFIXES = (".safetensors", ".gguf")


@dataclass
class HubFile:
    """A file's bytes, in memory or on the disk."""

    name: str
    content: bytes | Path

    @cached_property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @property
    def is_lfs(self) -> bool:
        return self.size >= LFS_BYTES or self.name.endswith(LFS_SUFFIXES)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.read(0, self.size)).hexdigest()

    @cached_property
    def git_sha1(self) -> str:
        """The hash by which git names it; of a large file, that of the pointer."""
        content = self._pointer() if self.is_lfs else self.read(0, self.size)
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.git_sha1

    def read(self, start: int, count: int) -> bytes:
        if isinstance(self.content, bytes):
            return self.content[start : start + count]
        with self.content.open("rb") as file:
            file.seek(start)
            return file.read(count)

    def sibling(self) -> dict[str, Any]:
        """How the model's info with `?blobs=true` lists it."""
        listed: dict[str, Any] = {"rfilename": self.name, "size": self.size, "blobId": self.git_sha1}
        if self.is_lfs:
            listed["lfs"] = {"sha256": self.sha256, "size": self.size, "pointerSize": len(self._pointer())}
        return listed

    def tree_entry(self) -> dict[str, Any]:
        """How `/tree` and `/paths-info` list it."""
        entry: dict[str, Any] = {"type": "file", "path": self.name, "size": self.size, "oid": self.git_sha1}
        if self.is_lfs:
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": len(self._pointer())}
        return entry

    def _pointer(self) -> bytes:
        lines = (
            "version https://git-lfs.github.com/spec/v1",
            f"oid sha256:{self.sha256}",
            f"size {self.size}",
        )
        return "".join(f"{line}\n" for line in lines).encode()


@dataclass
class HubRepository:
    """A repository: the files of each commit that it still has; `main` is one of them."""

    name: str
    main: str
    commits: dict[str, dict[str, HubFile]] = field(default_factory=dict)
    gated: bool = False

    @classmethod
    def of(cls, name: str, files: Mapping[str, bytes | Path], commit: str = "") -> HubRepository:
        """Make a repository of one commit, whose id follows from its contents where none is given."""
        there = {path: HubFile(path, content) for path, content in files.items()}
        commit = commit or _commit_of(there)
        return cls(name, commit, {commit: there})

    def push(self, changes: Mapping[str, bytes | Path], *, squash: bool = False) -> str:
        """Commit changed files; with `squash` all commits before are gone. Returns the new commit."""
        files = dict(self.commits[self.main])
        files |= {path: HubFile(path, content) for path, content in changes.items()}
        self.main = _commit_of(files)
        if squash:
            self.commits.clear()
        self.commits[self.main] = files
        return self.main

    def resolve(self, revision: str) -> str | None:
        """The commit of a revision; None where there is none."""
        commit = self.main if revision == "main" else revision
        return commit if commit in self.commits else None


def _commit_of(files: Mapping[str, HubFile]) -> str:
    listing = "\n".join(f"{name} {file.git_sha1}" for name, file in sorted(files.items()))
    return hashlib.sha1(listing.encode()).hexdigest()
