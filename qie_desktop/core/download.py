"""Downloads as frozen data: how far one is, and what of a model is on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.errors import ErrorInfo
    from qie_desktop.core.model_parts import DownloadChoice, ModelPart


class TaskKind(StrEnum):
    """What is done in the background."""

    DOWNLOAD = "download"
    VERIFY = "verify"


class TaskPhase(StrEnum):
    """How far it is."""

    STARTING = "starting"
    WAITING = "waiting"
    """For the network, for a server that asked for patience, or for another program; see `detail`."""
    DOWNLOADING = "downloading"
    CHECKING = "checking"
    """Reading what is on the disk and comparing it with the hash that the hub told."""
    PAUSED = "paused"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its process has ended without a word: killed, or the machine was switched off."""
    DONE = "done"


_RUNNING = frozenset({TaskPhase.STARTING, TaskPhase.WAITING, TaskPhase.DOWNLOADING, TaskPhase.CHECKING})
_RESUMABLE = frozenset({TaskPhase.PAUSED, TaskPhase.FAILED, TaskPhase.INTERRUPTED})


@dataclass(frozen=True, slots=True)
class DownloadState:
    """The one download, or check, of a data folder as it is now, or as it ended.

    `bytes_done` counts what is on the disk of `bytes_total`, what was there before included; both are of the
    parts' files together. `part_ids` are the parts that it is about. `updated` is in seconds since 1970.
    """

    task: TaskKind
    choice: DownloadChoice
    part_ids: tuple[str, ...]
    phase: TaskPhase
    file: str = ""
    detail: str = ""
    bytes_done: int = 0
    bytes_total: int | None = None
    bytes_per_second: float | None = None
    seconds_left: float | None = None
    error: ErrorInfo | None = None
    updated: float = 0.0

    @property
    def is_running(self) -> bool:
        """Whether a process is at it."""
        return self.phase in _RUNNING

    @property
    def is_resumable(self) -> bool:
        """Whether it can go on where it stopped."""
        return self.phase in _RESUMABLE

    @property
    def fraction(self) -> float | None:
        """How much of it is done, from 0 to 1; None while that is not known."""
        return self.bytes_done / self.bytes_total if self.bytes_total else None


@dataclass(frozen=True, slots=True)
class PartState:
    """A part of a model on this machine.

    `byte_count` is what its files, and what has come of them, take on the disk; `missing_bytes` is about what
    is still to come. `path` is its one file, or the folder of its repository; None where nothing is there.
    """

    part: ModelPart
    is_installed: bool
    byte_count: int
    missing_bytes: int
    path: Path | None = None
    damaged: tuple[str, ...] = ()
    """Its files that a check has found to be damaged."""


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What a choice would bring, told without a network: sizes are about right until the hub says them."""

    choice: DownloadChoice
    parts: tuple[PartState, ...]
    free_bytes: int
    spare_bytes: int
    """What must stay free beside the download."""

    @property
    def missing_bytes(self) -> int:
        """What is to come."""
        return sum(state.missing_bytes for state in self.parts)

    @property
    def is_installed(self) -> bool:
        """Whether there is nothing to do."""
        return all(state.is_installed for state in self.parts)

    @property
    def fits_disk(self) -> bool:
        """Whether there is room for it."""
        return not self.missing_bytes or self.missing_bytes + self.spare_bytes <= self.free_bytes


@dataclass(frozen=True, slots=True)
class Deletion:
    """What deleting parts would do: which go, and what becomes free. Files that others use are not in it."""

    parts: tuple[ModelPart, ...]
    files: tuple[Path, ...]
    byte_count: int
