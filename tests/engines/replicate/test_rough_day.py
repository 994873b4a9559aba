"""Fifty jobs at once at a provider that has a bad day."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from qie_desktop.core.job import JobState
from tests.engines.replicate.cloud import Cloud
from tests.support.replicate.faults import Faults
from tests.support.replicate.lives import Status
from tests.support.replicate_server import ReplicateServer

MODELS = ("hunyuan-image-3", "qwen-image-edit", "seedream-4", "qwen-image", "qwen-image-edit-plus")
NAMED = {"outcome_unknown", "provider_failed", "provider_unreachable"}
JOBS = 50


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_of_fifty_jobs_none_is_lost_and_none_doubled(seed: int, tmp_path: Path) -> None:
    faults = Faults.random(seed)
    with ReplicateServer(faults=faults, area_px=96 * 96) as server:
        cloud = Cloud(tmp_path / "home", server, deadline_s=90, settle_s=2)
        jobs = tuple(cloud.job(MODELS[number % 5], prompt=f"fox {number // 2}") for number in range(JOBS))
        ended = asyncio.run(cloud.run_all(jobs))
        faults.clear()
        ended = [job for job in ended if job.state is not JobState.INTERRUPTED] + cloud.resume()
        assert len(ended) == JOBS
        for job in ended:
            assert job.state is JobState.SUCCEEDED or (job.error is not None and job.error.code in NAMED), job
            assert len(cloud.terminals(job)) in {1, 2}
        predictions = {prediction.id: prediction for prediction in server.created}
        owners = Counter(job.remote["prediction"] for job in ended if job.remote.get("prediction"))
        assert set(owners.values()) == {1}
        earlier = {name for job in ended for name in job.remote.get("earlier", "").split()}
        assert set(owners) | earlier == set(predictions)
        for job in ended:
            if job.state is JobState.SUCCEEDED:
                own = predictions[job.remote["prediction"]]
                assert own.status is Status.SUCCEEDED
                assert len(cloud.pictures(job)) == own.output_count
        assert server.leaked_tokens == []
        states = Counter(job.state for job in ended)
        assert states[JobState.SUCCEEDED] > JOBS * 0.6, states
        cloud.store.close()
