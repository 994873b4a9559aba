"""From a prediction on disk to its end: polling, failing, repeating, cancelling, resuming."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qie_desktop.core.events import Phase
from qie_desktop.core.job import JobState
from qie_desktop.engines.replicate.predictions import Prediction, Status
from tests.engines.replicate.cloud import Cloud
from tests.support.replicate import lives
from tests.support.replicate.faults import NOT_FOUND, UNAUTHENTICATED, broken, dropped, throttled
from tests.support.replicate.lives import ENDLESS, Life, Span, failing
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer


def test_errors_while_polling_are_sat_out(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(poll_faults=(broken(500), dropped(), throttled(0), broken(503), dropped(reset=False))))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.SUCCEEDED
    assert len(server.created) == 1


def test_job_out_of_reach_until_its_deadline_is_resumed_later(cloud: Cloud, server: ReplicateServer) -> None:
    cloud.deadline_s = 1.2
    server.next(Life(poll_faults=(broken(500),) * 20))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.INTERRUPTED
    assert ended.error is not None
    assert ended.error.code == "provider_unreachable"
    assert ended.cost_usd == 0.08
    server.created[0].poll_faults.clear()
    cloud.deadline_s = 20
    [resumed] = cloud.resume()
    assert resumed.state is JobState.SUCCEEDED
    assert len(server.created) == 1


def test_token_that_is_withdrawn_meanwhile_leaves_the_job_to_be_resumed(
    cloud: Cloud, server: ReplicateServer
) -> None:
    server.next(Life(poll_faults=(UNAUTHENTICATED,)))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.INTERRUPTED
    assert ended.error is not None
    assert ended.error.code == "credentials_refused"
    assert [job.state for job in cloud.resume()] == [JobState.SUCCEEDED]
    assert len(server.created) == 1


def test_prediction_that_nobody_knows_any_more_has_expired(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(poll_faults=(NOT_FOUND,)))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "result_expired"


@pytest.mark.parametrize("urls", ["null", "absent"])
def test_prediction_without_addresses_is_followed_by_its_id(
    urls: Any, cloud: Cloud, server: ReplicateServer
) -> None:
    server.next(Life(urls=urls))
    assert cloud.run(cloud.job()).state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("name", "code"),
    [("E005", "content_refused"), ("NSFW", "content_refused"), ("E1001", "provider_failed")],
)
def test_failure_that_is_not_the_providers_is_not_repeated(
    name: str, code: str, cloud: Cloud, server: ReplicateServer
) -> None:
    server.next(failing(name))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == code
    assert ended.error.hint
    assert len(server.created) == 1


@pytest.mark.parametrize("name", ["E003", "E004", "E1000", "E6716", "E8765"])
def test_failure_of_the_provider_is_repeated_once(name: str, cloud: Cloud, server: ReplicateServer) -> None:
    server.next(failing(name))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.SUCCEEDED
    first, second = server.created
    assert first.input == second.input
    assert ended.remote["prediction"] == second.id
    assert ended.remote["earlier"] == first.id


def test_failure_of_the_provider_that_lasts_is_told(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(failing("E004"), failing("E6716"), failing("E004"))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert "E6716" in ended.error.message
    assert len(server.created) == 2


def test_aborted_prediction_is_made_again(cloud: Cloud, server: ReplicateServer) -> None:
    aborted = Life(outcome=lives.Status.ABORTED)
    server.next(aborted, aborted)
    assert cloud.run(cloud.job()).state is JobState.SUCCEEDED
    assert len(server.created) == 3
    assert len(server.billed) == 1


def test_prediction_that_is_always_aborted_is_given_up(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(*[Life(outcome=lives.Status.ABORTED)] * 10)
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.FAILED
    assert len(server.created) == 4
    assert ended.cost_usd is None


def test_lost_create_of_a_repeat_does_not_adopt_what_has_failed(
    cloud: Cloud, server: ReplicateServer
) -> None:
    server.next(failing("E004"))
    server.faults.on(Kind.CREATE, *_second(broken(502, after=True)))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert len(server.created) == 2
    assert ended.remote["prediction"] == server.created[1].id


def _second(fault: Any) -> tuple[Any, Any]:
    from tests.support.replicate.faults import AsUsual

    return AsUsual(), fault


def test_prediction_cancelled_at_the_provider_has_failed(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(outcome=lives.Status.CANCELED))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert "cancelled at Replicate" in ended.error.message


def test_success_without_a_picture_is_a_failure(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(output=[]))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert "without a picture" in ended.error.message


def test_cancel_reaches_the_provider_and_is_done_though_it_lags(
    cloud: Cloud, server: ReplicateServer
) -> None:
    server.next(Life(processing=ENDLESS, cancelling=Span(polls=2)))
    job = cloud.job()
    ended = cloud.cancelled_when(job, lambda: bool(server.requests_to(Kind.POLL)))
    assert ended.state is JobState.CANCELLED
    [prediction] = server.created
    assert prediction.cancel_requests == 1
    assert prediction.status is lives.Status.CANCELED
    assert ended.outputs == ()
    assert ended.cost_usd is None


@pytest.mark.parametrize("fault", [broken(500), dropped(after=True), throttled(0)])
def test_cancel_is_repeated_until_it_arrives(fault: Any, cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(processing=ENDLESS))
    server.faults.on(Kind.CANCEL, fault)
    cloud.settle_s = 5
    ended = cloud.cancelled_when(cloud.job(), lambda: bool(server.requests_to(Kind.POLL)))
    assert ended.state is JobState.CANCELLED
    assert server.created[0].status is lives.Status.CANCELED


def test_cancel_that_cannot_be_delivered_ends_the_job_in_time(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(processing=ENDLESS))
    server.faults.always(Kind.CANCEL, broken(500))
    began = datetime.now(UTC)
    ended = cloud.cancelled_when(cloud.job(), lambda: bool(server.requests_to(Kind.POLL)))
    assert ended.state is JobState.CANCELLED
    assert datetime.now(UTC) - began < timedelta(seconds=cloud.settle_s + 2)


def test_picture_that_was_ready_when_it_was_cancelled_is_kept(cloud: Cloud, server: ReplicateServer) -> None:
    # The cancel comes too late: by the time it shows, the prediction has come through.
    server.next(Life(processing=Span(seconds=0.5), cancelling=Span(seconds=30)))
    cloud.settle_s = 5
    ended = cloud.cancelled_when(cloud.job(), lambda: bool(server.requests_to(Kind.POLL)))
    assert ended.state is JobState.CANCELLED
    assert server.created[0].status is lives.Status.SUCCEEDED
    assert len(cloud.pictures(ended)) == 1
    assert ended.cost_usd == 0.08


def test_phases_tell_of_the_queue_the_machine_and_the_progress(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(starting=Span(seconds=0.6), processing=Span(seconds=0.6), steps=5))
    cloud.run(cloud.job("qwen-image-edit"))
    assert cloud.phases() == ["uploading", "waiting", "running", "downloading", "saving"]
    phases = [event for event in cloud.events if isinstance(event, Phase)]
    assert any("minutes" in phase.detail for phase in phases if phase.name == "waiting")
    fractions = [phase.fraction for phase in phases if phase.name == "running" and phase.fraction is not None]
    assert fractions == sorted(fractions)
    assert {0.2, 0.4, 0.6, 0.8} & set(fractions)


def test_program_that_ends_leaves_the_job_to_be_resumed(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(processing=ENDLESS))
    job = cloud.job()

    async def work() -> None:
        running = asyncio.ensure_future(cloud.run_all((job,)))
        while not server.requests_to(Kind.POLL):
            await asyncio.sleep(0.01)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(work())
    assert cloud.store.load(job.job_id).state is JobState.INTERRUPTED
    [prediction] = server.created
    assert prediction.cancel_requests == 0
    server.release(prediction)
    [resumed] = cloud.resume()
    assert resumed.state is JobState.SUCCEEDED
    assert len(server.created) == 1


def test_program_that_ends_during_a_create_adopts_it_later(cloud: Cloud, server: ReplicateServer) -> None:
    from tests.support.replicate.faults import withheld

    server.faults.on(Kind.CREATE, withheld())
    job = cloud.job("qwen-image-edit")

    async def work() -> None:
        running = asyncio.ensure_future(cloud.run_all((job,)))
        while not server.created:
            await asyncio.sleep(0.01)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(work())
    assert cloud.store.load(job.job_id).state is JobState.INTERRUPTED
    [resumed] = cloud.resume()
    assert resumed.state is JobState.SUCCEEDED
    assert len(server.created) == 1


def test_metrics_of_a_prediction_are_noted(cloud: Cloud) -> None:
    ended = cloud.run(cloud.job())
    assert ended.measured["predict_seconds"] >= 0


def test_document_that_is_no_prediction_is_refused() -> None:
    for document in ({}, {"id": "x"}, {"id": "x", "status": "odd"}, {"id": 3, "status": "starting"}):
        with pytest.raises(ValueError):
            Prediction.of(document)
    bare = Prediction.of({"id": "x", "status": "succeeded", "output": "https://a/b", "metrics": None})
    assert bare.outputs == ("https://a/b",)
    assert bare.status is Status.SUCCEEDED
    assert bare.fraction is None
    counted = Prediction.of({"id": "x", "status": "succeeded", "metrics": {"image_count": 3}})
    assert counted.billed_images == 3
