"""`qie bench`: our transformer against diffusers' own, on random weights of a small size."""

import math

import pytest
import torch

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.errors import InvalidRequest
from qie_desktop.engines.local.bench import QUANTS, SyntheticBench, run_synthetic
from qie_desktop.engines.local.inference.benchmark import OURS, STOCK_BF16, STOCK_GGUF, compare
from qie_desktop.engines.local.inference.dequantisation import dequantise
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.synthetic import Dimensions, SyntheticWeights

SMALL = Dimensions(width=256, heads=2, text_width=128)


def test_ours_and_both_of_diffusers_are_timed_side_by_side():
    found = compare(
        choose_device("cpu"), "Q4_K", 64, 4, (STOCK_BF16, STOCK_GGUF), SMALL, cancel=CancelToken()
    )

    timings = found.timings
    assert [timing.name for timing in timings] == [OURS, STOCK_BF16, STOCK_GGUF]
    assert all(timing.guided_s > 0 and timing.forward_s > 0 for timing in timings)
    ours, full, gguf = (timing.resident_bytes for timing in timings)
    # A third of the weights is not kept, and the rest is in blocks.
    assert ours < 0.75 * gguf < gguf < full
    # One block of four, and what stands around the blocks.
    assert 0 < found.reused_guided_s < timings[0].guided_s
    assert 0 < found.reused_forward_s < timings[0].forward_s
    assert found.preview_s > 0
    assert found.cached is None


@pytest.mark.parametrize("threshold", [1e-9, 1e9])
def test_a_run_with_first_block_caching_is_held_against_the_exact_one(threshold):
    found = compare(
        choose_device("cpu"), "Q8_0", 64, 2, (), SMALL, threshold=threshold, cancel=CancelToken()
    ).cached

    assert found.steps == 40
    assert found.reused == (0 if threshold < 1 else 39)
    assert (found.difference == 0) is (threshold < 1)
    assert (found.psnr_db == math.inf) is (threshold < 1)


def test_a_cancel_ends_a_measurement():
    cancel = CancelToken()
    cancel.cancel()

    with pytest.raises(JobCancelled):
        run_synthetic(SyntheticBench(blocks=1, size=64), cancel)


@pytest.mark.parametrize("type_name", QUANTS)
def test_random_weights_of_every_type_are_sane(type_name):
    weights = SyntheticWeights(type_name, 1, choose_device("cpu"), SMALL)

    layer = weights.linear("transformer_blocks.0.img_mlp.net.0.proj")

    numbers = dequantise(layer.blocks, layer.type_name, torch.float32)
    assert numbers.shape == (1024, 256)
    assert torch.isfinite(numbers).all()
    assert 0.005 < float(numbers.std()) < 0.08


@pytest.mark.parametrize(
    ("bench", "field"),
    [
        (SyntheticBench(quant="Q9"), "quant"),
        (SyntheticBench(size=100), "size"),
        (SyntheticBench(size=4096), "size"),
        (SyntheticBench(blocks=0), "blocks"),
        (SyntheticBench(first_block_cache=-1), "first_block_cache"),
    ],
)
def test_what_cannot_be_measured_is_refused(bench, field):
    with pytest.raises(InvalidRequest) as refused:
        run_synthetic(bench, CancelToken())

    assert refused.value.field == field
