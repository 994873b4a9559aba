"""Writes to a data folder without end, until it is killed: run as a program by `test_sigkill`."""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path

from PIL import Image

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.job import JobState
from qie_desktop.core.request import build_request
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.ledger import Ledger, Spending
from qie_desktop.storage.prompt_history import PromptHistory
from qie_desktop.storage.settings import Settings


def write_without_end(home: Path, photo: Path, seed: int) -> None:
    folder = DataFolder.at(home, {})
    store = JobStore(folder)
    settings = Settings.load(folder.config)
    spec = find_model("qwen-image-edit")
    picture = Image.frombytes("RGB", (96, 64), random.Random(seed).randbytes(96 * 64 * 3))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for number in itertools.count():
        prompt = f"prompt {seed} {number}"
        PromptHistory(folder.prompts).add(prompt)
        job = store.create(build_request(spec.id, prompt, [photo]), spec)
        job = store.update(job.job_id, lambda job: job.moved_to(JobState.RUNNING))
        for index in range(2):
            store.write_output(job, NewOutput(index, picture, b"provider" * 1000, ".webp"))
        job = store.update(job.job_id, lambda job: job.moved_to(JobState.SUCCEEDED))
        store.star(job.job_id, starred=True)
        store.claims.drop(store.folder(job.job_id))
        Ledger(folder.ledger).add(Spending(job.created_at, job.job_id, spec.id, 0.03))
        settings.set("cloud.max_jobs", number % 16 + 1)
        settings.save()


if __name__ == "__main__":
    write_without_end(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
