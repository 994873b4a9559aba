"""The bars of a gallery over ten thousand jobs. Wants a machine that does nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qie_desktop.core.job import Job
from qie_desktop.storage.job_store import JobStore
from tests.ui.gallery.many_jobs import generate_jobs

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize("index", ["missing", "there"])
def test_window_over_ten_thousand_jobs_is_usable_at_once(
    index: str, store: JobStore, made: Callable[..., Job]
) -> None:
    generate_jobs(store, made(), 9999)
    if index == "there":
        assert len(store.list()) == 10_000
    store.close()
    home = store.data_folder.home
    if index == "missing":
        store.data_folder.index.unlink(missing_ok=True)
    environ = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "tests.ui.gallery.large_gallery", str(home)]
    # The best of three: a wait of ours is there each time, one of a busy machine is not.
    tries = [
        json.loads(subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True).stdout)
        for _ in range(3 if index == "there" else 1)
    ]
    assert {found["jobs"] for found in tries} == {10_000}
    assert min(found["first_pictures_ms"] for found in tries) < 1500
    assert min(found["blocked_listing_ms"] for found in tries) < 50
    assert min(found["blocked_scrolling_ms"] for found in tries) < 50
    assert max(found["memory_growth_mb"] for found in tries) < 300
