"""Events and how often they come."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import pytest

from qie_desktop.core.errors import ErrorInfo
from qie_desktop.core.events import (
    Cancelled,
    Failed,
    JobEvent,
    OutputSaved,
    Phase,
    PhaseName,
    Preview,
    Queued,
    Step,
    Succeeded,
    Terminal,
)
from qie_desktop.core.throttle import ProgressThrottle

ALL = [
    Queued("j"),
    Phase("j", PhaseName.LOADING, 0.5, "transformer"),
    Step("j", 1, 4, 3.0, Preview(1, 1, b"abc")),
    OutputSaved("j", 0, Path("output_0.png")),
    Succeeded("j"),
    Failed("j", ErrorInfo("internal", "It broke.")),
    Cancelled("j"),
]


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passed() -> list[JobEvent]:
    return []


@pytest.fixture
def throttle(clock, passed) -> ProgressThrottle:
    return ProgressThrottle(passed.append, per_second=10, clock=clock)


@pytest.mark.parametrize("event", ALL, ids=lambda event: type(event).__name__)
def test_an_event_is_frozen_slotted_and_names_its_job(event):
    assert event.job_id == "j"
    assert not hasattr(event, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.job_id = "k"
    assert pickle.loads(pickle.dumps(event)) == event


def test_three_events_end_a_job():
    assert [type(event) for event in ALL if isinstance(event, Terminal)] == [Succeeded, Failed, Cancelled]


def test_progress_within_a_phase_comes_ten_times_a_second(throttle, clock, passed):
    for tick in range(1001):
        clock.now_s = 100 + tick / 1000
        throttle(Phase("j", PhaseName.DOWNLOADING, tick / 1001))
    assert 10 <= len(passed) <= 11


def test_the_first_event_passes(throttle, passed):
    throttle(Step("j", 1, 4))
    assert len(passed) == 1


def test_a_new_phase_passes_at_once(throttle, passed):
    throttle(Phase("j", PhaseName.LOADING))
    throttle(Phase("j", PhaseName.ENCODING))
    throttle(Phase("j", PhaseName.ENCODING, detail="second image"))
    throttle(Phase("j", PhaseName.ENCODING, 0.5, detail="second image"))
    assert [(event.name, event.detail) for event in passed] == [
        ("loading", ""),
        ("encoding", ""),
        ("encoding", "second image"),
        ("encoding", "second image"),
    ]


def test_the_last_step_passes_at_once(throttle, passed):
    for index in range(1, 5):
        throttle(Step("j", index, 4))
    assert [event.index for event in passed] == [1, 4]


@pytest.mark.parametrize(
    "event",
    [event for event in ALL if not isinstance(event, (Phase, Step))],
    ids=lambda event: type(event).__name__,
)
def test_what_matters_always_passes(event, throttle, passed):
    for _ in range(5):
        throttle(event)
    assert passed == [event] * 5


def test_progress_passes_again_when_its_time_has_come(throttle, clock, passed):
    throttle(Step("j", 1, 9))
    clock.now_s += 0.09
    throttle(Step("j", 2, 9))
    clock.now_s += 0.02
    throttle(Step("j", 3, 9))
    assert [event.index for event in passed] == [1, 3]
