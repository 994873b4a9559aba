"""One job on its way through the cloud: what its parts share, and what is on disk of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qie_desktop.core.events import Phase, PhaseName

if TYPE_CHECKING:
    import asyncio

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.model import CloudSpec, ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import EngineTask
    from qie_desktop.engines.replicate.patience import Patience
    from qie_desktop.engines.replicate.schemas import Schemas
    from qie_desktop.engines.replicate.wire import Wire

_PREDICTION, _CREATING, _EARLIER, _REPEATS, _OUTPUTS = (
    "prediction",
    "creating",
    "earlier",
    "repeats",
    "outputs",
)


@dataclass(frozen=True, slots=True)
class ReplicateOptions:
    """How long things may take. `base_url` None: `REPLICATE_BASE_URL`, or Replicate's own.

    `deadline`: for a whole prediction, and for how long it is asked for. `create_s`: for the answer to a
    create. `settle_s`: after the person has cancelled, or where a create was not answered.
    """

    base_url: str | None = None
    deadline: timedelta = timedelta(minutes=30)
    create_s: float = 60.0
    settle_s: float = 4.0
    max_poll_s: float = 3.0
    cold_after_s: float = 10.0


@dataclass(slots=True)
class CloudJob:
    """What the parts of a run share. Used on one event loop."""

    task: EngineTask
    cloud: CloudSpec
    wire: Wire
    patience: Patience
    schemas: Schemas
    options: ReplicateOptions
    twins: asyncio.Lock
    """Held while a prediction of this very input is being made: it can only be known again by its input."""
    remote: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def request(self) -> Request:
        """What is to be made."""
        return self.task.request

    @property
    def spec(self) -> ModelSpec:
        """The model."""
        return self.task.spec

    @property
    def cancel(self) -> CancelToken:
        """The person's wish to stop."""
        return self.patience.cancel

    @property
    def prediction_id(self) -> str | None:
        """The prediction, once its id is on disk."""
        return self.remote.get(_PREDICTION) or None

    @property
    def creating_since(self) -> datetime | None:
        """When a create was begun of which no outcome is on disk, by the server's clock."""
        at = self.remote.get(_CREATING)
        return datetime.fromisoformat(at) if at else None

    @property
    def earlier_ids(self) -> frozenset[str]:
        """Predictions of this job that came to nothing."""
        return frozenset(self.remote.get(_EARLIER, "").split())

    @property
    def repeats(self) -> int:
        """How many predictions were made again after one came to nothing."""
        return int(self.remote.get(_REPEATS) or 0)

    @property
    def is_complete(self) -> bool:
        """Whether every picture of the prediction is on disk already."""
        count = int(self.remote.get(_OUTPUTS) or 0)
        return count > 0 and set(range(count)) <= self.task.saved

    def with_patience(self, patience: Patience) -> CloudJob:
        """Return the same job for somebody who waits differently."""
        return replace(self, patience=patience)

    def note_creating(self) -> None:
        """Put on disk that a prediction is about to be made."""
        if self.creating_since is None:
            self._remember({_CREATING: self.wire.server_time().isoformat()})

    def note_not_created(self) -> None:
        """Put on disk that none was made."""
        self._remember({_CREATING: ""})

    def note_created(self, prediction_id: str) -> None:
        """Put the prediction's id on disk."""
        self._remember({_PREDICTION: prediction_id, _CREATING: ""})

    def note_repeat(self) -> None:
        """Put on disk that the prediction came to nothing, and that another one is made."""
        earlier = " ".join((*sorted(self.earlier_ids), self.prediction_id or ""))
        self._remember({_PREDICTION: "", _EARLIER: earlier.strip(), _REPEATS: str(self.repeats + 1)})

    def note_outputs(self, count: int) -> None:
        """Put on disk how many pictures there are to fetch."""
        self._remember({_OUTPUTS: str(count)})

    def is_taken(self, prediction_id: str) -> bool:
        """Whether a prediction is another job's, or an earlier one of this."""
        return prediction_id in self.earlier_ids or self.task.taken(_PREDICTION, prediction_id)

    def tell(self, name: PhaseName, fraction: float | None = None, detail: str = "") -> None:
        """Tell which phase the job is in."""
        self.task.emit(Phase(self.task.job_id, name, fraction, detail))

    def _remember(self, items: dict[str, str]) -> None:
        self.task.remember(items)
        self.remote |= items
