"""After cancels, failures and out of memory: the next job runs, and memory is back where it was."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from itertools import pairwise
from statistics import median

import pytest

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.catalogue import find_model
from qie_desktop.engines.local.checkpoint import Checkpoint
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.pipeline import Edit, LocalPipeline
from tests.engines.local.test_first_block_cache import Silent, photo
from tests.support.endurance import KINDS, Endurance, LookingToken, Outcome

LOCAL = find_model("qwen-image-edit-2509-gguf").local
ENDS = {
    "cancel": {"cancelled"},
    "failure": {"checkpoint_damaged", "non_finite_latents", "image_damaged"},
    "memory": {"out_of_memory"},
}


def endure(kind: str, rounds: int) -> None:
    """In a process of its own: memory is measured, and bounded for a while."""
    command = [sys.executable, "-m", "tests.support.endurance", "--kind", kind, "--rounds", str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-2000:]
    [found] = json.loads(done.stdout)
    assert found["passed"], found
    assert found["ends"].keys() <= ENDS[kind]
    assert sum(found["ends"].values()) == rounds
    assert done.returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_memory_is_back_after_a_few_of_each(kind):
    endure(kind, 3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_memory_is_back_after_fifty_of_each(kind):
    endure(kind, 50)


def test_what_is_left_behind_does_not_pass():
    good = Outcome("cancel", "cuda", 50, {}, 400, 410, 5, 5)
    assert good.passed
    assert not Outcome("cancel", "cuda", 50, {}, 400, 450, 5, 5).passed
    assert not Outcome("cancel", "cuda", 50, {}, 400, 410, 5, 6).passed


def test_a_job_looks_at_its_token_between_any_two_blocks(tmp_path):
    """So that a random look is a random moment: a cancel at each of them ends it."""

    async def looks() -> int:
        endurance = Endurance(tmp_path, "cpu")
        token = LookingToken()
        try:
            await endurance.job(token)
        finally:
            await endurance.engine.close()
        return token.looks

    # Two steps of two blocks, modulation of two streams, two layers of the encoder for two prompts.
    assert asyncio.run(looks()) >= 2 * 2 + 2 * 2 + 2 * 2


class TimedToken(CancelToken):
    """Notes when it is looked at, and when it was set."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: list[float] = []
        self.set_at = 0.0

    def cancel(self) -> None:
        self.set_at = time.perf_counter()
        super().cancel()

    def raise_if_cancelled(self) -> None:
        self.looked.append(time.perf_counter())
        super().raise_if_cancelled()


def test_a_cancel_returns_within_one_blocks_time(tiny, tiny_gguf):
    """Against the blocks' own times in the same run, so that it holds on a busy machine too."""
    pipeline = LocalPipeline(Checkpoint(tiny, tiny_gguf), choose_device("cpu"))
    picture = photo().resize((320, 320))
    edit = Edit((picture,), "warmer", " ", steps=30, guidance=4.0, seed=2)
    waits: list[float] = []
    for number in range(10):
        token = TimedToken()
        begun = threading.Event()
        told = Silent()
        told.step = lambda *_, begun=begun: begun.set()

        def soon(token=token, begun=begun, number=number) -> None:
            begun.wait(60)
            time.sleep(0.05 + 0.013 * number)
            token.cancel()

        thread = threading.Thread(target=soon)
        thread.start()
        with pytest.raises(JobCancelled):
            pipeline.edit(edit, LOCAL, told, token)
        returned = time.perf_counter()
        thread.join()
        before = [when for when in token.looked if when < token.set_at]
        blocks = [after - look for look, after in pairwise(before[-5:])]
        waits.append((returned - token.set_at) / median(blocks))

    # Half a block on average; a step here is two of them.
    assert median(waits) <= 1
