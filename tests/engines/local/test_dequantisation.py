import numpy as np
import pytest
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from qie_desktop.core.errors import CheckpointMismatch
from qie_desktop.engines.local.inference.dequantisation import UNPACK, dequantise
from qie_desktop.engines.local.inference.quantised_linear import QuantisedLinear, keeps_blocks

THROUGH_GGUF = ("TQ1_0", "TQ2_0", "IQ2_XXS", "IQ3_S", "MXFP4")


def random_rows(type_name: str, rows: int = 6, blocks: int = 5) -> np.ndarray:
    """Random bytes, with every float16 and float32 in them finite: any such block is a valid one."""
    block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[type_name]][1]
    rng = np.random.default_rng(sum(map(ord, type_name)))
    raw = rng.integers(0, 256, (rows, blocks * block_bytes), dtype=np.uint8)
    if type_name in {"F32", "F16", "BF16"}:
        values = rng.standard_normal((rows, blocks)).astype(np.float32)
        if type_name == "BF16":
            return (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        return values.astype(np.float16 if type_name == "F16" else np.float32).view(np.uint8)
    # The exponent of a half is all ones for infinity and NaN alone: clear one of its bits everywhere.
    return raw & 0xBF


@pytest.mark.parametrize("type_name", [*UNPACK, *THROUGH_GGUF])
def test_a_type_is_dequantised_as_gguf_does_to_the_bit(type_name):
    raw = random_rows(type_name)
    expected = dequantize(raw, GGMLQuantizationType[type_name])

    ours = dequantise(torch.from_numpy(raw), type_name, torch.float32)

    assert ours.shape == expected.shape
    assert np.isfinite(expected).all()
    assert len(np.unique(expected)) > 10
    assert np.array_equal(ours.numpy().view(np.uint32), expected.astype(np.float32).view(np.uint32))


def test_a_slice_of_a_larger_tensor_is_read_at_its_place():
    raw = torch.from_numpy(random_rows("Q5_K", rows=8))

    assert torch.equal(
        dequantise(raw[3:5], "Q5_K", torch.float32), dequantise(raw, "Q5_K", torch.float32)[3:5]
    )


def test_a_type_that_nobody_knows_is_named():
    with pytest.raises(CheckpointMismatch, match="Q9_9"):
        dequantise(torch.zeros(1, 32, dtype=torch.uint8), "Q9_9", torch.float32)


@pytest.mark.parametrize("type_name", ["Q8_0", "Q4_K", "BF16", "TQ2_0"])
def test_a_quantised_linear_equals_a_linear_with_the_dequantised_weights(type_name):
    raw = torch.from_numpy(random_rows(type_name))
    weight = dequantise(raw, type_name, torch.float32)
    bias = torch.randn(weight.shape[0])
    layer = QuantisedLinear(raw, type_name, weight.shape[1], bias)
    x = torch.randn(2, 7, weight.shape[1])

    assert torch.equal(layer(x), torch.nn.functional.linear(x, weight, bias))


def test_casting_a_model_leaves_the_blocks_of_its_layers_alone():
    raw = torch.from_numpy(random_rows("Q8_0"))
    layer = torch.nn.Sequential(QuantisedLinear(raw, "Q8_0", 160)).to(torch.bfloat16)

    assert layer[0].blocks.dtype is torch.uint8
    assert layer(torch.randn(1, 160, dtype=torch.bfloat16)).dtype is torch.bfloat16


def test_half_precision_weights_stay_half_where_float32_computes():
    assert keeps_blocks("BF16", torch.float32)
    assert keeps_blocks("F16", torch.float32)
    assert not keeps_blocks("F16", torch.bfloat16)
    assert not keeps_blocks("F32", torch.float32)
    assert keeps_blocks("Q4_K", torch.bfloat16)
