"""LoRAs beside quantised weights, against diffusers' own pipeline with peft's layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.catalogue import find_model
from qie_desktop.engines.local.checkpoint import Checkpoint
from qie_desktop.engines.local.inference.compilation import evened
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.latents import pack
from qie_desktop.engines.local.inference.lora import LoraUse
from qie_desktop.engines.local.inference.pipeline import Edit, LocalPipeline
from tests.support.stock_pipeline import run_stock
from tests.support.tiny_checkpoint import write_gguf
from tests.support.tiny_loras import ALL_LAYERS, BLOCK_LAYERS, LIGHTNING_LAYERS, STYLES, write_lora

LOCAL = find_model("qwen-image-edit-2509-gguf").local
PROMPT = "Make the sky pink"
LN3 = math.log(3)
# As lightx2v publishes it, written out here: the catalogue is what is tested.
LIGHTNING_SCHEDULER = {
    "base_image_seq_len": 256, "base_shift": LN3, "invert_sigmas": False, "max_image_seq_len": 8192,
    "max_shift": LN3, "num_train_timesteps": 1000, "shift": 1.0, "shift_terminal": None,
    "stochastic_sampling": False, "time_shift_type": "exponential", "use_beta_sigmas": False,
    "use_dynamic_shifting": True, "use_exponential_sigmas": False, "use_karras_sigmas": False,
}  # fmt: skip
CLOSE = 1e-4


class Silent:
    def phase(self, name, fraction=None, detail=""):
        pass

    def step(self, index, total, seconds_left, preview=None):
        pass


def quality(name: str):
    return next(each for each in LOCAL.qualities if each.name == name)


@dataclass
class Bench:
    """One pipeline of ours, kept over several edits, and the stock one, new for each."""

    tiny: Path
    gguf: Path

    def __post_init__(self):
        rng = np.random.default_rng(7)
        small = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
        self.picture = small.resize((96, 64), Image.Resampling.BICUBIC)
        self.pipeline = LocalPipeline(Checkpoint(self.tiny, self.gguf), choose_device("cpu"))

    def ours(self, *loras: tuple[Path, float], steps=2, guidance=1.0, scheduler=(), cancel=None):
        edit = Edit(
            (self.picture,), PROMPT, " ", steps, guidance, seed=11,
            loras=tuple(LoraUse(*lora) for lora in loras), scheduler=scheduler,
        )  # fmt: skip
        self.pipeline.edit(edit, LOCAL, Silent(), cancel or CancelToken())
        return pack(self.pipeline.latents)

    def stock(self, *loras: tuple[Path, float], steps=2, guidance=1.0, scheduler=None):
        return run_stock(
            self.tiny, self.gguf, [self.picture], PROMPT, " ", seed=11, steps=steps, true_cfg_scale=guidance,
            reference_area_px=96 * 64, width=96, height=64, loras=loras, scheduler=scheduler,
        ).latents  # fmt: skip


@pytest.fixture
def bench(tiny, tiny_gguf) -> Bench:
    return Bench(tiny, tiny_gguf)


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max())


@pytest.mark.parametrize("name", ["lightning-4", "lightning-8"])
def test_lightning_equals_the_stock_pipeline_with_its_scheduler_and_its_steps(bench, tmp_path, name):
    # An alpha that bfloat16 can multiply by: diffusers does so before it widens the factors.
    lora = write_lora(tmp_path / "lightning.safetensors", rank=8, alpha=2.0, dtype="bfloat16"), 1.0
    chosen = quality(name)

    ours = bench.ours(lora, steps=chosen.steps, guidance=chosen.guidance, scheduler=chosen.scheduler)

    stock = bench.stock(lora, steps=chosen.steps, scheduler=LIGHTNING_SCHEDULER)
    assert far(ours, stock) <= CLOSE
    assert far(ours, bench.ours(steps=chosen.steps, scheduler=chosen.scheduler)) > 0.05
    assert far(ours, bench.ours(lora, steps=chosen.steps)) > 0.01, "the scheduler must matter"


@pytest.mark.parametrize("style", STYLES)
def test_every_layout_of_a_file_equals_the_stock_pipeline(bench, tmp_path, style):
    lora = write_lora(tmp_path / "any.safetensors", style, layers=ALL_LAYERS), 0.9

    ours = bench.ours(lora)

    assert far(ours, bench.stock(lora)) <= CLOSE
    assert far(ours, bench.ours()) > 0.05


def test_two_loras_add_up_by_their_strengths(bench, tmp_path):
    first = write_lora(tmp_path / "a.safetensors", "peft", layers=BLOCK_LAYERS, rank=3, seed=1), 0.8
    second = write_lora(tmp_path / "b.safetensors", "kohya", layers=LIGHTNING_LAYERS, rank=6, seed=2), 0.3

    ours = bench.ours(first, second, guidance=4.0)

    assert far(ours, bench.stock(first, second, guidance=4.0)) <= CLOSE
    assert far(ours, bench.ours(first, (second[0], 0.4), guidance=4.0)) > 10 * CLOSE


def test_a_lora_of_negative_strength_takes_away(bench, tmp_path):
    lora = write_lora(tmp_path / "a.safetensors", "peft"), -1.5

    assert far(bench.ours(lora), bench.stock(lora)) <= CLOSE


@pytest.mark.parametrize("quantisation", ["Q4_0", "Q8_0", "BF16", "Q4_K_M"])
def test_beside_every_kind_of_weights(tiny, tmp_path, quantisation):
    bench = Bench(tiny, write_gguf(tiny, tmp_path / "tiny.gguf", quantisation))
    lora = write_lora(tmp_path / "a.safetensors", layers=ALL_LAYERS), 1.0

    assert far(bench.ours(lora), bench.stock(lora)) <= CLOSE


def test_another_set_gives_what_a_new_pipeline_gives(bench, tmp_path):
    """Modulations are kept by schedule: those of one set must not be taken for another's."""
    first = write_lora(tmp_path / "a.safetensors", seed=1), 1.0
    second = write_lora(tmp_path / "b.safetensors", "peft", seed=2), 0.5
    sets = [(), (first,), (first, second), (second,), ((first[0], 0.5),), (), (first,)]
    transformers, found = set(), []

    for loras in sets:
        found.append(bench.ours(*loras))
        transformers.add(id(bench.pipeline._transformer))

    assert len(transformers) == 1, "the weights must not be read again"
    for loras, latents in zip(sets, found, strict=True):
        assert torch.equal(latents, Bench(bench.tiny, bench.gguf).ours(*loras))


def test_a_file_that_was_replaced_under_its_name_is_read_again(bench, tmp_path):
    lora = write_lora(tmp_path / "a.safetensors", seed=1), 1.0
    before = bench.ours(lora)
    write_lora(lora[0], seed=2, rank=5)

    after = bench.ours(lora)

    assert far(before, after) > 0.05
    assert torch.equal(after, Bench(bench.tiny, bench.gguf).ours(lora))


def test_a_lora_of_strength_0_changes_nothing(bench, tmp_path):
    lora = write_lora(tmp_path / "a.safetensors"), 0.0

    assert torch.equal(bench.ours(lora), bench.ours())


def test_its_memory_is_counted_and_given_back(bench, tmp_path):
    lora = write_lora(tmp_path / "a.safetensors", rank=8)
    bench.ours()
    before = bench.pipeline._transformer.resident_bytes

    bench.ours((lora, 1.0))
    with_lora = bench.pipeline._transformer.resident_bytes
    bench.ours()

    from qie_desktop.engines.local.lora_file import read_lora

    assert with_lora - before == read_lora(lora).resident_bytes(4)
    assert 0 < with_lora - before < lora.stat().st_size, "modulation factors are not kept"
    assert bench.pipeline._transformer.resident_bytes == before


def test_side_paths_that_are_evened_for_the_compiler_give_the_same(bench, tmp_path):
    first = write_lora(tmp_path / "a.safetensors", layers=["attn.to_q", "img_mlp.net.2"], rank=3, seed=1), 1.0
    second = write_lora(tmp_path / "b.safetensors", layers=["attn.to_q", "attn.to_v"], rank=2, seed=2), 1.0
    expected = bench.ours(first, second)
    transformer = bench.pipeline._transformer

    transformer.blocks = evened(transformer.blocks)

    image, text = transformer.blocks[1]
    ranks = [
        None if layer.low_rank is None else (layer.low_rank.down.shape, layer.low_rank.up.shape)
        for layer in (image.query, image.key, image.value, image.out, image.up, image.down, text.query)
    ]
    thin, tall = (5, 256), (256, 5)
    assert ranks == [(thin, tall)] * 4 + [(thin, (1024, 5)), ((5, 1024), tall), None]
    assert far(bench.ours(first, second), expected) < 1e-5


@pytest.mark.parametrize("how", ["cancelled", "cut off"])
def test_after_a_set_that_was_not_loaded_the_next_job_is_right(bench, tmp_path, how, monkeypatch):
    lora = write_lora(tmp_path / "a.safetensors")
    right = bench.ours((lora, 1.0))
    bench.ours()
    transformer = bench.pipeline._transformer
    change, count = transformer._change_block, 0

    class Stop(Exception):
        pass

    def change_one(*args):
        nonlocal count
        count += 1
        change(*args)
        # The first pass lets go of the old set: the second block of the new one.
        if count == len(transformer.blocks) + 1:
            if how == "cancelled":
                cancel.cancel()
            else:
                raise Stop

    cancel = CancelToken()
    with monkeypatch.context() as patch:
        patch.setattr(transformer, "_change_block", change_one)
        with pytest.raises(JobCancelled if how == "cancelled" else Stop):
            bench.ours((lora, 1.0), cancel=cancel)

    assert torch.equal(bench.ours((lora, 1.0)), right)
