"""Jobs in little memory: planned before anything is loaded, measured, and as good as with plenty of it."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import OutOfMemory
from qie_desktop.core.events import Phase, PhaseName, Step
from qie_desktop.core.geometry import Size
from qie_desktop.core.memory_errors import DoesNotFit
from qie_desktop.core.memory_need import (
    DeviceKind,
    Machine,
    Parts,
    Run,
    decoding_bytes,
    picture_encoding_bytes,
    text_tokens,
)
from qie_desktop.core.memory_plan import Policy, plan_memory
from qie_desktop.core.model_shape import VaeShape
from qie_desktop.core.request import build_request
from qie_desktop.engines.base import EngineTask
from qie_desktop.engines.local.checkpoint import Checkpoint, CheckpointLocator
from qie_desktop.engines.local.engine import LocalEngine, LocalOptions
from qie_desktop.engines.local.inference.device import Device
from qie_desktop.engines.local.inference.gguf_weights import load_transformer
from qie_desktop.engines.local.inference.memory_peak import PeakMeter
from qie_desktop.engines.local.inference.tiling import _needs
from qie_desktop.engines.local.inference.vae_2d import Vae2d, VaeConfig
from qie_desktop.engines.local.planning import parts_of

SPEC = find_model("qwen-image-edit-2509-gguf")
SIZE = Size(480, 320)
PLENTY = 2**40
CPU = Device(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="session")
def checkpoint(tiny, tiny_gguf) -> Checkpoint:
    return Checkpoint(tiny, tiny_gguf)


@pytest.fixture
def locator(checkpoint, tmp_path) -> CheckpointLocator:
    return CheckpointLocator(tmp_path, tmp_path, folder=checkpoint.folder, transformer=checkpoint.transformer)


class Desk:
    """A job, and what its engine tells of it."""

    def __init__(self, tmp_path: Path, size: Size = SIZE, on_step=lambda: None, **options: object) -> None:
        path = tmp_path / f"in-{size.width}.png"
        noise = np.random.default_rng(1).integers(0, 255, (size.height // 8, size.width // 8, 3), np.uint8)
        Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path)
        request = build_request(SPEC.id, "warmer", [path], {"quality": "full", "steps": 2, **options})
        self.events, self.pictures, self.measured, self.remembered = [], [], {}, {}
        self._on_step = on_step
        self.task = EngineTask(
            "job", SPEC, replace(request, seed=1), self._emit, self._save, self.remembered.update,
            self.measured.__setitem__, {}, tmp_path,
        )  # fmt: skip

    def _emit(self, event) -> None:
        self.events.append(event)
        if isinstance(event, Step):
            self._on_step()

    def _save(self, result) -> Path:
        self.pictures.append(np.asarray(result.picture).astype(int))
        return Path("saved.png")

    @property
    def loaded(self) -> set[str]:
        return {e.detail for e in self.events if isinstance(e, Phase) and e.name is PhaseName.LOADING}


def run(engine: LocalEngine, *desks: Desk) -> None:
    async def all_of_them() -> None:
        try:
            for desk in desks:
                await engine.run(desk.task, CancelToken())
        finally:
            await engine.close()

    asyncio.run(all_of_them())


def peak(checkpoint: Checkpoint, size: Size = SIZE, policy: Policy = Policy.STAGED) -> int:
    """What such a job takes by plan where there is plenty of memory."""
    wanted = Run((size,), steps=2, text_tokens=text_tokens("warmer", 1))
    machine = Machine(DeviceKind.CPU, PLENTY, PLENTY)
    return plan_memory(machine, parts_of(checkpoint, 4), wanted, policy).peak_bytes


def little_memory(checkpoint: Checkpoint) -> int:
    """So little that only turns and tiles together are enough."""
    wanted = Run((SIZE,), steps=2, text_tokens=text_tokens("warmer", 1))
    for usable in range(peak(checkpoint), 0, -1_000_000):
        machine = Machine(DeviceKind.CPU, PLENTY, usable)
        plan = plan_memory(machine, parts_of(checkpoint, 4), wanted)
        if plan.staged and plan.tile_bytes is not None:
            return usable
    raise AssertionError


def test_in_little_memory_it_takes_turns_and_tiles_and_the_picture_is_the_same(locator, checkpoint, tmp_path):
    plenty, little = Desk(tmp_path), Desk(tmp_path)

    run(LocalEngine(locator), plenty)
    run(LocalEngine(locator, LocalOptions(memory_limit_bytes=little_memory(checkpoint))), little)

    assert "take turns in memory, because both together need" in little.remembered["memory"]
    assert "in tiles" in little.remembered["memory"]
    assert "All parts stay in memory" in plenty.remembered["memory"]
    assert little.measured["planned_peak_bytes"] < peak(checkpoint)
    assert abs(plenty.pictures[0] - little.pictures[0]).max() <= 2
    assert plenty.pictures[0].shape == (SIZE.height, SIZE.width, 3)


def test_in_less_memory_still_it_works_on_a_smaller_area_and_says_so(locator, checkpoint, tmp_path):
    size = Size(1200, 900)
    desk = Desk(tmp_path, size, steps=1, guidance=1)

    libraries = CPU.machine().library_bytes
    limit = libraries + (peak(checkpoint, size) - libraries) // 3
    run(LocalEngine(locator, LocalOptions(memory_limit_bytes=limit)), desk)

    assert "It works at 768 × 768 px instead of 1024 × 1024 px" in desk.remembered["memory"]
    assert desk.pictures[0].shape == (size.height, size.width, 3)


def test_what_does_not_fit_is_refused_before_anything_is_loaded(locator, tmp_path):
    desk = Desk(tmp_path)

    with pytest.raises(DoesNotFit, match="of memory, and this machine has room for") as refused:
        run(LocalEngine(locator, LocalOptions(memory_limit_bytes=1_000_000)), desk)

    assert desk.loaded == {"engine"}
    assert "cloud model" in refused.value.hint
    assert refused.value.exit_code == 3


def test_a_refusal_leaves_what_is_loaded_where_it_is(locator, checkpoint, tmp_path):
    """What does not fit at its full size is refused where nothing may be let go of; the next job runs."""
    limit = peak(checkpoint, policy=Policy.RESIDENT)
    engine = LocalEngine(locator, LocalOptions(memory_policy="resident", memory_limit_bytes=limit))
    first, large, again = Desk(tmp_path), Desk(tmp_path, Size(1024, 1024)), Desk(tmp_path)

    async def one_after_another() -> None:
        await engine.run(first.task, CancelToken())
        with pytest.raises(DoesNotFit, match="Keeping all parts in memory needs"):
            await engine.run(large.task, CancelToken())
        await engine.run(again.task, CancelToken())
        await engine.close()

    asyncio.run(one_after_another())
    assert again.loaded == {"engine"}
    assert (first.pictures[0] == again.pictures[0]).all()


def test_both_peaks_stand_with_the_job(locator, tmp_path):
    desk = Desk(tmp_path, Size(1024, 1024), steps=1)

    run(LocalEngine(locator), desk)

    planned, measured = desk.measured["planned_peak_bytes"], desk.measured["peak_bytes"]
    assert planned > 0
    # By how much this process has grown: what other tests have left in its heap is no growth.
    assert 0 < measured < 3 * planned


def test_after_a_shortage_the_hint_is_the_plans_and_the_next_job_runs(locator, tmp_path):
    def fill() -> None:
        torch.empty(2**60, dtype=torch.uint8)

    engine = LocalEngine(locator)
    short, desk = Desk(tmp_path, on_step=fill), Desk(tmp_path)

    async def both() -> None:
        with pytest.raises(OutOfMemory) as raised:
            await engine.run(short.task, CancelToken())
        assert raised.value.message == "There was not enough memory while denoising."
        assert "It was expected to take" in raised.value.hint
        assert "local.memory_policy staged" in raised.value.hint
        await engine.run(desk.task, CancelToken())
        await engine.close()

    asyncio.run(both())
    assert short.measured["peak_bytes"] >= 0
    assert len(desk.pictures) == 1


def test_the_weights_are_counted_as_they_are_loaded(checkpoint):
    from qie_desktop.engines.local.inference.conditioning import TextConditioner
    from qie_desktop.engines.local.inference.vae_2d import load_vae

    parts = parts_of(checkpoint, 4)
    transformer = load_transformer(checkpoint, CPU, CancelToken(), lambda _: None)
    text_encoder = TextConditioner(checkpoint.folder, CPU)._model
    vae = load_vae(checkpoint.part("vae"), VaeConfig.read(checkpoint.part("vae")), CPU)

    assert parts.text_encoder == sum(weight.nbytes for weight in text_encoder.parameters())
    assert parts.vae == sum(weight.nbytes for weight in vae.parameters())
    assert transformer.resident_bytes <= parts.transformer <= 1.3 * transformer.resident_bytes
    assert parts.shape.transformer.width == 256
    assert parts.shape.text_encoder.inner == 512


@pytest.mark.parametrize(("base", "multiples", "blocks"), [(96, (1, 2, 4, 4), 2), (16, (1, 2, 4, 4), 1)])
@pytest.mark.parametrize("size", [Size(1024, 1024), Size(512, 768)])
def test_the_vae_is_planned_with_what_its_layers_tell(base, multiples, blocks, size):
    with torch.device("meta"):
        vae = Vae2d(VaeConfig(16, base, multiples, blocks, (0.0,) * 16, (1.0,) * 16))
        pixels = torch.empty(1, 3, size.height, size.width)
        latents = torch.empty(1, 16, size.height // 8, size.width // 8)
    shape = VaeShape(base, multiples)

    assert shape.encoding_numbers(size) == max(_needs(list(vae.encoder.layers), pixels))
    assert shape.decoding_numbers(size) == max(_needs(list(vae.decoder.layers), latents))


def test_the_modulations_of_one_schedule_are_kept_as_the_plan_counts_them(checkpoint):
    transformer = load_transformer(checkpoint, CPU, CancelToken(), lambda _: None)
    shape = parts_of(checkpoint, 4).shape.transformer
    kept = []
    with torch.inference_mode():
        for steps in (2, 3, 4):
            made = transformer.modulations(torch.linspace(1, 0.5, steps), CancelToken())
            assert (made.image.nbytes + made.text.nbytes) // 4 == shape.kept_modulations(steps)
            assert transformer.modulations(torch.linspace(1, 0.5, steps), CancelToken()) is made
            kept.append(weakref.ref(made.image))
            del made

    assert [tensor() is None for tensor in kept] == [True, True, False]


@pytest.mark.parametrize("stage", [picture_encoding_bytes, decoding_bytes])
@pytest.mark.parametrize("tile_bytes", [None, 100_000_000])
def test_the_vae_once_more_in_float32_is_planned_for(stage, tile_bytes):
    def planned(kind: DeviceKind, size: Size, vae: int = 0) -> int:
        sizes = [size] if stage is picture_encoding_bytes else size
        return stage(Machine(kind, PLENTY, PLENTY), Parts(0, 0, vae), sizes, tile_bytes)

    weights, small = 89_200_000, Size(64, 64)
    megapixel, wide = Size(1024, 1024), 4 * VaeShape().attention_numbers(Size(1024, 1024))
    # Its weights, held twice as wide, are no more than half of it anywhere but where the picture is small.
    assert planned(DeviceKind.MPS, small, weights) - planned(DeviceKind.MPS, small) > 0.9 * weights
    assert planned(DeviceKind.MPS, megapixel, weights) >= weights + 2 * wide
    assert planned(DeviceKind.CPU, megapixel, weights) == planned(DeviceKind.CPU, megapixel)


def test_the_meter_sees_what_comes_and_goes():
    meter = PeakMeter(CPU)

    with meter.measuring():
        block = torch.ones(100_000_000, dtype=torch.uint8)
        meter.sample()
        torch.randn(2000, 2000).matmul(torch.randn(2000, 2000))
    del block

    assert 90_000_000 < meter.peak_bytes < 400_000_000


def test_a_device_tells_what_there_is_to_compute_in():
    machine = CPU.machine()

    assert machine.kind is DeviceKind.CPU
    assert 0 < machine.usable_bytes < machine.total_bytes
    assert replace(CPU, memory_limit_bytes=1000).machine().usable_bytes == 1000
