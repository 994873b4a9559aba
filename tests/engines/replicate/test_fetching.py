"""Fetching results: whole, each for itself, and never with the token to where it does not belong."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from qie_desktop.core.errors import DiskFull
from qie_desktop.core.events import OutputSaved
from qie_desktop.core.job import JobState
from qie_desktop.engines.base import EngineTask
from tests.engines.replicate.cloud import Cloud
from tests.support.replicate.faults import (
    NOT_FOUND,
    Fault,
    Redirected,
    Truncated,
    broken,
    dropped,
    trickled,
    web_page,
)
from tests.support.replicate.lives import Life
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer

SERIES = {"sequential_image_generation": "auto", "count": 3}


@pytest.mark.parametrize(
    "faults",
    [
        (Truncated(0.5), Truncated(0.0)),
        (web_page(),),
        (broken(500), broken(503)),
        (dropped(), dropped(reset=False)),
        (trickled(0.3),),
        (Redirected(),),
        (Redirected(elsewhere=True),),
        (Redirected("file:///etc/hosts"),),
        (Redirected("ftp://127.0.0.1/x"),),
        (NOT_FOUND,),
    ],
    ids=["short", "page", "5xx", "dropped", "slow", "same host", "other host", "file", "ftp", "404"],
)
def test_download_goes_on_until_the_picture_is_whole(
    faults: Sequence[Fault], cloud: Cloud, server: ReplicateServer
) -> None:
    server.faults.on(Kind.DOWNLOAD, *faults)
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert len(cloud.pictures(ended)) == 1
    assert len(server.created) == 1
    assert all(request.token is None for request in server.requests_to(Kind.DOWNLOAD))


def test_addresses_that_have_expired_are_asked_for_anew(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(stale_urls=1))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert len(server.created) == 1


def test_result_that_the_provider_has_deleted_has_expired(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(data_removed=True))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "result_expired"


def test_of_several_pictures_none_is_lost_when_one_fails(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(download_faults={1: (broken(503),) * 40}))
    cloud.deadline_s = 3
    job = cloud.job("seedream-4", **SERIES)
    ended = cloud.run(job)
    assert ended.state is JobState.INTERRUPTED
    assert ended.error is not None
    assert "costs nothing more" in ended.error.hint
    assert [path.name for path in cloud.pictures(ended)] == ["output_0.png", "output_2.png"]
    server.created[0].download_faults.clear()
    cloud.events.clear()
    cloud.deadline_s = 20
    [resumed] = cloud.resume()
    assert resumed.state is JobState.SUCCEEDED
    assert [event.index for event in cloud.events if isinstance(event, OutputSaved)] == [1]
    assert len(cloud.pictures(resumed)) == 3
    assert len(server.created) == 1
    assert resumed.cost_usd == pytest.approx(0.09)


def test_job_that_has_everything_needs_nobody_any_more(cloud: Cloud, server: ReplicateServer) -> None:
    job = cloud.job("seedream-4", **SERIES)
    ended = cloud.run(job)
    # As a process leaves it that is killed after the last picture and before the end is on disk.
    cloud.store.update(job.job_id, _as_running)
    server.remove_data(server.created[0])
    asked = len(server.requests)
    [resumed] = cloud.resume()
    assert resumed.state is JobState.SUCCEEDED
    assert resumed.outputs == ended.outputs
    assert len(server.requests) == asked


def _as_running(job: Any) -> Any:
    from dataclasses import replace

    return replace(job, state=JobState.RUNNING, finished_at=None)


def test_output_may_be_a_bare_string(cloud: Cloud, server: ReplicateServer) -> None:
    server.next(Life(bare_output=True))
    assert len(cloud.pictures(cloud.run(cloud.job()))) == 1


def test_output_may_be_a_data_uri(cloud: Cloud, server: ReplicateServer) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "PNG")
    server.next(Life(output=[f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"]))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.SUCCEEDED
    assert server.requests_to(Kind.DOWNLOAD) == []


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://127.0.0.1/a.png", "data:image/png;base64,%%%"])
def test_output_that_leads_astray_is_not_followed(url: str, cloud: Cloud, server: ReplicateServer) -> None:
    cloud.deadline_s = 1.5
    server.next(Life(output=[url]))
    ended = cloud.run(cloud.job())
    assert ended.state is JobState.INTERRUPTED
    assert ended.outputs == ()


def test_token_goes_with_files_of_the_api_itself_alone(cloud: Cloud, server: ReplicateServer) -> None:
    cloud.deadline_s = 1.5
    job = cloud.job()
    server.next(Life(output=[f"{server.url}/v1/files/some-file", f"http://localhost:1/{job.job_id}.png"]))
    cloud.run(job)
    sent = [request for request in server.requests if request.path.endswith("some-file")]
    assert sent
    assert {request.token for request in sent} == {server.token}


def test_disk_that_is_full_costs_no_second_prediction(cloud: Cloud, server: ReplicateServer) -> None:
    job = cloud.job()
    engine = cloud.engine()
    full = True

    class Full(type(engine)):
        """The engine, on a disk without room for results."""

        async def run(self, task: EngineTask, cancel: Any) -> None:
            from dataclasses import replace

            def save(result: Any) -> Path:
                if full:
                    raise DiskFull("There is no room left on the disk.", "Make room.")
                return task.save(result)

            await super().run(replace(task, save=save), cancel)

    cloud.engine = lambda: Full(engine._find_token, engine._schema_folder, engine._options)
    ended = cloud.run(job)
    assert ended.state is JobState.INTERRUPTED
    assert ended.error is not None
    assert ended.error.code == "disk_full"
    full = False
    [resumed] = cloud.resume()
    assert resumed.state is JobState.SUCCEEDED
    assert len(server.created) == 1


def test_jobs_of_one_engine_download_side_by_side(cloud: Cloud, server: ReplicateServer) -> None:
    jobs = tuple(cloud.job(prompt=f"fox {number}") for number in range(4))
    ended = asyncio.run(cloud.run_all(jobs))
    assert {job.state for job in ended} == {JobState.SUCCEEDED}
    assert len(server.created) == 4
