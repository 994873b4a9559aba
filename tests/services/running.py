"""Running a job in a test, with what always holds asserted."""

from __future__ import annotations

import asyncio

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.events import JobEvent, Terminal
from qie_desktop.core.job import Job
from qie_desktop.services.run_job import run_job
from qie_desktop.storage.job_store import JobStore
from tests.services.engines import SmallEngine


def run(
    store: JobStore, job: Job, engine: SmallEngine, cancel: CancelToken | None = None
) -> tuple[Job, list[JobEvent]]:
    events: list[JobEvent] = []
    ended = asyncio.run(run_job(job, store, engine, events.append, cancel or CancelToken()))
    assert all(event.job_id == job.job_id for event in events)
    assert [isinstance(event, Terminal) for event in events].count(True) == 1
    assert isinstance(events[-1], Terminal)
    assert not store.claims.holds(job.job_id)
    return ended, events
