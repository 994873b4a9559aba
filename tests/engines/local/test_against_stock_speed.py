"""On this machine's CPU: an edit by ours takes no longer than by diffusers' pipeline, at equal steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
import torch
from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.engines.local.checkpoint import Checkpoint
from qie_desktop.engines.local.inference.caches import EncodingCache
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.pipeline import Edit, LocalPipeline
from tests.engines.local.test_first_block_cache import Silent, photo
from tests.support import tiny_checkpoint
from tests.support.stock_pipeline import build_pipeline, reference_area

LOCAL = find_model("qwen-image-edit-2509-gguf").local
STEPS = 4


def ours(checkpoint: Path, gguf: Path, picture: Image.Image, guidance: float) -> Callable[[], object]:
    """Return what makes the edit by ours, with nothing left of an edit before but the weights."""
    pipeline = LocalPipeline(Checkpoint(checkpoint, gguf), choose_device("cpu"))
    edit = Edit((picture,), "warmer", " ", STEPS, guidance, seed=1)

    def run() -> object:
        pipeline._cache = EncodingCache()
        if pipeline._transformer is not None:
            pipeline._transformer._modulations.forget()
        return pipeline.edit(edit, LOCAL, Silent(), CancelToken())

    return run


def stock(checkpoint: Path, gguf: Path, picture: Image.Image, guidance: float) -> Callable[[], object]:
    """Return what makes it by diffusers, with all weights as float32 numbers: nothing to dequantise."""
    pipeline = build_pipeline(checkpoint, gguf)

    def run() -> object:
        with reference_area(picture.width * picture.height):
            return pipeline(
                image=[picture], prompt="warmer", negative_prompt=" ", true_cfg_scale=guidance,
                width=picture.width, height=picture.height, num_inference_steps=STEPS,
                generator=torch.Generator("cpu").manual_seed(1), output_type="pil",
            )  # fmt: skip

    return run


def ratio(runs: tuple[Callable[[], object], Callable[[], object]], rounds: int) -> float:
    """Return the median processor time of the first to that of the second, run in turn, on one thread.

    The processor's time, not the clock's: other programs on the machine count for nothing.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(1 + rounds):
        for run, taken in zip(runs, times, strict=True):
            began = time.process_time()
            run()
            if number:
                taken.append(time.process_time() - began)
    first, second = (median(taken) for taken in times)
    print(f"ours {first:.3f} s, stock {second:.3f} s, ratio {first / second:.3f}")  # noqa: T201 - see -s
    return first / second


@pytest.mark.slow
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_a_tiny_checkpoint_is_not_slower_than_stock(tiny, tiny_gguf, guidance):
    picture = photo().resize((160, 96))

    both = (ours(tiny, tiny_gguf, picture, guidance), stock(tiny, tiny_gguf, picture, guidance))

    assert ratio(both, 5) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_nor_is_one_in_which_arithmetic_decides(tmp_path, monkeypatch, guidance):
    """Width 512, 4 blocks, 512 px: Python takes next to nothing of it."""
    wider = dict(tiny_checkpoint.TRANSFORMER_CONFIG) | {"num_attention_heads": 8, "num_layers": 4}
    monkeypatch.setattr(tiny_checkpoint, "TRANSFORMER_CONFIG", wider)
    folder = tiny_checkpoint.build_checkpoint(tmp_path)
    gguf = tiny_checkpoint.write_gguf(folder, folder / "transformer" / "wider.gguf", "Q8_0")
    picture = photo().resize((512, 512))

    assert ratio((ours(folder, gguf, picture, guidance), stock(folder, gguf, picture, guidance)), 3) <= 1
