"""Edits by a local model that are made to be timed: through the engine, by the events that it emits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageOps

from qie_desktop.core.events import JobEvent, Phase, PhaseName, Step
from qie_desktop.core.request import build_request
from qie_desktop.engines.base import EngineResult, EngineTask
from qie_desktop.storage.resources import resources_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.parameters import Value
    from qie_desktop.engines.local.engine import LocalEngine

JOB_ID = "bench"
_TIMED_STEPS = 4
"""How many steps of an edit are timed; one more, the first, brings the modulation of its schedule."""
_EDITS, _ENOUGH_S = 3, 8.0
"""A quick model makes so many edits, a slow one no further after so many seconds of steps."""


@dataclass(frozen=True, slots=True)
class ModelBench:
    """What is measured: edits of `size` px squared by a local model, with these parameters beside.

    With `first_block_cache`, a value of that parameter, also two whole edits: with it and without.
    """

    spec: ModelSpec
    size: int = 1024
    device: str = "auto"
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    first_block_cache: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One or two passes a step, and the parameters that make them so."""

    passes: int
    options: Mapping[str, object]


class TimedEdit(NamedTuple):
    """One timed edit: seconds of all of it, of each phase, and of each step after the first."""

    seconds: float
    phases: Mapping[PhaseName, float]
    steps: tuple[float, ...]
    picture: Image.Image


@dataclass(frozen=True, slots=True)
class Measured:
    """What a way takes: a step, all else of an edit with nothing to look up, and of that each phase."""

    step_s: float
    beside_s: float
    phases: Mapping[PhaseName, float]
    timed: int


class Desk:
    """Makes edits, each of a picture and a prompt that were not there before, and times them."""

    def __init__(
        self,
        bench: ModelBench,
        engine: LocalEngine,
        folder: Path,
        tell: Callable[[JobEvent], None],
        cancel: CancelToken,
    ) -> None:
        self._bench = bench
        self._engine = engine
        self._folder = folder
        self._tell = tell
        self._cancel = cancel
        self._made = 0
        self._photo = ImageOps.fit(
            Image.open(resources_folder() / "sample.jpg").convert("RGB"), (bench.size, bench.size)
        )
        self.quantisation: Value | None = None
        self.figures: dict[str, float] = {}
        """What the engine notes with its jobs."""

    async def measure(self, way: Way) -> Measured:
        """Make edits until they tell enough."""
        edits: list[TimedEdit] = []
        while not edits or (len(edits) < _EDITS and sum(sum(e.steps) for e in edits) < _ENOUGH_S):
            # Another number of steps is another schedule: its modulation is not there yet either.
            edits.append(await self.edit(way, 1 + _TIMED_STEPS + len(edits)))
        step_s = median(seconds for edited in edits for seconds in edited.steps)
        return Measured(
            step_s,
            median(edited.seconds - (len(edited.steps) + 1) * step_s for edited in edits),
            {name: median(e.phases.get(name, 0.0) for e in edits) for name in PhaseName},
            sum(len(edited.steps) for edited in edits),
        )

    async def edit(self, way: Way, steps: int, *, again: bool = False) -> TimedEdit:
        """Make one edit of so many steps; or `again` that of the picture and prompt before."""
        self._made += not again
        path = self._folder / f"{self._made}.png"
        # Another picture for every edit, of the same content and size.
        shifted = self._photo.transform(
            self._photo.size, Image.Transform.AFFINE, (1, 0, self._made, 0, 1, self._made)
        )
        shifted.save(path)
        options = {**self._bench.options, **way.options, "steps": steps, "seed": self._made}
        prompt = f"make it look like a warm evening, attempt {self._made}"
        request = build_request(self._bench.spec.id, prompt, [path], options)
        self.quantisation = request.value("quantisation")
        watch = _Stopwatch(self._tell)
        results: list[EngineResult] = []

        def save(result: EngineResult) -> Path:
            results.append(result)
            return path

        task = EngineTask(
            JOB_ID, self._bench.spec, request, watch, save, _forget, self._note, {}, self._folder
        )
        watch.begin()
        await self._engine.run(task, self._cancel)
        return watch.end(results[0].picture)

    def _note(self, name: str, figure: float) -> None:
        self.figures[name] = max(figure, self.figures.get(name, 0.0))


def _forget(_: Mapping[str, str]) -> None:
    """Bench jobs are not resumed."""


class _Stopwatch:
    """Passes events on, and notes when they came."""

    def __init__(self, tell: Callable[[JobEvent], None]) -> None:
        self._tell = tell
        self._began = 0.0
        self._phases: list[tuple[PhaseName, float]] = []
        self._steps: list[float] = []

    def begin(self) -> None:
        self._began = time.perf_counter()

    def __call__(self, event: JobEvent) -> None:
        now = time.perf_counter()
        match event:
            case Phase(name=name):
                self._phases.append((name, now))
            case Step():
                self._steps.append(now)
            case _:
                pass
        self._tell(event)

    def end(self, picture: Image.Image) -> TimedEdit:
        now = time.perf_counter()
        phases: dict[PhaseName, float] = {}
        ends = [when for _, when in self._phases[1:]] + [now]
        for (name, begin), end in zip(self._phases, ends, strict=True):
            phases[name] = phases.get(name, 0.0) + end - begin
        steps = tuple(after - before for before, after in zip(self._steps, self._steps[1:], strict=False))
        return TimedEdit(now - self._began, phases, steps, picture)
