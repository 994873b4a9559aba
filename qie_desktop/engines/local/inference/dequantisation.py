"""Dequantisation of GGUF blocks in plain torch: the reference for every faster way.

Layouts: ggml-common.h of llama.cpp. The arithmetic is float32 in the order of gguf-py's numpy code
(`gguf/quants.py`), so that both agree to the bit. Types that have no function here go through gguf-py itself:
correct, and slow.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize as dequantise_with_gguf

from qie_desktop.core.errors import CheckpointMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    Dequantise = Callable[[torch.Tensor], torch.Tensor]

_IQ4_VALUES = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)


def dequantise(raw: torch.Tensor, type_name: str, dtype: torch.dtype) -> torch.Tensor:
    """Return the weights held by rows of GGUF blocks.

    `raw` is uint8 `(rows, bytes of a row)`; the result `(rows, columns)` of `dtype` on the same device.
    Raises CheckpointMismatch for a type that gguf-py does not know either.
    """
    unpack = UNPACK.get(type_name)
    if unpack is None:
        return _through_gguf(raw, type_name).to(raw.device, dtype)
    block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[type_name]][1]
    return unpack(raw.reshape(-1, block_bytes)).to(dtype).reshape(raw.shape[0], -1)


def _through_gguf(raw: torch.Tensor, type_name: str) -> torch.Tensor:
    try:
        return torch.from_numpy(dequantise_with_gguf(raw.cpu().numpy(), GGMLQuantizationType[type_name]))
    except (NotImplementedError, KeyError) as error:  # what gguf-py raises for a type that it cannot read
        raise CheckpointMismatch(
            f"Weights of the type {type_name} cannot be read.", "Choose a file in Q4_K_M, Q5_K_S or Q8_0."
        ) from error


def _split(blocks: torch.Tensor, *byte_counts: int) -> tuple[torch.Tensor, ...]:
    """Cut each block into fields of these sizes, and the rest."""
    return torch.split(blocks, [*byte_counts, blocks.shape[1] - sum(byte_counts)], dim=1)


def _half(field: torch.Tensor) -> torch.Tensor:
    """Read two bytes as a float16."""
    return field.view(torch.float16).float()


def _shifts(bits: int, device: torch.device) -> torch.Tensor:
    """Return how far to shift; kept, but where it is compiled: there it costs nothing."""
    return _new_shifts(bits, device) if torch.compiler.is_compiling() else _kept_shifts(bits, device)


def _new_shifts(bits: int, device: torch.device) -> torch.Tensor:
    return torch.arange(0, 8, bits, dtype=torch.uint8, device=device).reshape(1, 1, -1, 1)


_kept_shifts = cache(_new_shifts)


def _unpack(field: torch.Tensor, bits: int, run: int) -> torch.Tensor:
    """Unpack numbers of `bits` bits, lowest first.

    Within every `run` bytes, the lowest bits of all bytes come first, then the next bits of all, and so on.
    """
    parts = field.reshape(field.shape[0], -1, 1, run) >> _shifts(bits, field.device)
    return (parts & (2**bits - 1)).reshape(field.shape[0], -1)


def _scaled(scale: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Multiply each group of numbers with its own scale; the groups are as many as the scales."""
    groups = numbers.reshape(scale.shape[0], scale.shape[1], -1).float()
    return scale.unsqueeze(-1) * groups


def _flat(groups: torch.Tensor) -> torch.Tensor:
    return groups.reshape(groups.shape[0], -1)


def _q4_0(blocks: torch.Tensor) -> torch.Tensor:
    d, qs = _split(blocks, 2)
    return _half(d) * (_unpack(qs, 4, 16).to(torch.int8) - 8).float()


def _q4_1(blocks: torch.Tensor) -> torch.Tensor:
    d, m, qs = _split(blocks, 2, 2)
    return _half(d) * _unpack(qs, 4, 16).float() + _half(m)


def _q5_0(blocks: torch.Tensor) -> torch.Tensor:
    d, qh, qs = _split(blocks, 2, 4)
    numbers = _unpack(qs, 4, 16) | (_unpack(qh, 1, 1) << 4)
    return _half(d) * (numbers.to(torch.int8) - 16).float()


def _q5_1(blocks: torch.Tensor) -> torch.Tensor:
    d, m, qh, qs = _split(blocks, 2, 2, 4)
    numbers = _unpack(qs, 4, 16) | (_unpack(qh, 1, 1) << 4)
    return _half(d) * numbers.float() + _half(m)


def _q8_0(blocks: torch.Tensor) -> torch.Tensor:
    d, qs = _split(blocks, 2)
    return _half(d) * qs.view(torch.int8).float()


def _q2_k(blocks: torch.Tensor) -> torch.Tensor:
    scales, qs, d, dmin = _split(blocks, 16, 64, 2)
    scale = _half(d) * (scales & 15).float()
    minimum = _half(dmin) * (scales >> 4).float()
    return _flat(_scaled(scale, _unpack(qs, 2, 32)) - minimum.unsqueeze(-1))


def _q3_k(blocks: torch.Tensor) -> torch.Tensor:
    hmask, qs, packed, d = _split(blocks, 32, 64, 12)
    scales = _unpack(packed[:, :8], 4, 8) | (_unpack(packed[:, 8:], 2, 4) << 4)
    scale = _half(d) * (scales.to(torch.int8) - 32).float()
    # The offset of 4 is taken off where the bit is not set.
    offset = (_unpack(hmask, 1, 32) ^ 1) << 2
    return _flat(_scaled(scale, _unpack(qs, 2, 32).to(torch.int8) - offset.to(torch.int8)))


def _scale_and_minimum(d: torch.Tensor, dmin: torch.Tensor, packed: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Unpack the eight 6-bit scales and minima of Q4_K and Q5_K, each `(blocks, 8, 1)` after scaling."""
    low, mid, high = packed.reshape(-1, 3, 4).unbind(1)
    scales = torch.cat([low & 63, (high & 15) | ((low >> 2) & 48)], dim=1)
    minima = torch.cat([mid & 63, (high >> 4) | ((mid >> 2) & 48)], dim=1)
    return _half(d) * scales.float(), (_half(dmin) * minima.float()).unsqueeze(-1)


def _q4_k(blocks: torch.Tensor) -> torch.Tensor:
    d, dmin, packed, qs = _split(blocks, 2, 2, 12)
    scale, minimum = _scale_and_minimum(d, dmin, packed)
    return _flat(_scaled(scale, _unpack(qs, 4, 32)) - minimum)


def _q5_k(blocks: torch.Tensor) -> torch.Tensor:
    d, dmin, packed, qh, qs = _split(blocks, 2, 2, 12, 32)
    scale, minimum = _scale_and_minimum(d, dmin, packed)
    return _flat(_scaled(scale, _unpack(qs, 4, 32) | (_unpack(qh, 1, 32) << 4)) - minimum)


def _q6_k(blocks: torch.Tensor) -> torch.Tensor:
    ql, qh, scales, d = _split(blocks, 128, 64, 16)
    numbers = (_unpack(ql, 4, 64) | (_unpack(qh, 2, 32) << 4)).to(torch.int8) - 32
    return _flat(_scaled(_half(d) * scales.view(torch.int8).float(), numbers))


def _iq4_values(device: torch.device) -> torch.Tensor:
    """Return what each number stands for; kept as the shifts are."""
    return _new_iq4_values(device) if torch.compiler.is_compiling() else _kept_iq4_values(device)


def _new_iq4_values(device: torch.device) -> torch.Tensor:
    return torch.tensor(_IQ4_VALUES, dtype=torch.float32, device=device)


_kept_iq4_values = cache(_new_iq4_values)


def _iq4_nl(blocks: torch.Tensor) -> torch.Tensor:
    d, qs = _split(blocks, 2)
    return _half(d) * _iq4_values(blocks.device)[_unpack(qs, 4, 16).int()]


def _iq4_xs(blocks: torch.Tensor) -> torch.Tensor:
    d, high, low, qs = _split(blocks, 2, 2, 4)
    scales = _unpack(low, 4, 1) | (_unpack(high, 2, 1) << 4)
    scale = _half(d) * (scales.to(torch.int8) - 32).float()
    return _flat(_scaled(scale, _iq4_values(blocks.device)[_unpack(qs, 4, 16).int()]))


UNPACK: dict[str, Dequantise] = {
    "F32": lambda blocks: blocks.view(torch.float32),
    "F16": lambda blocks: blocks.view(torch.float16).float(),
    "BF16": lambda blocks: blocks.view(torch.bfloat16).float(),
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q5_1": _q5_1,
    "Q8_0": _q8_0,
    "Q2_K": _q2_k,
    "Q3_K": _q3_k,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
    "IQ4_NL": _iq4_nl,
    "IQ4_XS": _iq4_xs,
}
"""For each type: uint8 blocks `(blocks, bytes of a block)` to float32 `(blocks, numbers of a block)`."""
