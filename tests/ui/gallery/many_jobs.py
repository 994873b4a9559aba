"""Thousands of finished jobs on disk, quickly: one picture and one thumbnail, linked into every folder."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

from qie_desktop.core.job import Job
from qie_desktop.storage.job_store import JobStore

_FIRST = datetime(2025, 1, 1, tzinfo=UTC)


def generate_jobs(store: JobStore, like: Job, count: int) -> None:
    """Put copies of a job that has ended on disk: a minute apart, each with a prompt of its own."""
    source = store.folder(like.job_id)
    document = json.loads((source / "metadata.json").read_text())
    files = [path for path in source.iterdir() if path.suffix != ".json" and path.name != ".lock"]
    for number in range(count):
        at = _FIRST + timedelta(minutes=number)
        job_id = f"{at:%Y%m%d-%H%M%S}-{number:04x}"
        folder = store.data_folder.jobs / job_id
        folder.mkdir()
        for path in files:
            os.link(path, folder / path.name)
        document["job_id"] = job_id
        document["created_at"] = at.isoformat(timespec="milliseconds")
        document["request"]["prompt"] = f"number {number} of many"
        (folder / "metadata.json").write_text(json.dumps(document))
