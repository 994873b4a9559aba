"""How a prediction goes, told before it is created."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.replicate.faults import Fault


class Status(StrEnum):
    """Where a prediction is, in the words of the wire."""

    STARTING = auto()
    PROCESSING = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELED = auto()
    ABORTED = auto()

    @property
    def is_final(self) -> bool:
        return self not in {Status.STARTING, Status.PROCESSING}


@dataclass(frozen=True, slots=True)
class Span:
    """How long something lasts: until it has been seen by so many polls, or for so many seconds.

    With both, what comes first ends it; with neither, it lasts until `ReplicateServer.release`.
    """

    polls: int | None = None
    seconds: float | None = None

    def ended_at(self, began_s: float, polls: int, now_s: float) -> float | None:
        """Return when it ended; None while it lasts."""
        ends: list[float] = []
        if self.polls is not None and polls >= self.polls:
            ends.append(now_s)
        if self.seconds is not None and began_s + self.seconds <= now_s:
            ends.append(began_s + self.seconds)
        return min(ends, default=None)

    def share(self, elapsed_s: float, polls: int) -> float:
        """Return how much of it is over, from 0 to 1."""
        by_polls = (polls + 1) / (self.polls + 1) if self.polls is not None else 0.0
        by_time = elapsed_s / self.seconds if self.seconds else 0.0
        return min(1.0, max(by_polls, by_time))


AT_ONCE = Span(seconds=0)
ENDLESS = Span()


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How one prediction goes. As it stands: well, seen starting once and processing twice."""

    starting: Span = Span(polls=1, seconds=0.02)
    """Long: a cold boot."""
    processing: Span = Span(polls=2, seconds=0.05)
    steps: int = 5
    """Steps told in the logs while it is processing; 0 for none."""
    outcome: Status = Status.SUCCEEDED
    """How it ends of itself. ABORTED ends it before it is processing."""
    error: str | None = None
    cancelling: Span = AT_ONCE
    """How long a cancel takes to show; a prediction that ends first was not canceled at all."""

    size_px: tuple[int, int] | None = None
    """The size of the outputs; None: what the model would make."""
    extension: str | None = None
    """webp, jpg or png; None: what was asked for."""
    outputs: int | None = None
    """How many there are; None: what was asked for."""
    bare_output: bool = False
    """The first output alone, as a string rather than an array."""
    output: Any = ...
    """Told in place of the outputs, whatever it is."""

    data_uris: bool = True
    """Whether its input is told as it was sent; else with a URL in place of each data URI."""
    urls: Literal["told", "null", "absent"] = "told"
    """What becomes of the field `urls`, which other servers may leave out."""
    stale_urls: int = 0
    """So many times each of its URLs answers 403; when it is fetched again after that, it tells new ones."""
    data_removed: bool = False
    """The first download finds nothing, and from then on the prediction says that its data are removed."""

    poll_faults: tuple[Fault, ...] = ()
    """What its polls meet, one each."""
    download_faults: Mapping[int, tuple[Fault, ...]] = field(default_factory=dict[int, "tuple[Fault, ...]"])
    """What downloads of an output meet, by the output's index, one each."""


ERRORS = {
    "E003": "Service is currently unavailable due to high demand. Please try again later. (E003)"
    " (k3xTfQ0wZb)",
    "E004": "Service is temporarily unavailable. Please try again later. (E004) (p8LmV2yHsa)",
    "E005": "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
    " (uR7cJ1nDqe)",
    "E1000": "Unknown error (E1000)",
    "E1001": "Prediction failed: out of memory (E1001)",
    "E6716": "Director: unexpected error handling prediction (E6716)",
    "E8765": "Health check failed (E8765)",
    "NSFW": "NSFW content detected. Try running it again, or try a different prompt.",
}
"""What failed predictions say, by the code in it."""


def failing(code: str) -> Life:
    """A prediction that runs and fails with one of `ERRORS`."""
    return Life(outcome=Status.FAILED, error=ERRORS[code])
