"""Many cloud jobs on a day on which a lot goes wrong: none is lost or doubled, the window stays quick."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from qie_desktop.core.job import JobState
from qie_desktop.core.request import Request
from tests.support.replicate.faults import Faults
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import INPUTS, SMALL_AREA_PX, Front
from tests.ui.cloud.server_process import server_elsewhere
from tests.ui.test_window_runs import Watchdog

SEED = 7
LIMIT_S = 0.05
SIDE_BY_SIDE = 8
LIMIT_MS = 300_000

Wish = Callable[..., Request]
OpenFront = Callable[..., Front]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplicateServer]:
    with ReplicateServer(area_px=SMALL_AREA_PX, faults=Faults.random(SEED)) as server:
        monkeypatch.setenv("REPLICATE_BASE_URL", server.url)
        yield server
        assert server.leaked_tokens == []


def run_many(front: Front, wish: Wish, count: int) -> Watchdog:
    """Run so many jobs of all models to their ends; return what was noted of the GUI thread meanwhile."""
    front.window.session.settings.set("cloud.max_jobs", SIDE_BY_SIDE)
    models = list(INPUTS)
    requests = [wish(models[number % len(models)], f"fox {number}") for number in range(count)]
    watchdog = Watchdog()
    for request in requests:
        front.window.session.jobs.submit(request)
    front.wait_ended(count, timeout_ms=LIMIT_MS)
    watchdog.stop()
    return watchdog


def check_none_is_lost(front: Front, count: int, created: Sequence[tuple[str, str]]) -> None:
    """Check the ends of all jobs against the predictions, by id and prompt."""
    jobs = {job.job_id: job for job in front.ear.ended}
    assert len(jobs) == len(front.ear.ended) == count
    assert front.ear.refused == []
    for job_id, job in jobs.items():
        assert len(front.ear.terminal(job_id)) == 1
        assert front.job(job_id) == job
        assert job.state in {JobState.SUCCEEDED, JobState.FAILED}
        assert (job.error is None) is bool(job.outputs) is (job.state is JobState.SUCCEEDED)
        assert job.error is None or job.error.code != "internal"
    made = Counter(prompt for _, prompt in created)
    assert set(made.values()) == {1}
    # Each was taken up by one job, and every job that came through has one.
    remembered = [job.remote["prediction"] for job in jobs.values() if job.remote.get("prediction")]
    assert sorted(remembered) == sorted(prediction_id for prediction_id, _ in created)
    assert {job.request.prompt for job in jobs.values() if job.state is JobState.SUCCEEDED} <= set(made)
    assert front.runner.active() == ()
    front.wait(lambda: front.window.gallery.model.rowCount() == count)


def test_window_has_little_to_do_while_ten_run(front: Front, server: ReplicateServer, wish: Wish) -> None:
    watchdog = run_many(front, wish, 10)
    check_none_is_lost(front, 10, [(item.id, item.input["prompt"]) for item in server.created])
    assert watchdog.busy_s < LIMIT_S


@pytest.mark.slow
def test_fifty_come_through_and_the_window_is_never_held_up(
    open_front: OpenFront, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wants a machine that does nothing else."""
    with server_elsewhere(SEED) as elsewhere:
        for name, value in elsewhere.environ.items():
            monkeypatch.setenv(name, value)
        front = open_front()
        gc.freeze()  # as the program does
        watchdog = run_many(front, wish, 50)
    check_none_is_lost(front, 50, elsewhere.created)
    assert watchdog.busy_s < LIMIT_S
    assert watchdog.blocked_s < LIMIT_S
