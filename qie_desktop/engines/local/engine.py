"""The engine for models on this machine: one inference thread, one job at a time, weights kept."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qie_desktop.core.cancel import JobCancelled
from qie_desktop.core.errors import ModelNotInstalled, OutOfMemory, QieError
from qie_desktop.core.events import Phase, PhaseName, Preview, Step
from qie_desktop.core.first_block_cache import FIRST_BLOCK_CACHE, threshold
from qie_desktop.core.memory_errors import DoesNotFit
from qie_desktop.core.memory_words import reasons
from qie_desktop.engines.base import EngineResult
from qie_desktop.engines.loading import load_local_engine
from qie_desktop.engines.local.loras import LoraLocator, quality_of
from qie_desktop.engines.local.planning import plan_edit
from qie_desktop.imaging.joining import join_side_by_side
from qie_desktop.imaging.opening import open_picture

if TYPE_CHECKING:
    from PIL import Image

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.model import LocalSpec, ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import EngineTask
    from qie_desktop.engines.local.checkpoint import Checkpoint, CheckpointLocator
    from qie_desktop.engines.local.inference.caches import EncodingCache
    from qie_desktop.engines.local.inference.device import Device
    from qie_desktop.engines.local.inference.memory_peak import PeakMeter
    from qie_desktop.engines.local.inference.pipeline import Edit, LocalPipeline
    from qie_desktop.engines.local.planning import PlannedEdit

_NOTHING = " "
"""The negative prompt that means: nothing in particular. CFG needs one."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What the settings say: which device, and what is kept in memory.

    `memory_policy` is "resident" (all components stay loaded), "staged" (text encoder and transformer are
    never loaded together) or "auto" (what the memory plan says). `memory_limit_bytes` is all that may be
    used, where it is set.
    """

    device: str = "auto"
    memory_policy: str = "auto"
    keep_loaded: bool = True
    memory_limit_bytes: int | None = None


class LocalEngine:
    """Runs the catalogue's local models with weights found by a locator.

    torch is imported on the inference thread, when the first job runs. The pipeline of the last job stays in
    memory until another checkpoint is needed or `free` is called; what its encoders gave, until `free` is
    called.
    """

    def __init__(self, locator: CheckpointLocator, options: LocalOptions | None = None) -> None:
        self._locator = locator
        self._loras = LoraLocator(locator)
        self._options = options or LocalOptions()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="qie-inference")
        self._pipeline: LocalPipeline | None = None
        self._cache: EncodingCache | None = None
        self._device: Device | None = None
        self._meter: PeakMeter | None = None

    def readiness(self, spec: ModelSpec, request: Request | None = None) -> QieError | None:
        """Return why the model, or this request for it, cannot run here; None when it can."""
        if spec.local is None:
            return ModelNotInstalled(f"{spec.name} does not run on this machine.", "Choose a local model.")
        quantisation = _quantisation(request) if request else None
        problem = self._locator.problem(spec, quantisation, thorough=request is not None)
        if problem is None and request is not None:
            try:
                self._loras.check(spec, request, self._locator.locate(spec, quantisation))
            except QieError as error:
                return error
        return problem

    async def run(self, task: EngineTask, cancel: CancelToken) -> None:
        """Make the picture of one job on the inference thread. See `Engine.run`."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, self._run, task, cancel)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread cannot be interrupted from outside: tell it, and wait until it has let go.
            cancel.cancel()
            await asyncio.wait([work])
            raise

    async def free(self) -> None:
        """Let go of the weights, and of what the encoders gave, after the job that runs."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._free)

    async def close(self) -> None:
        """Let go of the weights and end the inference thread."""
        await self.free()
        self._thread.shutdown(wait=True)

    def _run(self, task: EngineTask, cancel: CancelToken) -> None:
        started = time.monotonic()
        cancel.raise_if_cancelled()
        problem = self.readiness(task.spec, task.request)
        if problem is not None:
            raise problem
        assert task.spec.local is not None
        keep = False
        try:
            picture = self._make(task, task.spec.local, cancel)
            keep = self._options.keep_loaded
        except (JobCancelled, DoesNotFit):
            keep = self._options.keep_loaded
            raise
        finally:
            _clear_frames(sys.exception())
            if not keep:
                self._pipeline = None
            if not self._options.keep_loaded:
                self._cache = None
            if self._device is not None:
                self._device.release()
        task.measure("engine_seconds", time.monotonic() - started)
        task.save(EngineResult(0, picture))

    def _make(self, task: EngineTask, local: LocalSpec, cancel: CancelToken) -> Image.Image:
        progress = _TaskProgress(task)
        progress.phase(PhaseName.LOADING, detail="engine")
        load_local_engine()
        edit = self._edit(task, local, cancel)
        cancel.raise_if_cancelled()
        device, progress.meter = self._computing()
        planned = self._planned(task, edit, local, device)
        pipeline = self._prepared(planned.checkpoint, device)
        pipeline.follow(planned.plan)
        local = replace(local, working_area_px=planned.plan.area_px)
        try:
            with progress.meter.measuring():
                picture = pipeline.edit(edit, local, progress, cancel)
        except OutOfMemory as error:
            raise OutOfMemory(error.message, planned.shortage_hint()) from error
        finally:
            task.measure("peak_bytes", progress.meter.peak_bytes)
        if edit.first_block_cache:
            task.measure("reused_steps", pipeline.reused_steps)
        return picture

    def _edit(self, task: EngineTask, local: LocalSpec, cancel: CancelToken) -> Edit:
        """Read the pictures and collect what the pipeline is to do."""
        from qie_desktop.engines.local.inference.lora import LoraUse  # noqa: PLC0415 - imports torch
        from qie_desktop.engines.local.inference.pipeline import Edit  # noqa: PLC0415 - imports torch

        request = task.request
        pictures = [open_picture(path) for path in request.inputs]
        if request.value("combine") == "side-by-side":
            pictures = [join_side_by_side(pictures)]
        loras, quality = self._loras.of(task.spec, request), quality_of(local, request)
        if loras:
            task.remember(self._loras.noted(loras, cancel))
        return Edit(
            pictures=tuple(picture.rgb for picture in pictures),
            prompt=request.prompt,
            negative_prompt=request.negative_prompt or _NOTHING,
            steps=int(request.value("steps") or local.steps),
            guidance=float(request.value("guidance") or local.guidance),
            seed=request.seed or 0,
            loras=tuple(LoraUse(each.path, each.strength) for each in loras),
            scheduler=() if quality is None else quality.scheduler,
            first_block_cache=threshold(request.value(FIRST_BLOCK_CACHE.name)),
        )

    def _computing(self) -> tuple[Device, PeakMeter]:
        """Return the device, and what measures its memory: from before anything was loaded."""
        from qie_desktop.engines.local.inference.device import choose_device  # noqa: PLC0415 - imports torch
        from qie_desktop.engines.local.inference.memory_peak import PeakMeter  # noqa: PLC0415

        self._device = self._device or choose_device(self._options.device, self._options.memory_limit_bytes)
        self._meter = self._meter or PeakMeter(self._device)
        return self._device, self._meter

    def _planned(self, task: EngineTask, edit: Edit, local: LocalSpec, device: Device) -> PlannedEdit:
        """Decide on the files and on how they share the memory. Raises DoesNotFit: nothing is loaded yet."""
        quantisation = _quantisation(task.request)
        here = self._locator.candidates(task.spec, quantisation)
        policy = self._options.memory_policy
        planned = plan_edit(device.machine(), here, edit, local, quantisation, policy)
        # Noted with the job: the request alone does not say which weights were used, and how.
        task.remember({**planned.checkpoint.used_files(), "memory": " ".join(reasons(planned.plan))})
        task.measure("planned_peak_bytes", planned.plan.peak_bytes)
        planned.require()
        return planned

    def _prepared(self, checkpoint: Checkpoint, device: Device) -> LocalPipeline:
        """Return the pipeline for a checkpoint: the one in memory if it is that one, and its files too."""
        from qie_desktop.engines.local.inference.caches import EncodingCache  # noqa: PLC0415 - imports torch
        from qie_desktop.engines.local.inference.pipeline import LocalPipeline  # noqa: PLC0415
        from qie_desktop.engines.local.inference.quiet import quieten_libraries  # noqa: PLC0415

        quieten_libraries()
        if self._pipeline is None or not self._pipeline.serves(checkpoint):
            self._release()
            self._cache = self._cache or EncodingCache()
            self._pipeline = LocalPipeline(checkpoint, device, cache=self._cache)
        return self._pipeline

    def _free(self) -> None:
        self._cache = None
        self._release()

    def _release(self) -> None:
        self._pipeline = None
        if self._device is not None:
            self._device.release()


class _TaskProgress:
    """Turns what the pipeline tells into events of a job."""

    def __init__(self, task: EngineTask) -> None:
        self._task = task
        self.meter: PeakMeter | None = None
        """Looks at the memory whenever something is told."""

    def phase(self, name: PhaseName, fraction: float | None = None, detail: str = "") -> None:
        """Tell that a stage has begun or has come to a fraction."""
        self._sample()
        self._task.emit(Phase(self._task.job_id, name, fraction, detail))

    def step(self, index: int, total: int, seconds_left: float, preview: Preview | None = None) -> None:
        """Tell that a denoising step is done, and what the picture is going to be."""
        self._sample()
        self._task.emit(Step(self._task.job_id, index, total, seconds_left, preview))

    def _sample(self) -> None:
        if self.meter is not None:
            self.meter.sample()


def _quantisation(request: Request) -> str | None:
    value = request.value("quantisation")
    return None if value is None else str(value)


def _clear_frames(error: BaseException | None) -> None:
    """Let go of the local variables of an exception's frames: they hold the tensors of what failed."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
