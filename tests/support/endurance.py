"""Jobs of the local engine that are cancelled, fail or run out of memory, many times over, on one engine.

Each is followed by a job that runs, and memory must be where it was: `python -m tests.support.endurance`.
Needs nothing of pytest, so that it also runs on a bare machine with a GPU. Out of memory is real: on a CPU
the process may not have more address space for the while, on CUDA not more of the device.
"""

import argparse
import asyncio
import ctypes
import gc
import json
import random
import resource
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil
from PIL import Image

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import OutOfMemory, QieError
from qie_desktop.core.events import Step
from qie_desktop.core.request import build_request
from qie_desktop.engines.base import EngineTask
from qie_desktop.engines.local.checkpoint import CheckpointLocator
from qie_desktop.engines.local.engine import LocalEngine, LocalOptions
from tests.support.tiny_checkpoint import build_checkpoint, write_gguf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KINDS = ("cancel", "failure", "memory")
MODEL = find_model("qwen-image-edit-2509-gguf")
SMALL_PX, LARGE_PX = 96, 320
WARM_UP = 3
TOLERANCE_MIB = 24
"""How much more a process may take in the end: what its allocator keeps of jobs of different sizes.

Half a megabyte that each of 50 jobs left behind would be more.
"""
_MIB = 2**20


class LookingToken(CancelToken):
    """Counts how often it is looked at, and is cancelled at a look."""

    def __init__(self, at: int | None = None) -> None:
        super().__init__()
        self.looks = 0
        self._at = at

    def raise_if_cancelled(self) -> None:
        self.looks += 1
        if self.looks == self._at:
            self.cancel()
        super().raise_if_cancelled()


@dataclass
class Outcome:
    """What many jobs of a kind came to. Memory is in MiB; `allocated` in bytes, on CUDA alone."""

    kind: str
    device: str
    rounds: int
    ends: dict[str, int] = field(default_factory=dict)
    before_mib: float = 0.0
    after_mib: float = 0.0
    allocated_before: int | None = None
    allocated_after: int | None = None
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        grown = self.after_mib - self.before_mib
        return grown <= TOLERANCE_MIB and self.allocated_before == self.allocated_after


class Endurance:
    """One engine over a tiny checkpoint in `folder`."""

    def __init__(self, folder: Path, device: str, seed: int = 0) -> None:
        self.checkpoint = build_checkpoint(folder / "tiny")
        gguf = write_gguf(self.checkpoint, self.checkpoint / "transformer" / "tiny-Q8_0.gguf", "Q8_0")
        self.broken = folder / "broken.gguf"
        self.broken.write_bytes(gguf.read_bytes()[:-5000])
        self.locator = CheckpointLocator(folder, folder, folder=self.checkpoint, transformer=gguf)
        self.engine = LocalEngine(self.locator, LocalOptions(device=device))
        self.device = device
        self._folder = folder
        self._random = random.Random(seed)

    async def run(self, kind: str, rounds: int) -> Outcome:
        """Let so many jobs end in this way, each followed by one that runs."""
        bad = {"cancel": self.cancelled, "failure": self.failed, "memory": self.out_of_memory}[kind]
        outcome = Outcome(kind, self.device, rounds)
        began = time.monotonic()
        await self.job()
        for number in range(WARM_UP + rounds):
            if number == WARM_UP:
                outcome.before_mib, outcome.allocated_before = self.memory()
            end = await bad(number)
            await self.job()
            if number >= WARM_UP:
                outcome.ends[end] = outcome.ends.get(end, 0) + 1
        outcome.after_mib, outcome.allocated_after = self.memory()
        outcome.seconds = time.monotonic() - began
        return outcome

    async def cancelled(self, _number: int) -> str:
        """Cancel at a random look at the token: between any two blocks or stages."""
        whole = LookingToken()
        await self.job(whole)
        at = LookingToken(self._random.randint(1, whole.looks))
        try:
            await self.job(at)
        except JobCancelled:
            return "cancelled"
        raise AssertionError(f"look {at.looks} of {whole.looks} did not end it")

    async def failed(self, number: int) -> str:
        """Fail, in turn: a damaged file of weights, numbers that are not finite, a picture that is none."""
        try:
            match number % 3:
                case 0:
                    await self.engine.free()
                    self.engine._locator = replace(self.locator, transformer=self.broken)
                    await self.job()
                case 1:
                    await self.job(on_step=self._overflow)
                case _:
                    await self.job(content=b"\x89PNG\r\n\x1a\nno picture")
        except QieError as error:
            return error.code
        finally:
            self.engine._locator = self.locator
        raise AssertionError("it did not fail")

    def _overflow(self) -> None:
        import torch

        with torch.inference_mode():
            self.engine._pipeline._transformer._out.bias[0] = float("nan")

    async def out_of_memory(self, _number: int) -> str:
        """Give a large picture less memory than it needs: at random, ever less until it does not do."""
        room = self._random.randint(2, 60) * _MIB
        while room >= _MIB:
            try:
                with self._little_memory(room):
                    await self.job(side=LARGE_PX)
            except OutOfMemory as error:
                return error.code
            room //= 2
        raise AssertionError("there was always enough memory")

    @contextmanager
    def _little_memory(self, room: int) -> "Iterator[None]":
        """For a while, let no more than `room` bytes be taken beyond what is taken."""
        if self.device == "cuda":
            import torch

            torch.cuda.empty_cache()
            total = torch.cuda.mem_get_info()[1]
            torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + room) / total)
            try:
                yield
            finally:
                torch.cuda.set_per_process_memory_fraction(1.0)
            return
        _trim()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        taken = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (taken + room, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))

    async def job(
        self,
        cancel: CancelToken | None = None,
        *,
        side: int = SMALL_PX,
        content: bytes | None = None,
        on_step: "Callable[[], None]" = lambda: None,
    ) -> None:
        """Run one job, in which nothing is skipped."""
        if self.engine._cache is not None:
            # It is bounded, and far from its bound here: it would grow with every job.
            self.engine._cache.clear()
        path = self._folder / "input.png"
        if content is None:
            Image.new("RGB", (side, side), "teal").save(path)
        else:
            path.write_bytes(content)
        options = {"quality": "full", "steps": 2, "seed": 1}
        request = build_request(MODEL.id, "warmer", [path], options)
        saved = []

        def save(result: object) -> Path:
            saved.append(result)
            return path

        def emit(event: object) -> None:
            if isinstance(event, Step):
                on_step()

        task = EngineTask(
            "job", MODEL, request, emit, save, lambda _: None, lambda *_: None, {}, self._folder
        )
        await self.engine.run(task, cancel or CancelToken())
        assert saved, "it has made a picture"

    def memory(self) -> tuple[float, int | None]:
        """What the process takes in MiB, and on CUDA what is allocated there in bytes."""
        gc.collect()
        _trim()
        allocated = None
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()
            allocated = torch.cuda.memory_allocated()
        return psutil.Process().memory_info().rss / _MIB, allocated


def _trim() -> None:
    """Let the C library give back what it has kept of freed memory."""
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)


async def _all(folder: Path, device: str, kinds: list[str], rounds: int) -> list[Outcome]:
    endurance = Endurance(folder, device)
    try:
        return [await endurance.run(kind, rounds) for kind in kinds]
    finally:
        await endurance.engine.close()


def main() -> int:
    """Run what the arguments say, print a JSON array, and return 1 where memory was not where it had been."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--kind", action="append", choices=KINDS)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    with TemporaryDirectory(prefix="qie-") as name:
        outcomes = asyncio.run(
            _all(Path(name), arguments.device, arguments.kind or list(KINDS), arguments.rounds)
        )
    sys.stdout.write(json.dumps([vars(each) | {"passed": each.passed} for each in outcomes], indent=2) + "\n")
    return 0 if all(each.passed for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
