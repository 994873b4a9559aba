"""The VAE's normalisation and activation as one kernel, forwards and backwards, for CUDA.

As separate operations they are a dozen passes over memory and three quarters of a training step. Written out,
because `torch.compile` compiles them anew for every width, which takes longer than a minute.
"""

# Triton comes with torch where there is CUDA, and not elsewhere; its functions have no types.
# pyright: reportMissingImports=false, reportUnknownParameterType=false, reportMissingParameterType=false
# pyright: reportUntypedFunctionDecorator=false, reportIncompatibleMethodOverride=false, reportIndexIssue=false
# ruff: noqa: PLR0913, PLR0917 - a kernel has as many arguments as tensors and numbers

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

_NUMBERS = 4096
"""About so many are worked on at a time."""
_PROGRAMS = 1056
"""How many parts the sum of the weight's gradient is made of: eight for each multiprocessor of an H100."""


@triton.jit
def _forwards(x, gamma, y, count, width: tl.constexpr, padded: tl.constexpr, rows: tl.constexpr):
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.arange(0, padded)
    within = (row[:, None] < count) & (column[None] < width)
    place = row[:, None].to(tl.int64) * width + column[None]
    value = tl.load(x + place, within, 0.0).to(tl.float32)
    gain = tl.load(gamma + column, column < width, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(value * value, 1) / width + 1e-12)
    z = value * scale[:, None] * gain[None]
    tl.store(y + place, z * tl.sigmoid(z), within)


@triton.jit
def _backwards(
    x, gamma, above, below, of_gamma, count, steps, width: tl.constexpr, padded: tl.constexpr,
    rows: tl.constexpr,
):  # fmt: skip
    column = tl.arange(0, padded)
    gain = tl.load(gamma + column, column < width, 0.0)
    total = tl.zeros((padded,), tl.float32)
    for step in range(steps):
        row = (tl.program_id(0) * steps + step) * rows + tl.arange(0, rows)
        within = (row[:, None] < count) & (column[None] < width)
        place = row[:, None].to(tl.int64) * width + column[None]
        value = tl.load(x + place, within, 0.0).to(tl.float32)
        scale = 1.0 / tl.sqrt(tl.sum(value * value, 1) / width + 1e-12)
        normed = value * scale[:, None]
        z = normed * gain[None]
        gate = tl.sigmoid(z)
        of_z = tl.load(above + place, within, 0.0).to(tl.float32) * (gate + z * gate * (1.0 - gate))
        total += tl.sum(of_z * normed, 0)
        of_normed = of_z * gain[None]
        along = tl.sum(of_normed * normed, 1) / width
        tl.store(below + place, (of_normed - normed * along[:, None]) * scale[:, None], within)
    tl.store(of_gamma + tl.program_id(0) * padded + column, total)


def _shape(x: Tensor) -> tuple[int, int, int, int]:
    """Return how many pixels, of how many channels, padded to what, are worked on by how many at a time."""
    width = x.shape[1]
    padded = triton.next_power_of_2(width)
    return x.numel() // width, width, padded, max(1, _NUMBERS // padded)


class _NormSilu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        y = torch.empty_like(x)
        count, width, padded, rows = _shape(x)
        _forwards[(triton.cdiv(count, rows),)](x, gamma, y, count, width, padded, rows)
        ctx.save_for_backward(x, gamma)
        return y

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, Tensor]:
        x, gamma = ctx.saved_tensors
        above = above.contiguous(memory_format=torch.channels_last)
        below = torch.empty_like(x)
        count, width, padded, rows = _shape(x)
        steps = triton.cdiv(triton.cdiv(count, rows), _PROGRAMS)
        programs = triton.cdiv(triton.cdiv(count, rows), steps)
        of_gamma = torch.empty(programs, padded, device=x.device)
        _backwards[(programs,)](x, gamma, above, below, of_gamma, count, steps, width, padded, rows)
        return below, of_gamma.sum(0)[:width].reshape(gamma.shape)


def norm_silu(x: Tensor, gamma: Tensor) -> Tensor:
    """Return `silu(x / rms(x) · gamma)` of `(B, C, H, W)`, the root mean square being over channels."""
    return _NormSilu.apply(x, gamma)  # pyright: ignore[reportReturnType]
