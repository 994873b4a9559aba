from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from qie_desktop.storage import atomic, job_folders
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_metadata import read_metadata
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.ledger import Ledger
from qie_desktop.storage.settings import Settings

KILLS = 40
WRITER = Path(__file__).with_name("writer.py")
PICTURES = {".png", ".webp", ".jpeg"}


def test_every_file_is_whole_whenever_the_process_is_killed(tmp_path: Path, photo: Path) -> None:
    home = tmp_path / "data"
    rng = random.Random(20261122)
    # Two at a time, over the same folder: a starting one hides behind a writing one.
    running: list[subprocess.Popen[bytes]] = []
    for number in range(KILLS):
        running.append(start(home, photo, number))
        if len(running) > 1:
            kill(running.pop(0), rng)
    kill(running.pop(0), rng)

    folder = DataFolder.at(home, {})
    jobs = job_ids_on_disk(folder)
    assert len(jobs) > KILLS
    for job_id in jobs:
        check_job(folder.jobs / job_id, photo)
    assert Settings.load(folder.config).problems == ()
    assert len(json.loads(folder.prompts.read_text())) == 20
    assert all(entry.usd == 0.03 for entry in Ledger(folder.ledger).entries())
    assert folder.ledger.read_bytes().endswith(b"\n")
    with sqlite3.connect(folder.index) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    check_listing(folder, jobs)
    for path in home.glob("index.sqlite3*"):
        path.unlink()
    check_listing(folder, jobs)

    atomic.sweep_leftovers(home)
    job_folders.sweep(folder.jobs)
    for job_id in jobs:
        atomic.sweep_leftovers(folder.jobs / job_id)
    assert not [path for path in home.rglob(".*.part") if not path.is_dir()]


def start(home: Path, photo: Path, seed: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(WRITER), str(home), str(photo), str(seed)]
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": root})


def kill(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(rng.uniform(0.0, 0.15))
    assert process.poll() is None, "it ended by itself"
    process.kill()
    process.communicate()


def job_ids_on_disk(folder: DataFolder) -> list[str]:
    """Every folder with a final name, whatever is in it."""
    return sorted(path.name for path in folder.jobs.iterdir() if not path.name.startswith("."))


def check_job(folder: Path, photo: Path) -> None:
    job = read_metadata(folder)
    names = {path.name for path in folder.iterdir()}
    assert {item.name for item in (*job.inputs, *job.outputs)} <= names
    assert (folder / job.inputs[0].name).read_bytes() == photo.read_bytes()
    for path in folder.iterdir():
        if path.suffix in PICTURES and not path.name.startswith((".", "provider_")):
            with Image.open(path) as image:
                image.load()
        if path.name.startswith("provider_"):
            assert path.read_bytes() == b"provider" * 1000


def check_listing(folder: DataFolder, jobs: list[str]) -> None:
    store = JobStore(folder)
    listed = store.list()
    assert sorted(job.job_id for job in listed) == jobs
    assert all(store.load(job.job_id) == job for job in listed)
    store.close()
