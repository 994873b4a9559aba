"""First-block caching: its arithmetic is that of diffusers' hook, and off is off."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.hooks import FirstBlockCacheConfig, apply_first_block_cache
from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.errors import UnknownParameter
from qie_desktop.core.first_block_cache import FIRST_BLOCK_CACHE, threshold
from qie_desktop.core.request import build_request
from qie_desktop.engines.local.checkpoint import Checkpoint
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.first_block_cache import FirstBlockCache
from qie_desktop.engines.local.inference.latents import pack
from qie_desktop.engines.local.inference.pipeline import Edit, LocalPipeline
from tests.support import stock_pipeline

MODEL = find_model("qwen-image-edit-2509-gguf")
STEPS = 10
NEGATIVE = " "


class Silent:
    def phase(self, name, fraction=None, detail=""):
        pass

    def step(self, index, total, seconds_left, preview=None):
        pass


def photo() -> Image.Image:
    pixels = np.random.default_rng(3).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((96, 64), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def ours(tiny, tiny_gguf):
    """Makes an edit with a threshold; returns its latents and how many of its steps were approximate."""
    pipeline = LocalPipeline(Checkpoint(tiny, tiny_gguf), choose_device("cpu"))
    plain = Edit((photo(),), "warmer", NEGATIVE, steps=STEPS, guidance=1.0, seed=2)

    def make(cache: float, guidance: float = 1.0):
        edit = replace(plain, first_block_cache=cache, guidance=guidance)
        pipeline.edit(edit, MODEL.local, Silent(), CancelToken())
        return pipeline.latents, pipeline.reused_steps

    return make


@pytest.fixture
def stock(tiny, tiny_gguf, monkeypatch):
    """Runs diffusers' pipeline with its own hook; returns its latents, and per call whether it computed."""

    def run(cache: float, guidance: float = 1.0):
        decisions: list[bool] = []
        build = stock_pipeline.build_pipeline

        def hooked(*args, **kwargs):
            pipeline = build(*args, **kwargs)
            apply_first_block_cache(pipeline.transformer, FirstBlockCacheConfig(threshold=cache))
            last = pipeline.transformer.transformer_blocks[-1].attn
            first = pipeline.transformer.transformer_blocks[0].attn
            first.register_forward_pre_hook(lambda *_: decisions.append(False))
            last.register_forward_pre_hook(lambda *_: decisions.__setitem__(-1, True))
            return pipeline

        monkeypatch.setattr(stock_pipeline, "build_pipeline", hooked)
        result = stock_pipeline.run_stock(
            tiny, tiny_gguf, [photo()], "warmer", NEGATIVE, seed=2, steps=STEPS, true_cfg_scale=guidance,
            reference_area_px=96 * 64, width=96, height=64,
        )  # fmt: skip
        return result.latents, decisions

    return run


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_a_threshold_of_zero_is_off(ours, guidance):
    exact, _ = ours(0.0, guidance)
    assert torch.equal(exact, ours(0.0, guidance)[0])


# Random weights take a timestep for another altogether: the first block changes by about as much as it does.
@pytest.mark.parametrize("cache", [0.94, 1.0])
def test_with_one_pass_it_decides_and_gives_what_diffusers_does(ours, stock, cache):
    latents, reused = ours(cache)
    expected, computed = stock(cache)

    assert 0 < reused < STEPS - 1
    assert reused == computed.count(False)
    assert float((pack(latents) - expected).abs().max()) <= 1e-4
    assert float((latents - ours(0.0)[0]).abs().max()) > 1e-3, "it is not the exact result"


def test_with_two_passes_that_decide_alike_it_is_the_same_too(ours, stock):
    latents, reused = ours(0.94, 4.0)
    expected, computed = stock(0.94, 4.0)

    assert computed[::2] == computed[1::2], "of each step, diffusers decides alike on both passes"
    assert reused == computed[::2].count(False) > 0
    assert float((pack(latents) - expected).abs().max()) <= 1e-4


def test_a_step_is_whole_where_one_of_its_passes_changes():
    cache = FirstBlockCache(0.1)
    zero = torch.zeros(4, 3)
    assert cache.after_first(zero, torch.ones(4, 3), passes=2) is None
    cache.after_last(torch.full((4, 3), 5.0))

    little = torch.full((4, 3), 1.05)
    reused = cache.after_first(zero, little, passes=2)
    assert torch.equal(reused, little + 4)
    one_changes = torch.cat([little[:2], little[2:] + 0.2])
    assert cache.after_first(zero, one_changes, passes=2) is None

    assert cache.reused == 1


def test_what_is_no_number_is_computed():
    cache = FirstBlockCache(10.0)
    cache.after_first(torch.zeros(2, 3), torch.ones(2, 3), passes=1)
    cache.after_last(torch.ones(2, 3))

    assert cache.after_first(torch.zeros(2, 3), torch.full((2, 3), torch.nan), passes=1) is None


def test_nothing_of_it_is_left_after_the_job(ours):
    alive = weakref.WeakSet()
    build = FirstBlockCache.__init__

    def watched(self, limit):
        alive.add(self)
        build(self, limit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FirstBlockCache, "__init__", watched)
        ours(1.0)

    assert not alive


def test_it_is_off_by_default_and_only_for_full_quality():
    with_it = [spec.id for spec in CATALOGUE if spec.parameter(FIRST_BLOCK_CACHE.name)]
    assert with_it == [MODEL.id]
    picture = [Path("a.png")]
    full = build_request(MODEL.id, "warmer", picture, {"quality": "full"})
    assert threshold(full.value("first_block_cache")) == 0
    set_ = build_request(MODEL.id, "warmer", picture, {"quality": "full", "first_block_cache": "0.1"})
    assert threshold(set_.value("first_block_cache")) == 0.1

    with pytest.raises(UnknownParameter, match="quality is full"):
        build_request(MODEL.id, "x", picture, {"quality": "lightning-4", "first_block_cache": "0.1"})
