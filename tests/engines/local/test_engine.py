"""The engine as jobs use it: its thread, what it keeps, and what goes wrong."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import weakref
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import (
    CheckpointDamaged,
    CheckpointMismatch,
    ImageEmpty,
    ModelNotInstalled,
    NotReady,
)
from qie_desktop.core.events import Phase, PhaseName, Step
from qie_desktop.core.request import build_request
from qie_desktop.engines.base import EngineTask
from qie_desktop.engines.local.checkpoint import CheckpointLocator
from qie_desktop.engines.local.engine import LocalEngine, LocalOptions
from qie_desktop.engines.local.self_test import SelfTest, run_self_test

SPEC = find_model("qwen-image-edit-2509-gguf")


class Desk:
    """Collects what an engine does to a job, and on which thread."""

    def __init__(
        self, tmp_path: Path, on_step=lambda: None, prompt: str = "warmer", **options: object
    ) -> None:
        path = tmp_path / "in.png"
        Image.new("RGB", (80, 64), "teal").save(path)
        request = build_request(SPEC.id, prompt, [path], {"quality": "full", "steps": 2, **options})
        self.events, self.results, self.threads, self.measured = [], [], set(), {}
        self._on_step = on_step
        self.task = EngineTask(
            "job", SPEC, replace(request, seed=1), self._emit, self._save, lambda _: None,
            self.measured.__setitem__, {}, tmp_path,
        )  # fmt: skip

    def _emit(self, event) -> None:
        self.events.append(event)
        self.threads.add(threading.current_thread().name)
        if isinstance(event, Step):
            self._on_step()

    def _save(self, result) -> Path:
        self.results.append(result)
        return Path("saved.png")

    @property
    def loaded(self) -> list[str]:
        return [e.detail for e in self.events if isinstance(e, Phase) and e.name is PhaseName.LOADING]


@pytest.fixture
def locator(tiny, tiny_gguf, tmp_path):
    return CheckpointLocator(tmp_path, tmp_path, folder=tiny, transformer=tiny_gguf)


def run(engine, *desks, cancel=None):
    async def all_of_them():
        try:
            for desk in desks:
                await engine.run(desk.task, cancel or CancelToken())
        finally:
            await engine.close()

    asyncio.run(all_of_them())


def test_a_job_runs_on_the_inference_thread_alone(locator, tmp_path):
    desk = Desk(tmp_path)

    run(LocalEngine(locator), desk)

    assert len(desk.threads) == 1
    assert desk.threads.pop().startswith("qie-inference")
    assert desk.results[0].picture.size == (80, 64)
    assert desk.measured["engine_seconds"] > 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("qie-inference")]


def test_a_second_job_finds_everything_loaded(locator, tmp_path):
    first, second = Desk(tmp_path), Desk(tmp_path)

    run(LocalEngine(locator), first, second)

    assert {"text encoder", "VAE", "transformer"} <= set(first.loaded)
    assert second.loaded == ["engine"]


def test_nothing_is_kept_where_the_settings_say_so(locator, tmp_path):
    first, second = Desk(tmp_path), Desk(tmp_path)

    run(LocalEngine(locator, LocalOptions(keep_loaded=False)), first, second)

    assert "transformer" in second.loaded


def test_staged_the_text_encoder_and_the_transformer_take_turns(locator, tmp_path):
    first, second = Desk(tmp_path), Desk(tmp_path, prompt="cooler")

    run(LocalEngine(locator, LocalOptions(memory_policy="staged")), first, second)

    assert "text encoder" in second.loaded
    assert "transformer" in second.loaded
    assert "VAE" not in second.loaded


@pytest.mark.parametrize("policy", ["staged", "resident"])
def test_what_has_been_read_before_is_not_read_again(locator, tmp_path, policy):
    first, second = Desk(tmp_path), Desk(tmp_path, steps=1)
    again = Desk(tmp_path)

    run(LocalEngine(locator, LocalOptions(memory_policy=policy)), first, second, again)

    for desk in (second, again):
        assert desk.loaded == ["engine"]
        assert PhaseName.ENCODING not in {event.name for event in desk.events if isinstance(event, Phase)}
    assert first.results[0].picture.tobytes() == again.results[0].picture.tobytes()


@pytest.mark.parametrize("how", ["freed", "not kept", "failed"])
def test_what_the_encoders_gave_is_let_go_of_with_the_weights(locator, tmp_path, how):
    """But for after a failure: it was not at fault, and is small."""
    engine = LocalEngine(locator, LocalOptions(keep_loaded=how != "not kept"))
    failing, desk = Desk(tmp_path), Desk(tmp_path)

    def fail():
        raise Overflow

    if how == "failed":
        failing = Desk(tmp_path, on_step=fail)

    async def both():
        with pytest.raises(Overflow) if how == "failed" else nullcontext():
            await engine.run(failing.task, CancelToken())
        if how == "freed":
            await engine.free()
        await engine.run(desk.task, CancelToken())
        await engine.close()

    asyncio.run(both())
    assert "transformer" in desk.loaded
    assert ("text encoder" in desk.loaded) == (how != "failed")


def test_after_a_cancel_the_next_job_runs(locator, tmp_path):
    cancel = CancelToken()
    cancelled, desk = Desk(tmp_path, on_step=cancel.cancel, steps=90), Desk(tmp_path)
    engine = LocalEngine(locator)

    async def both():
        with pytest.raises(JobCancelled):
            await engine.run(cancelled.task, cancel)
        await engine.run(desk.task, CancelToken())
        await engine.close()

    asyncio.run(both())
    assert cancelled.results == []
    assert len(desk.results) == 1


def test_a_cancelled_task_waits_until_the_thread_has_let_go(locator, tmp_path):
    started = threading.Event()
    desk = Desk(tmp_path, on_step=started.set, steps=90)
    engine, cancel = LocalEngine(locator), CancelToken()

    async def stopped_midway():
        task = asyncio.create_task(engine.run(desk.task, cancel))
        await asyncio.to_thread(started.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        steps = len(desk.events)
        await asyncio.sleep(0.2)
        assert len(desk.events) == steps
        await engine.close()

    asyncio.run(stopped_midway())
    assert cancel.cancelled
    assert desk.results == []


def test_after_a_failure_the_next_job_runs(locator, tmp_path):
    failing, desk = Desk(tmp_path), Desk(tmp_path)
    failing.task.request.inputs[0].write_bytes(b"")
    engine = LocalEngine(locator)

    async def both():
        with pytest.raises(ImageEmpty):
            await engine.run(failing.task, CancelToken())
        Image.new("RGB", (80, 64), "teal").save(desk.task.request.inputs[0])
        await engine.run(desk.task, CancelToken())
        await engine.close()

    asyncio.run(both())
    assert len(desk.results) == 1


def test_a_file_that_is_no_model_is_named(locator, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))

    with pytest.raises(CheckpointDamaged, match=r"broken\.gguf"):
        run(LocalEngine(replace(locator, transformer=broken)), Desk(tmp_path))


class Overflow(Exception):
    """What a desk may raise in the middle of a job."""


@pytest.mark.parametrize("how", ["not kept", "failed"])
def test_weights_are_gone_when_the_memory_is_given_back(locator, tmp_path, how):
    """At the moment at which the device's cache is emptied, nothing may hold the weights any more."""
    watched = []
    alive_after_collection = []
    engine = LocalEngine(locator, LocalOptions(keep_loaded=how == "failed"))

    def in_the_middle():
        watched.append(weakref.ref(engine._pipeline._transformer))
        if how == "failed":
            raise Overflow

    def after_collection(phase, _info):
        if phase == "stop" and watched:
            alive_after_collection.append(watched[0]() is not None)

    async def one():
        gc.callbacks.append(after_collection)
        try:
            with pytest.raises(Overflow) if how == "failed" else nullcontext():
                await engine.run(Desk(tmp_path, on_step=in_the_middle, steps=1).task, CancelToken())
        finally:
            gc.callbacks.remove(after_collection)
        await engine.close()

    asyncio.run(one())
    assert alive_after_collection[-1] is False


@pytest.mark.parametrize("part", ["text_encoder", "vae"])
def test_weights_that_are_missing_are_named_and_not_made_up(locator, tiny, tmp_path, part):
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    path = sorted((folder / part).glob("*.safetensors"))[-1]
    tensors = load_file(path)
    name = sorted(name for name in tensors if "lm_head" not in name)[0]
    del tensors[name]
    save_file(tensors, path, metadata={"format": "pt"})

    with pytest.raises(CheckpointMismatch, match="lacks 1 of its weights"):
        run(LocalEngine(replace(locator, folder=folder)), Desk(tmp_path))


def test_weights_that_are_no_safetensors_are_named(locator, tiny, tmp_path):
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"nonsense" * 20)

    with pytest.raises(CheckpointDamaged, match="VAE"):
        run(LocalEngine(replace(locator, folder=folder)), Desk(tmp_path))


def test_readiness_says_what_is_missing_and_loads_nothing(locator, tmp_path):
    lightning = build_request(SPEC.id, "warmer", [tmp_path / "in.png"])
    engine = LocalEngine(locator)

    assert engine.readiness(SPEC) is None
    assert isinstance(engine.readiness(SPEC, lightning), NotReady)
    assert isinstance(LocalEngine(CheckpointLocator(tmp_path, tmp_path)).readiness(SPEC), ModelNotInstalled)
    assert isinstance(engine.readiness(find_model("seedream-4")), ModelNotInstalled)
    asyncio.run(engine.close())


def test_this_machine_computes_as_it_should():
    test = run_self_test()

    assert test.passed
    assert test.dtype in {"float32", "bfloat16"}


def test_a_device_that_computes_wrongly_does_not_pass():
    good = SelfTest("GPU", "bfloat16", "2.13", 0.003, 0.004, allowed=0.02)

    assert good.passed
    assert not replace(good, attention_error=0.5).passed
    assert not replace(good, matmul_error=float("inf")).passed
