"""`qie bench`: our transformer against diffusers' own, on random weights of a small size."""

import pytest
import torch

from qie_desktop.core.errors import InvalidRequest
from qie_desktop.engines.local.bench import QUANTS, SyntheticBench, run_synthetic
from qie_desktop.engines.local.inference.benchmark import OURS, STOCK_BF16, STOCK_GGUF, compare
from qie_desktop.engines.local.inference.dequantisation import dequantise
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.synthetic import Dimensions, SyntheticWeights

SMALL = Dimensions(width=256, heads=2, text_width=128)


def test_ours_and_both_of_diffusers_are_timed_side_by_side():
    timings = compare(choose_device("cpu"), "Q4_K", 64, 2, (STOCK_BF16, STOCK_GGUF), SMALL)

    assert [timing.name for timing in timings] == [OURS, STOCK_BF16, STOCK_GGUF]
    assert all(timing.guided_s > 0 and timing.forward_s > 0 for timing in timings)
    ours, full, gguf = (timing.resident_bytes for timing in timings)
    # A third of the weights is not kept, and the rest is in blocks.
    assert ours < 0.75 * gguf < gguf < full


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
    ],
)
def test_what_cannot_be_measured_is_refused(bench, field):
    with pytest.raises(InvalidRequest) as refused:
        run_synthetic(bench)

    assert refused.value.field == field
