"""Processes that are killed at any moment of a cloud job, and what the next one makes of it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from tests.support.replicate.lives import Life, Span
from tests.support.replicate_server import ReplicateServer

ROOT = Path(__file__).parents[3]
MODELS = ("seedream-4", "qwen-image-edit", "hunyuan-image-3", "seedream-4")
LONGEST = 1.2
"""At most so late a job is killed, in the time that one takes here when nobody disturbs it."""


class Forks:
    """A process that forks others, each within its job at once."""

    def __init__(self, home: Path, server: ReplicateServer) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.engines.replicate.killed",
            str(home),
            server.url,
            server.token,
        ]
        self._parent = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, command: str) -> int:
        assert self._parent.stdin is not None
        self._parent.stdin.write(command + "\n")
        self._parent.stdin.flush()
        return int(self._read())

    def wait(self) -> None:
        assert self._read() == "ended"

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.communicate(timeout=30)

    def _read(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline().strip()


def kill_after(seconds: float, pid: int) -> None:
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_and_resume(count: int, tmp_path: Path) -> Counter[str]:
    """Kill processes at random moments, resume what they leave, and check all of it at the end."""
    chance = random.Random(count)
    home = tmp_path / "home"
    life = Life(starting=Span(seconds=0.04), processing=Span(seconds=0.06))
    with ReplicateServer(life=life, area_px=64 * 64) as server:
        with Forks(home, server) as forks:
            began = time.monotonic()
            forks.begin(f"run {MODELS[0]} undisturbed")
            forks.wait()
            longest_s = LONGEST * (time.monotonic() - began)
            for number in range(count):
                # Some in a row are twins: they can be told apart by their predictions' ids alone.
                pid = forks.begin(f"run {MODELS[number % len(MODELS)]} fox {number // 8}")
                kill_after(chance.uniform(0, longest_s), pid)
                forks.wait()
                pid = forks.begin("resume")
                if number % 5 == 0:
                    kill_after(chance.uniform(0, longest_s), pid)
                forks.wait()
            forks.begin("resume")
            forks.wait()
        store = JobStore(DataFolder.at(home, {}))
        jobs = store.list()
        check(jobs, store, server)
        store.close()
        return Counter(str(job.state) for job in jobs)


def check(jobs: list[Job], store: JobStore, server: ReplicateServer) -> None:
    owners = Counter(job.remote["prediction"] for job in jobs if job.remote.get("prediction"))
    assert set(owners.values()) <= {1}
    assert set(owners) == {prediction.id for prediction in server.created}
    by_id = {prediction.id: prediction for prediction in server.created}
    for job in jobs:
        if not job.remote.get("prediction"):
            # Killed before anything was sent, or just then: nothing was made, so nothing can be lost.
            assert job.state is JobState.INTERRUPTED or (
                job.error is not None and job.error.code == "outcome_unknown"
            )
            continue
        assert job.state is JobState.SUCCEEDED, job.error
        assert len(job.outputs) == by_id[job.remote["prediction"]].output_count
        for output in job.outputs:
            with Image.open(store.output_path(job, output)) as picture:
                picture.load()
    assert not [path for path in store.data_folder.home.rglob("*.part") if path.is_file()]


def test_killed_cloud_jobs_are_finished_and_never_paid_for_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "0.02")
    states = kill_and_resume(12, tmp_path)
    assert states["succeeded"] > 1, "none but the undisturbed one"


@pytest.mark.slow
def test_cloud_jobs_that_are_killed_a_hundred_times_are_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "0.02")
    states = kill_and_resume(100, tmp_path)
    assert states["succeeded"] > 30
    assert sum(states.values()) > 80
