"""What every part of the window works with, built once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtCore import SignalInstance

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.secrets import ReplicateToken
    from qie_desktop.storage.settings import Settings

T = TypeVar("T")


class Jobs(Protocol):
    """Jobs as the GUI thread sees them. All calls return at once; what comes of them arrives as signals.

    The signals are emitted on the GUI thread.
    """

    submitted: SignalInstance
    """Job: it is on disk and queued."""
    refused: SignalInstance
    """Request, QieError: it never became a job."""
    told: SignalInstance
    """JobEvent: how far a job is, and how it ended."""
    ended: SignalInstance
    """Job: as it is on disk after its terminal event."""

    def submit(self, request: Request) -> None:
        """Check a request, put it on disk and run it in its turn."""
        ...

    def retry(self, job_id: str, *, new_seed: bool = False) -> None:
        """Run a job again, as a new one; one that was cut off and is paid for is finished instead."""
        ...

    def cancel(self, job_id: str) -> None:
        """Cancel a queued or running job."""
        ...

    def cancel_all(self) -> None:
        """Cancel every queued and running job."""
        ...

    def active(self) -> Sequence[str]:
        """Return the ids of the jobs that are queued or running, in their order."""
        ...


class Background(Protocol):
    """Work off the GUI thread for the GUI thread."""

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[QieError], None] | None = None,
        *,
        soon: bool = False,
    ) -> None:
        """Call `work` on a thread of a small pool, and then `done` (or `failed`) on the GUI thread.

        With `soon` it never waits for longer work: for what is short, and missing on the screen until then.
        """
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """One data folder, its settings and jobs, and the means to work without making the window wait.

    `readiness` says why a model cannot run now; it looks at files and tokens and is quick, but not free.
    """

    folder: DataFolder
    settings: Settings
    store: JobStore
    token: ReplicateToken
    jobs: Jobs
    background: Background
    readiness: Callable[[ModelSpec, Request | None], QieError | None]
