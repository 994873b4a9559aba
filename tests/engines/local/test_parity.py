"""Our pipeline against diffusers' own, on the same weights, seed and sizes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.engines.local.checkpoint import Checkpoint
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.latents import pack
from qie_desktop.engines.local.inference.pipeline import Edit, LocalPipeline
from tests.support.stock_pipeline import run_stock
from tests.support.tiny_checkpoint import write_gguf

STEPS = 4
PROMPT = "Make the sky 粉红色 — and “keep” the rest"


class Silent:
    def phase(self, name, fraction=None, detail=""):
        pass

    def step(self, index, total, seconds_left, preview=None):
        pass


def picture(width: int, height: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def both(tiny: Path, gguf: Path, pictures: list[Image.Image], guidance: float, negative: str):
    pipeline = LocalPipeline(Checkpoint(tiny, gguf), choose_device("cpu"))
    edit = Edit(tuple(pictures), PROMPT, negative, STEPS, guidance, seed=11)
    local = find_model("qwen-image-edit-2509-gguf").local
    ours = pipeline.edit(edit, local, Silent(), CancelToken())
    width, height = pictures[0].size
    stock = run_stock(
        tiny, gguf, pictures, PROMPT, negative, seed=11, steps=STEPS, true_cfg_scale=guidance,
        reference_area_px=width * height, width=width, height=height,
    )  # fmt: skip
    return pipeline.latents, ours, stock


@pytest.mark.parametrize(
    "sizes", [[(160, 96)], [(96, 160), (96, 160)], [(160, 96), (96, 160)]], ids=["one", "two", "two shapes"]
)
def test_pictures_and_latents_equal_those_of_the_stock_pipeline(tiny, tiny_gguf, sizes):
    pictures = [picture(*size, seed) for seed, size in enumerate(sizes)]

    latents, ours, stock = both(tiny, tiny_gguf, pictures, 4.0, " ")

    assert float((pack(latents) - stock.latents).abs().max()) <= 1e-4
    difference = np.abs(np.asarray(ours, dtype=float) - stock.picture * 255)
    assert difference.max() <= 2
    assert np.asarray(ours).std() > 10, "a picture of one colour would prove nothing"


def test_without_guidance_there_is_one_pass_and_it_equals_the_stock_pipeline(tiny, tiny_gguf):
    latents, _, stock = both(tiny, tiny_gguf, [picture(128, 128, 3)], 1.0, " ")

    assert stock.negative_prompt_embeds is None
    assert float((pack(latents) - stock.latents).abs().max()) <= 1e-4


@pytest.mark.parametrize("quantisation", ["F32", "BF16", "Q4_0", "Q4_K_M", "Q2_K", "IQ4_XS"])
def test_every_kind_of_file_equals_the_stock_pipeline_on_its_weights(tiny, tmp_path, quantisation):
    gguf = write_gguf(tiny, tmp_path / "tiny.gguf", quantisation)

    latents, _, stock = both(tiny, gguf, [picture(96, 64, 5)], 4.0, "blurry")

    assert float((pack(latents) - stock.latents).abs().max()) <= 1e-4


def test_image_tokens_have_the_positions_of_images(tiny, tiny_gguf):
    """Trap: without `mm_token_type_ids` transformers 5 gives them those of text, silently."""
    from qie_desktop.engines.local.inference.conditioning import TextConditioner

    _, _, stock = both(tiny, tiny_gguf, [picture(160, 96, 0)], 4.0, " ")
    conditioner = TextConditioner(tiny, choose_device("cpu"))

    ours = conditioner.encode(PROMPT, [picture(160, 96, 0)], CancelToken())

    assert float((ours - stock.prompt_embeds).abs().max()) <= 1e-4
    assert float((stock.untyped_prompt_embeds - stock.prompt_embeds).abs().max()) > 0.1
