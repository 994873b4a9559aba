"""Processes to be killed: `python -m tests.engines.replicate.killed HOME URL TOKEN`.

Reads commands: `run MODEL PROMPT` or `resume`; for each it forks a process that does that to its end, and
prints the process's id. So each begins with everything imported, and is within its job at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.job import Job
from qie_desktop.core.request import build_request
from qie_desktop.engines.replicate import cloud_run, wire
from qie_desktop.engines.replicate.cloud_job import ReplicateOptions
from qie_desktop.engines.replicate.engine import ReplicateEngine
from qie_desktop.services.recovery import recover
from qie_desktop.services.run_job import run_job
from qie_desktop.services.submit import submit
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings

_LOADED = (cloud_run, wire)


def main(home: Path, url: str, token: str) -> None:
    import replicate.client  # noqa: F401 - or every fork would import it anew

    photo = home / "photo.png"
    home.mkdir(parents=True, exist_ok=True)
    Image.radial_gradient("L").resize((96, 64)).convert("RGB").save(photo)
    for line in sys.stdin:
        command, *words = line.split(maxsplit=2)
        pid = os.fork()
        if pid == 0:
            if command == "run":
                work(home, url, token, photo, words[0], words[1].strip())
            else:
                resume(home, url, token)
            os._exit(0)
        _say(str(pid))
        os.waitpid(pid, 0)
        _say("ended")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def work(home: Path, url: str, token: str, photo: Path, model_id: str, prompt: str) -> None:
    folder = DataFolder.at(home, {})
    store = JobStore(folder)
    spec = find_model(model_id)
    options = {"sequential_image_generation": "auto", "count": 2} if spec.outputs.maximum > 1 else {}
    inputs = [photo] if spec.inputs.minimum else []
    job = submit(store, Settings.load(folder.config), build_request(model_id, prompt, inputs, options))
    asyncio.run(run([job], store, url, token))


def resume(home: Path, url: str, token: str) -> None:
    store = JobStore(DataFolder.at(home, {}))
    asyncio.run(run(list(recover(store).resumable), store, url, token))


async def run(jobs: list[Job], store: JobStore, url: str, token: str) -> None:
    options = ReplicateOptions(base_url=url, deadline=timedelta(seconds=30), settle_s=0.3)
    engine = ReplicateEngine(lambda: token, store.data_folder.schemas, options)
    await asyncio.gather(*(run_job(job, store, engine, lambda _: None, CancelToken()) for job in jobs))
    await engine.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
