"""Random GGUF blocks whose weights have a chosen scale.

gguf-py reads the K and IQ4 quantisations but cannot write them. A test of their arithmetic needs no real
weights: any bits are a valid block as long as its half-precision scales are finite and sane.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

Q = GGMLQuantizationType


@dataclass(frozen=True, slots=True)
class ScaleFields:
    """Where the half-precision scales lie in a block: ggml-common.h, and the same offsets in gguf-py."""

    scale_byte: int
    offset_byte: int | None = None
    # The offset over the scale that centres uniformly random quanta on zero.
    offset_ratio: float = 0.0
    # Weights of one sub-block share an offset, and inputs that are mostly positive add those up: less spread
    # keeps a layer's output about as large as that of independent weights.
    spread: float = 1.0
    # Blocks without an offset are written with scales of either sign.
    signed: bool = False


SCALE_FIELDS = {
    Q.Q2_K: ScaleFields(80, 82, 1.5, spread=0.4),
    Q.Q3_K: ScaleFields(108, signed=True),
    Q.Q4_K: ScaleFields(0, 2, 7.5, spread=0.4),
    Q.Q5_K: ScaleFields(0, 2, 15.5, spread=0.4),
    Q.Q6_K: ScaleFields(208, signed=True),
    Q.Q8_0: ScaleFields(0),
    Q.IQ4_NL: ScaleFields(0, signed=True),
    Q.IQ4_XS: ScaleFields(0, signed=True),
}


def random_rows(
    qtype: GGMLQuantizationType, shape: tuple[int, int], std: float, rng: np.random.Generator
) -> np.ndarray:
    """Random rows of blocks, as the bytes of a GGUF tensor: `(rows, bytes of a row)`.

    `shape` is that of the weights, and its second side divides by the block; `std` about their spread.
    """
    block, block_bytes = GGML_QUANT_SIZES[qtype]
    rows, columns = shape
    if columns % block:
        raise ValueError(f"a row of {columns} weights is no whole number of {qtype.name} blocks of {block}")
    count = rows * columns // block
    scales = std * SCALE_FIELDS[qtype].spread / _unit_std(qtype) * rng.uniform(0.75, 1.25, count)
    if SCALE_FIELDS[qtype].signed:
        scales *= rng.choice([-1.0, 1.0], count)
    ratios = SCALE_FIELDS[qtype].offset_ratio * rng.uniform(0.9, 1.1, count)
    return _blocks(qtype, scales, ratios, rng).reshape(rows, columns // block * block_bytes)


def _blocks(
    qtype: GGMLQuantizationType, scales: np.ndarray, ratios: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    fields = SCALE_FIELDS[qtype]
    blocks = rng.integers(0, 256, (len(scales), GGML_QUANT_SIZES[qtype][1]), dtype=np.uint8)
    _put_half(blocks, fields.scale_byte, scales)
    if fields.offset_byte is not None:
        _put_half(blocks, fields.offset_byte, scales * ratios)
    return blocks


def _put_half(blocks: np.ndarray, at: int, values: np.ndarray) -> None:
    blocks[:, at : at + 2] = values.astype("<f2").view(np.uint8).reshape(-1, 2)


@cache
def _unit_std(qtype: GGMLQuantizationType) -> float:
    """The spread of random weights whose blocks all have a scale of one."""
    ones = np.ones(256)
    blocks = _blocks(qtype, ones, ones * SCALE_FIELDS[qtype].offset_ratio, np.random.default_rng(0))
    return float(quants.dequantize(blocks, qtype).std())
