"""Downloads that are killed, and disks that become full."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from qie_desktop.services.downloads import Downloads
from tests.cli.downloading import GGUF, MB, MODEL, SMALL, Serve, Start, parts_here, wait_until
from tests.support.hub_server import HubServer, made_up_repositories


def mounts_disks() -> bool:
    """Return whether this system lets a user mount a disk, in a namespace of its own."""
    if shutil.which("unshare") is None:
        return False
    mount = ["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]
    return subprocess.run(mount, check=False, capture_output=True).returncode == 0


on_small_disk = pytest.mark.skipif(
    not mounts_disks(),
    reason="A small disk is mounted with Linux's `unshare`: it is missing, or user namespaces are off.",
)


def kill_and_resume(start: Start, hub: HubServer, downloads: Downloads, kills: int, seed: int) -> None:
    """Kill downloads at random moments, and then let one through: nothing is fetched twice, all is right."""
    chance = random.Random(seed)
    gguf = hub.repositories[LOCAL_WEIGHTS.gguf_repo]
    size = gguf.commits[gguf.main][GGUF].size

    def sent(name: str = "*") -> int:
        return sum(served.count for served in hub.served if name in {"*", served.name})

    for kill in range(kills):
        process = start("download", *SMALL, "--quiet")
        if chance.random() < 0.25:
            time.sleep(chance.uniform(0.1, 1.5))
        else:
            enough = sent() + chance.uniform(0.001, 0.9) * size / kills
            wait_until(
                partial(lambda process, enough: sent() > enough or process.poll() == 0, process, enough)
            )
        process.kill()
        process.wait()
        state = downloads.state()
        assert state is None or not state.is_running, kill
        # It may be whole and not be there yet: hashed, renamed or linked when the kill came.
        assert "Q5_K_S" not in parts_here(downloads) or (sent(GGUF) >= size and not_partial(downloads))
    hub.set_rate(None)
    process = start("download", *SMALL, "--quiet")
    assert process.wait(60) == 0, process.communicate()
    assert parts_here(downloads) == {"base", "text-encoder-compact", "Q5_K_S"}
    # What was on its way at a kill may come again, and no more than that: the bar is 10 MB for each.
    for name in {served.name for served in hub.served}:
        ranges = sorted(
            (served.start, served.start + served.count) for served in hub.served if served.name == name
        )
        again = [max(0, end - start) for (_, end), (start, _) in itertools.pairwise(ranges)]
        assert max(again, default=0) <= MB, name
    assert sent(GGUF) <= size + kills * 300_000
    assert start("models", "verify", "--quiet").wait(60) == 0


def not_partial(downloads: Downloads) -> bool:
    return not any(
        state.missing_bytes for state in downloads.parts(find_model(MODEL)) if state.part.id == "Q5_K_S"
    )


def test_killed_four_times_it_resumes_and_ends_verified(
    start: Start, serve: Serve, downloads: Downloads
) -> None:
    hub = serve(made_up_repositories(4 * MB), bytes_per_second=4 * MB)
    kill_and_resume(start, hub, downloads, kills=4, seed=1)


@pytest.mark.slow
def test_killed_thirty_times_it_resumes_and_ends_verified(
    start: Start, serve: Serve, downloads: Downloads
) -> None:
    hub = serve(made_up_repositories(60 * MB), bytes_per_second=8 * MB)
    kill_and_resume(start, hub, downloads, kills=30, seed=2)


@on_small_disk
def test_a_disk_that_becomes_full_is_named_and_keeps_what_has_come(serve: Serve, tmp_path: Path) -> None:
    """On a small disk of its own, which something else fills while the download goes on."""
    hub = serve(made_up_repositories(12 * MB), bytes_per_second=3 * MB)
    disk = tmp_path / "disk"
    disk.mkdir()
    result = tmp_path / "result.json"
    again = tmp_path / "again.json"
    python = f"'{sys.executable}' -m qie_desktop"
    options = " ".join(SMALL)
    script = f"""
        mount -t tmpfs -o size=20m tmpfs '{disk}' || exit 77
        export QIE_HOME='{disk}/home'
        (sleep 2.5; head -c 14000000 /dev/zero > '{disk}/other' 2>/dev/null) &
        {python} download {options} --json > '{result}'
        wait
        rm '{disk}/other'
        {python} download {options} --json > '{again}' && {python} models verify --quiet
    """
    done = subprocess.run(["unshare", "-Urm", "bash", "-c", script], check=False, timeout=120)
    assert json.loads(result.read_text())["error"]["code"] == "disk_full"
    assert json.loads(again.read_text())["state"] == "done"
    assert done.returncode == 0
    assert sum(served.count for served in hub.served if served.name == GGUF) < 12.5 * MB


@on_small_disk
def test_a_disk_that_is_too_small_is_named_before_anything_is_fetched(serve: Serve, tmp_path: Path) -> None:
    hub = serve(made_up_repositories(12 * MB))
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"""
        mount -t tmpfs -o size=8m tmpfs '{disk}' || exit 77
        QIE_HOME='{disk}/home' '{sys.executable}' -m qie_desktop download {" ".join(SMALL)} --json
    """
    done = subprocess.run(
        ["unshare", "-Urm", "bash", "-c", script], check=False, timeout=60, capture_output=True, text=True
    )
    assert '"disk_full"' in done.stdout, done.stderr
    assert done.returncode == 1
    assert hub.served == []
