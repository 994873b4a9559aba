from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from qie_desktop.storage.job_store import JobStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.core.job import Job

JOBS = 3_000
LIMIT_S = 12.0


def test_thousands_of_jobs_are_indexed_and_listed_quickly(
    store: JobStore, create: Callable[..., Job]
) -> None:
    document = json.loads((store.folder(create().job_id) / "metadata.json").read_text())
    for number in range(JOBS):
        job_id = f"20250101-000000-{number:04x}"
        folder = store.data_folder.jobs / job_id
        folder.mkdir()
        document |= {
            "job_id": job_id,
            "created_at": f"2025-01-01T00:{number // 60:02}:{number % 60:02}.000+00:00",
        }
        document["request"]["prompt"] = f"number {number} of many"
        (folder / "metadata.json").write_text(json.dumps(document))
    fresh = JobStore(store.data_folder)
    started = time.monotonic()
    assert fresh.count() == JOBS + 1
    page = fresh.list("many", limit=100, offset=JOBS - 100)
    assert [job.request.prompt for job in page[-2:]] == ["number 1 of many", "number 0 of many"]
    assert len(fresh.list(f"number {JOBS - 1} ")) == 1
    assert time.monotonic() - started < LIMIT_S
    fresh.close()
