"""Small engines that do real work with Pillow, each with one habit."""

from __future__ import annotations

import asyncio
import io
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from qie_desktop.core.errors import EngineError
from qie_desktop.core.events import Phase, PhaseName, Step, Succeeded
from qie_desktop.engines.base import EngineResult

if TYPE_CHECKING:
    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import EngineTask


class SmallEngine(ABC):
    """What all of them share: ready, and nothing to free."""

    def __init__(self) -> None:
        self.tasks: list[EngineTask] = []
        self.freed = self.closed = False

    def readiness(self, spec: ModelSpec, request: Request | None = None) -> QieError | None:
        del spec, request
        return None

    async def run(self, task: EngineTask, cancel: CancelToken) -> None:
        self.tasks.append(task)
        await self.work(task, cancel)

    @abstractmethod
    async def work(self, task: EngineTask, cancel: CancelToken) -> None:
        """Make what the test is about."""

    async def free(self) -> None:
        self.freed = True

    async def close(self) -> None:
        self.closed = True


def inverted(task: EngineTask) -> Image.Image:
    if not task.request.inputs:
        return Image.new("RGB", (64, 48), "green")
    with Image.open(task.request.inputs[0]) as image:
        return ImageOps.invert(ImageOps.exif_transpose(image).convert("RGB"))


class Inverting(SmallEngine):
    """Inverts the first input on a thread of its own, with steps."""

    async def work(self, task: EngineTask, cancel: CancelToken) -> None:
        await asyncio.to_thread(self.invert, task, cancel)

    def invert(self, task: EngineTask, cancel: CancelToken) -> None:
        task.emit(Phase(task.job_id, PhaseName.LOADING))
        for index in range(1, 201):
            cancel.raise_if_cancelled()
            task.emit(Step(task.job_id, index, 200))
        task.measure("denoise_s", 1.5)
        task.measure("nonsense", float("nan"))
        task.save(EngineResult(0, inverted(task)))


class OtherSize(SmallEngine):
    """Returns a picture of another size, as a provider's file."""

    def __init__(self, size: tuple[int, int], file_format: str = "WEBP", mode: str = "RGB") -> None:
        super().__init__()
        self.size, self.file_format, self.mode = size, file_format, mode

    async def work(self, task: EngineTask, cancel: CancelToken) -> None:
        del cancel
        picture = Image.linear_gradient("L").resize(self.size).convert(self.mode)
        file = io.BytesIO()
        picture.save(file, self.file_format)
        task.save(EngineResult(0, picture, file.getvalue(), f".{self.file_format.lower()}"))


class Raising(SmallEngine):
    """Raises, after having saved some results."""

    def __init__(self, error: BaseException, saved: int = 0) -> None:
        super().__init__()
        self.error, self.saved = error, saved

    async def work(self, task: EngineTask, cancel: CancelToken) -> None:
        del cancel
        for index in range(self.saved):
            task.save(EngineResult(index, inverted(task)))
        raise self.error


class Waiting(SmallEngine):
    """Works until it is cancelled; `started` is set once it runs."""

    def __init__(self, saved: int = 0, remembers: dict[str, str] | None = None) -> None:
        super().__init__()
        self.started = threading.Event()
        self.saved, self.remembers = saved, remembers

    async def work(self, task: EngineTask, cancel: CancelToken) -> None:
        if self.remembers:
            task.remember(self.remembers)
        for index in range(self.saved):
            task.save(EngineResult(index, inverted(task)))
        self.started.set()
        await cancel.wait_async(10)
        await asyncio.sleep(0.15)  # as long as a provider takes to hear of it
        cancel.raise_if_cancelled()
        raise EngineError("nobody cancelled")


class Silent(SmallEngine):
    """Ends without a picture."""

    async def work(self, task: EngineTask, cancel: CancelToken) -> None:
        pass


class Talkative(SmallEngine):
    """Claims success by itself, and goes on talking and saving after the end, from a thread."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = threading.Event()
        self.refused: list[BaseException] = []
        self.thread: threading.Thread | None = None

    async def work(self, task: EngineTask, cancel: CancelToken) -> None:
        del cancel
        task.save(EngineResult(0, inverted(task)))
        task.emit(Succeeded(task.job_id))
        self.thread = threading.Thread(target=self.linger, args=(task,))
        self.thread.start()

    def linger(self, task: EngineTask) -> None:
        self.ended.wait(10)
        task.emit(Phase(task.job_id, PhaseName.DECODING))
        try:
            task.save(EngineResult(1, inverted(task)))
        except Exception as error:  # noqa: BLE001 - it is asserted on
            self.refused.append(error)


class FromManyThreads(SmallEngine):
    """Saves and tells from several threads at once."""

    async def work(self, task: EngineTask, cancel: CancelToken) -> None:
        del cancel
        await asyncio.gather(*(asyncio.to_thread(self.one, task, index) for index in range(5)))

    def one(self, task: EngineTask, index: int) -> None:
        for step in range(1, 51):
            task.emit(Step(task.job_id, step, 50))
        task.measure(f"part_{index}", float(index))
        task.remember({f"part_{index}": "done"})
        task.save(EngineResult(index, inverted(task)))
