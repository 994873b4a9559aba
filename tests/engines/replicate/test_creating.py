"""What is safe to repeat when a prediction is made: how many are there, and what is on disk."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from qie_desktop.core.job import JobState
from tests.engines.replicate.cloud import Cloud
from tests.support.replicate.faults import (
    FORBIDDEN,
    INSUFFICIENT_CREDIT,
    NOT_FOUND,
    AsUsual,
    Exchange,
    Fault,
    Tell,
    broken,
    dropped,
    invalid_field,
    throttled,
    withheld,
)
from tests.support.replicate.lives import ENDLESS, Life
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer


def test_prediction_is_on_disk_before_it_is_first_asked_for(cloud: Cloud, server: ReplicateServer) -> None:
    job = cloud.job()
    on_disk: list[str | None] = []

    class Noting(AsUsual):
        """Looks at the disk when it is polled."""

        def meet(self, exchange: Exchange) -> Any:
            on_disk.append(cloud.store.load(job.job_id).remote.get("prediction"))
            return exchange.carry_out()

    server.faults.on(Kind.POLL, Noting())
    ended = cloud.run(job)
    assert ended.state is JobState.SUCCEEDED
    [prediction] = server.created
    assert on_disk == [prediction.id]
    assert ended.remote["prediction"] == prediction.id
    assert ended.remote["creating"] == ""
    assert prediction.cancel_after_s == 60


@pytest.mark.parametrize("tell", [Tell.HEADER, Tell.BODY, Tell.DETAIL, Tell.RESET])
def test_throttled_create_waits_as_told_and_is_made_once(
    tell: Tell, cloud: Cloud, server: ReplicateServer
) -> None:
    server.faults.on(Kind.CREATE, throttled(1, tell))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.SUCCEEDED
    assert len(server.created) == 1
    first, second = server.requests_to(Kind.CREATE)
    assert second.arrived_s - first.arrived_s >= 0.95


def test_jobs_share_one_rate_limit(cloud: Cloud, server: ReplicateServer) -> None:
    server.faults.on(Kind.CREATE, throttled(1))
    jobs = [cloud.job(prompt=f"fox {number}") for number in range(3)]
    asyncio.run(cloud.run_all(tuple(jobs)))
    assert len(server.created) == 3
    # Those that were not on their way already wait with the one that was refused.
    arrived = [request.arrived_s for request in server.requests_to(Kind.CREATE) if request.status == 201]
    assert {cloud.store.load(job.job_id).state for job in jobs} == {JobState.SUCCEEDED}
    assert max(arrived) - min(arrived) < 3


def test_connection_refused_is_tried_three_times_and_costs_nothing(
    cloud: Cloud, server: ReplicateServer
) -> None:
    job = cloud.job()
    with server.away():
        ended = cloud.run(job)
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "provider_unreachable"
    assert not any(ended.remote.values())
    assert server.created == []


def test_connection_that_comes_back_in_time_is_used(cloud: Cloud, server: ReplicateServer) -> None:
    job = cloud.job()

    async def work() -> None:
        with server.away():
            running = asyncio.ensure_future(cloud.run_all((job,)))
            await asyncio.sleep(0.25)
        await running

    asyncio.run(work())
    assert cloud.store.load(job.job_id).state is JobState.SUCCEEDED
    assert len(server.created) == 1


@pytest.mark.parametrize("data_uris", [True, False], ids=["input as sent", "input by address"])
@pytest.mark.parametrize(
    "fault",
    [
        broken(500, after=True),
        broken(502, after=True),
        broken(503, after=True),
        broken(504, after=True),
        dropped(after=True),
        dropped(after=True, reset=False),
    ],
    ids=["500", "502", "503", "504", "reset", "closed"],
)
@pytest.mark.parametrize("model_id", ["qwen-image-edit-plus", "seedream-4"])
def test_create_that_was_lost_after_it_took_effect_is_adopted(
    model_id: str, fault: Fault, data_uris: bool, cloud: Cloud, server: ReplicateServer
) -> None:
    server.faults.on(Kind.CREATE, fault)
    server.next(Life(data_uris=data_uris))
    ended = cloud.run(cloud.job(model_id))
    assert ended.state is JobState.SUCCEEDED, ended.error
    [prediction] = server.created
    assert ended.remote["prediction"] == prediction.id
    assert len(cloud.pictures(ended)) == 1


def test_create_that_is_never_answered_is_adopted(cloud: Cloud, server: ReplicateServer) -> None:
    cloud.create_s = 0.5
    server.faults.on(Kind.CREATE, withheld())
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert len(server.created) == 1


@pytest.mark.parametrize(
    "fault", [broken(500), broken(502), broken(503), broken(504), dropped(), dropped(reset=False)]
)
def test_create_without_a_trace_is_left_to_the_person(
    fault: Fault, cloud: Cloud, server: ReplicateServer
) -> None:
    server.faults.on(Kind.CREATE, fault)
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "outcome_unknown"
    assert server.created == []
    assert len(server.requests_to(Kind.CREATE)) == 1
    assert cloud.resume() == []


def test_prediction_of_another_job_is_not_adopted(cloud: Cloud, server: ReplicateServer) -> None:
    first = cloud.job("seedream-4", count=1, sequential_image_generation="auto")
    assert cloud.run(first).state is JobState.SUCCEEDED
    server.faults.on(Kind.CREATE, broken(502))
    second = cloud.job("seedream-4", count=1, sequential_image_generation="auto")
    ended = cloud.run(second)
    assert ended.error is not None
    assert ended.error.code == "outcome_unknown"
    assert len(server.created) == 1


def test_twins_whose_creates_are_lost_each_find_their_own(cloud: Cloud, server: ReplicateServer) -> None:
    server.faults.on(Kind.CREATE, broken(502, after=True), dropped(after=True), broken(500, after=True))
    jobs = [cloud.job("seedream-4") for _ in range(4)]
    ended = asyncio.run(cloud.run_all(tuple(jobs)))
    assert [job.state for job in ended] == [JobState.SUCCEEDED] * 4, [job.error for job in ended]
    assert len(server.created) == 4
    assert {job.remote["prediction"] for job in ended} == {each.id for each in server.created}


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (INSUFFICIENT_CREDIT, "payment_required", "replicate.com/account/billing"),
        (FORBIDDEN, "credentials_refused", "allowed"),
        (NOT_FOUND, "provider_failed", "another model"),
        (invalid_field("aspect_ratio", "must be one of the following"), "invalid_request", "aspect_ratio"),
    ],
)
def test_refusal_stops_the_job_before_anything_is_paid(
    fault: Fault, code: str, says: str, cloud: Cloud, server: ReplicateServer
) -> None:
    server.faults.on(Kind.CREATE, fault)
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == code
    assert says in ended.error.message + ended.error.hint
    assert server.created == []
    assert len(server.requests_to(Kind.CREATE)) == 1
    assert ended.cost_usd is None
    assert cloud.resume() == []


def test_wrong_token_is_told_as_such(cloud: Cloud, server: ReplicateServer) -> None:
    cloud.token = "r8_of_somebody_else"
    ended = cloud.run(cloud.job())
    assert ended.error is not None
    assert ended.error.code == "credentials_refused"
    assert server.created == []
    assert "r8_of_somebody_else" not in ended.error.message + ended.error.hint


def test_cancel_before_the_create_makes_no_prediction(cloud: Cloud, server: ReplicateServer) -> None:
    server.faults.on(Kind.CREATE, throttled(30))
    job = cloud.job()
    ended = cloud.cancelled_when(job, lambda: bool(server.requests_to(Kind.CREATE)))
    assert ended.state is JobState.CANCELLED
    assert server.created == []


def test_cancel_during_the_create_cancels_what_it_has_made(cloud: Cloud, server: ReplicateServer) -> None:
    server.faults.on(Kind.CREATE, withheld())
    server.next(Life(processing=ENDLESS))
    job = cloud.job()
    ended = cloud.cancelled_when(job, lambda: bool(server.created))
    assert ended.state is JobState.CANCELLED
    [prediction] = server.created
    assert prediction.cancel_requests == 1
    assert not prediction.pictures
