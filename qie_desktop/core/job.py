"""A job: one request on its way to pictures, its states, and how it is told apart from others."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from qie_desktop.core.errors import ErrorInfo, JobStateError

if TYPE_CHECKING:
    from qie_desktop.core.request import Request


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, and nothing more will come of it by itself."""
        return not LEGAL_TRANSITIONS[self] or self is JobState.INTERRUPTED


LEGAL_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED}),
    JobState.RUNNING: frozenset(
        {JobState.CANCELLING, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED}
    ),
    JobState.CANCELLING: frozenset({JobState.CANCELLED, JobState.INTERRUPTED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    # A cloud job that was cut off has been paid for: it is resumed.
    JobState.INTERRUPTED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
}
"""From each state, the states that may follow."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """An input as stored in the job's folder: the user's own bytes under `name`; the size is upright."""

    name: str
    source_name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Output:
    """A result in the job's folder; `provider_name` is the file with the provider's own bytes, if any.

    `saved`: the person has saved it elsewhere.
    """

    name: str
    width: int
    height: int
    provider_name: str | None = None
    starred: bool = False
    saved: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Everything known of a job. Times are in UTC. `remote` is what an engine must remember to resume."""

    job_id: str
    state: JobState
    request: Request
    created_at: datetime
    inputs: tuple[InputFile, ...] = ()
    outputs: tuple[Output, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: ErrorInfo | None = None
    cost_usd: float | None = None
    remote: dict[str, str] = field(default_factory=dict[str, str])
    measured: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def seconds(self) -> float | None:
        """How long the job ran, once it has ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    def moved_to(self, state: JobState, at: datetime | None = None, error: ErrorInfo | None = None) -> Job:
        """Return the job in its next state, with the time noted. Raises JobStateError for an illegal move."""
        if state not in LEGAL_TRANSITIONS[self.state]:
            raise JobStateError(
                f"Job {self.job_id} is {self.state} and cannot become {state}.",
                "Look at it with `qie jobs show`.",
            )
        at = at or now()
        if state is JobState.RUNNING:
            return replace(self, state=state, started_at=at, finished_at=None, error=None)
        if state.is_terminal:
            return replace(self, state=state, finished_at=at, error=error)
        return replace(self, state=state)


def now() -> datetime:
    """Return the time in UTC, to the millisecond."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def new_job_id(at: datetime) -> str:
    """Return an id that sorts by time and is unlikely to be taken: `20261122-101530-7f3a`."""
    return f"{at.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
