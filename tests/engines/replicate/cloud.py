"""What the tests of the cloud engine share: jobs run by the real `run_job` against the loopback server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.events import JobEvent, Phase, Terminal
from qie_desktop.core.job import Job, JobState
from qie_desktop.core.request import build_request
from qie_desktop.engines.replicate.cloud_job import ReplicateOptions
from qie_desktop.engines.replicate.engine import ReplicateEngine
from qie_desktop.services.recovery import recover
from qie_desktop.services.run_job import run_job
from qie_desktop.services.submit import submit
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings
from tests.support.replicate_server import ReplicateServer

PAIR = {
    "qwen-image-edit": 1,
    "qwen-image-edit-plus": 2,
    "hunyuan-image-3": 0,
    "qwen-image": 0,
    "seedream-4": 1,
}
"""How many pictures the tests send to each model."""


@dataclass
class Cloud:
    """A data folder, and jobs in it that run at a server."""

    home: Path
    server: ReplicateServer
    token: str | None = None
    deadline_s: float = 20.0
    settle_s: float = 1.0
    create_s: float = 10.0
    events: list[JobEvent] = field(default_factory=list[JobEvent])

    def __post_init__(self) -> None:
        self.folder = DataFolder.at(self.home, {})
        self.store = JobStore(self.folder)
        self.settings = Settings.load(self.folder.config)

    def engine(self) -> ReplicateEngine:
        options = ReplicateOptions(
            base_url=self.server.url,
            deadline=timedelta(seconds=self.deadline_s),
            create_s=self.create_s,
            settle_s=self.settle_s,
            cold_after_s=0.2,
        )
        token = self.token or self.server.token
        return ReplicateEngine(lambda: token, self.folder.schemas, options)

    def photo(self, size: tuple[int, int] = (803, 535), name: str = "photo.png", **save: Any) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        wide, high = (
            Image.linear_gradient("L").rotate(90).resize(size),
            Image.linear_gradient("L").resize(size),
        )
        Image.merge("RGB", (wide, high, Image.radial_gradient("L").resize(size))).save(path, **save)
        return path

    def job(self, model_id: str = "hunyuan-image-3", prompt: str = "a red fox", **options: Any) -> Job:
        """Put a job on disk, queued."""
        count = PAIR[model_id]
        if count and find_model(model_id).inputs.minimum == 0 and options.get("count"):
            count = 0
        inputs = [self.photo(name=f"photo-{number}.png") for number in range(count)]
        return submit(self.store, self.settings, build_request(model_id, prompt, inputs, options))

    def run(self, *jobs: Job, cancel: CancelToken | None = None) -> Job:
        """Run jobs side by side to their end; return the last one."""
        ended = asyncio.run(self.run_all(jobs, cancel))
        return ended[-1]

    async def run_all(self, jobs: tuple[Job, ...], cancel: CancelToken | None = None) -> list[Job]:
        engine = self.engine()
        tokens = [cancel or CancelToken() for _ in jobs]
        try:
            return await asyncio.gather(
                *(
                    run_job(job, self.store, engine, self.events.append, token)
                    for job, token in zip(jobs, tokens, strict=True)
                )
            )
        finally:
            await engine.close()

    def resume(self) -> list[Job]:
        """Take up what can be resumed, as the program does at its start."""
        recovered = recover(self.store).resumable
        return asyncio.run(self.run_all(recovered))

    def cancelled_when(self, job: Job, condition: Callable[[], bool]) -> Job:
        """Run a job and cancel it as soon as something is so."""
        cancel = CancelToken()

        async def work() -> Job:
            async def watch() -> None:
                while not condition():
                    await asyncio.sleep(0.005)
                cancel.cancel()

            watching = asyncio.ensure_future(watch())
            [ended] = await self.run_all((job,), cancel)
            await watching
            return ended

        return asyncio.run(work())

    def phases(self) -> list[str]:
        """Return the names of the phases told, without repeats in a row."""
        names = [event.name.value for event in self.events if isinstance(event, Phase)]
        return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]

    def terminals(self, job: Job) -> list[JobEvent]:
        return [event for event in self.events if isinstance(event, Terminal) and event.job_id == job.job_id]

    def pictures(self, job: Job) -> list[Path]:
        """Return the results on disk, each of which can be decoded."""
        paths = [self.store.output_path(job, output) for output in self.store.load(job.job_id).outputs]
        for path in paths:
            with Image.open(path) as image:
                image.load()
        return paths

    def leftovers(self) -> list[Path]:
        return [path for path in self.folder.jobs.rglob("*") if path.name.endswith(".part")]


def succeeded(job: Job) -> bool:
    return job.state is JobState.SUCCEEDED


Work = Callable[[], Coroutine[Any, Any, None]]
