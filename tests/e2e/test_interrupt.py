"""Ctrl+C on a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

START_S = 60


@pytest.fixture
def running(resources, tmp_path):
    """A `qie edit` in the middle of its denoising."""
    words = ["edit", resources / "sample.jpg", "sepia", "--model", "starter", "--steps", "20", "--json"]
    environ = os.environ | {"QIE_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "qie_desktop", *map(str, words)]
    process = subprocess.Popen(
        command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        for line in process.stderr:
            if "Denoising 1 of" in line:
                break
        yield process
        process.kill()


def test_ctrl_c_cancels_the_job_and_says_so(running, tmp_path):
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=START_S)

    assert running.returncode == 130
    assert "Cancelling" in stderr
    assert "Traceback" not in stderr
    said = json.loads(stdout)
    assert (said["state"], said["outputs"], said["error"]) == ("cancelled", [], None)
    metadata = tmp_path / "home" / "jobs" / said["job_id"] / "metadata.json"
    assert json.loads(metadata.read_text())["state"] == "cancelled"


@pytest.mark.slow
def test_ctrl_c_while_loading_cancels_too(resources, tmp_path):
    command = [sys.executable, "-m", "qie_desktop", "edit", str(resources / "sample.jpg"), "sepia", "--json"]
    environ = os.environ | {"QIE_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        for line in process.stderr:
            if "Loading" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=START_S)

    assert process.returncode == 130
    listed = subprocess.run(
        [sys.executable, "-m", "qie_desktop", "jobs", "list", "--json"],
        env=environ, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert [job["state"] for job in json.loads(listed.stdout)] == ["cancelled"]


@pytest.mark.slow
def test_a_second_ctrl_c_ends_the_process_at_once(running):
    # Stopped, so that nothing can answer the first one before the second is there.
    running.send_signal(signal.SIGSTOP)
    running.send_signal(signal.SIGINT)
    running.send_signal(signal.SIGTERM)
    started = time.monotonic()
    running.send_signal(signal.SIGCONT)
    running.wait(timeout=START_S)

    assert running.returncode == 130
    assert time.monotonic() - started < 5


def test_a_killed_job_is_interrupted_at_the_next_start(running, tmp_path):
    running.kill()
    running.wait()

    environ = os.environ | {"QIE_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "qie_desktop", "jobs", "list", "--json"],
        env=environ, check=True, capture_output=True, text=True,
    )  # fmt: skip
    (job,) = json.loads(done.stdout)
    assert job["state"] == "interrupted"
    assert job["error"]["code"] == "interrupted"
