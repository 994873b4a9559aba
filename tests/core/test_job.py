"""Jobs and the states that they go through."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from pathlib import Path

import pytest

from qie_desktop.core.errors import ErrorInfo, ExitCode, JobStateError
from qie_desktop.core.job import Job, JobState, new_job_id, now
from qie_desktop.core.request import build_request

Q, R, X, S, F, C, I = JobState  # noqa: E741  a table to be read at a glance
LEGAL = {
    (Q, R),
    (Q, F),
    (Q, C),
    (Q, I),
    (R, X),
    (R, S),
    (R, F),
    (R, C),
    (R, I),
    (X, C),
    (X, I),
    (I, R),
    (I, C),
}
"""The states of the design: a cancelled job may also be cancelled before it was seen to be cancelling."""

AT = datetime(2026, 11, 22, 10, 15, 30, tzinfo=UTC)


def _job(state: JobState = Q) -> Job:
    return Job("20261122-101530-7f3a", state, build_request("starter", "sepia", [Path("a.png")]), AT)


@pytest.mark.parametrize(("start", "end"), list(product(JobState, JobState)))
def test_a_job_moves_as_the_table_says(start, end):
    if (start, end) in LEGAL:
        assert _job(start).moved_to(end).state is end
        return
    with pytest.raises(JobStateError, match=f"{start} and cannot become {end}") as caught:
        _job(start).moved_to(end)
    assert caught.value.exit_code is ExitCode.INVALID


def test_four_states_are_the_end():
    assert {state for state in JobState if state.is_terminal} == {S, F, C, I}


def test_the_times_of_a_job_are_noted():
    running = _job().moved_to(R, AT + timedelta(seconds=5))
    assert (running.started_at, running.finished_at, running.seconds) == (
        AT + timedelta(seconds=5),
        None,
        None,
    )
    cancelling = running.moved_to(X, AT + timedelta(seconds=6))
    assert (cancelling.started_at, cancelling.finished_at) == (AT + timedelta(seconds=5), None)
    ended = cancelling.moved_to(C, AT + timedelta(seconds=8))
    assert ended.seconds == 3.0


def test_an_error_is_kept_and_gone_once_the_job_is_resumed():
    error = ErrorInfo("interrupted", "The program ended.")
    cut_off = _job(R).moved_to(I, AT, error)
    assert cut_off.error is error
    resumed = cut_off.moved_to(R)
    assert (resumed.error, resumed.finished_at) == (None, None)


def test_moving_leaves_the_job_before_as_it_was():
    job = _job()
    job.moved_to(R)
    assert job == _job()


def test_ids_sort_by_time_and_differ_within_a_second():
    later = [new_job_id(AT + timedelta(seconds=seconds)) for seconds in (0, 1, 60, 86_400, 40_000_000)]
    assert later == sorted(later)
    assert re.fullmatch(r"20261122-101530-[0-9a-f]{4}", later[0])
    assert len({new_job_id(AT) for _ in range(20)}) > 1


def test_an_id_is_of_universal_time():
    assert new_job_id(AT.astimezone(timezone(timedelta(hours=9))))[:15] == "20261122-101530"


def test_now_is_in_whole_milliseconds_of_universal_time():
    at = now()
    assert at.tzinfo is UTC
    assert at.microsecond % 1000 == 0
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
