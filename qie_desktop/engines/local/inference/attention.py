"""Joint attention of text and image tokens, as MPS and memory want it: real rotary tables, no masks, chunks.

Source: `QwenDoubleStreamAttnProcessor2_0` and `apply_rotary_emb_qwen` of diffusers, whose rotary embedding is
complex: slow or missing on MPS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch.nn import functional

from qie_desktop.core.memory_plan import SCORES_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    Shape = tuple[int, int, int]

_THETA = 10_000
_FUSED_HEAD_DIM = 128
"""MPS has a fused kernel for this width in half precision; else it materialises all scores in float32."""
_SCORE_BYTES = 4


class Rotary(NamedTuple):
    """Cosines and signed sines of all tokens' positions, each float32 `(tokens, 1, width)`.

    Both are told for each number of a pair: `x · cosines + swapped x · sines` turns it.
    """

    cosines: Tensor
    sines: Tensor


class RotaryTables:
    """The rotary tables of picture and text positions, kept for the last sizes: what the memory plan counts.

    The angles are those of diffusers' `QwenEmbedRope`. That class is not used itself: it keeps the tables of
    the last 128 sizes, and every module that ever made them, for as long as the process lives.
    """

    def __init__(self, axes: Sequence[int], device: torch.device) -> None:
        self._rates = [1 / _THETA ** (torch.arange(0, width, 2).float() / width) for width in axes]
        self._device = device
        self._tables: dict[tuple[tuple[Shape, ...], tuple[int, ...]], tuple[Rotary, Rotary]] = {}

    def of(self, shapes: tuple[Shape, ...], text_tokens: tuple[int, ...]) -> tuple[Rotary, Rotary]:
        """Return the tables of picture tokens and of text tokens, for passes of so many text tokens each.

        `shapes` are (frames, height, width) of the target and its references.
        """
        key = (shapes, text_tokens)
        if key not in self._tables:
            self._tables.clear()
            image = torch.cat([_image_positions(number, *shape) for number, shape in enumerate(shapes)])
            first = max(side // 2 for _, *sides in shapes for side in sides)
            text = torch.cat([torch.arange(first, first + count) for count in text_tokens])
            self._tables[key] = (
                self._turned_by(image.repeat(len(text_tokens), 1)),
                self._turned_by(text[:, None].expand(-1, len(self._rates))),
            )
        return self._tables[key]

    def _turned_by(self, positions: Tensor) -> Rotary:
        """Return the tables for positions `(tokens, axes)`."""
        angles = torch.cat(
            [torch.outer(positions[:, axis], rates) for axis, rates in enumerate(self._rates)], dim=1
        )
        cosines, sines = angles.cos(), angles.sin()
        tables = (cosines.repeat_interleave(2, dim=-1), torch.stack([-sines, sines], dim=-1).flatten(-2))
        return Rotary(*(table[:, None].contiguous().to(self._device) for table in tables))


def _image_positions(number: int, frames: int, height: int, width: int) -> Tensor:
    """Return `(tokens, 3)`: which picture, and where in it, counted from its middle."""
    return torch.cartesian_prod(
        torch.arange(number, number + frames),
        torch.arange(height) - (height - height // 2),
        torch.arange(width) - (width - width // 2),
    )


def rotate(x: Tensor, rotary: Rotary) -> Tensor:
    """Turn pairs of neighbouring values of `x` `(…, tokens, heads, width)` by the tables' angles."""
    wide = x.float()
    swapped = wide.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    return (wide * rotary.cosines).addcmul_(swapped, rotary.sines).type_as(x)


def attend(query: Tensor, key: Tensor, value: Tensor, scores_bytes: int | None = None) -> Tensor:
    """Return softmax(q kᵀ / √d) v for `(batch, heads, tokens, width)`, without a mask.

    With `scores_bytes`, queries are taken in chunks whose scores take at most so much memory: the result is
    the same, since each query attends on its own.
    """
    if scores_bytes is None:
        return functional.scaled_dot_product_attention(query, key, value)
    per_query = query.shape[0] * query.shape[1] * key.shape[2] * _SCORE_BYTES
    chunk = max(1, scores_bytes // per_query)
    parts = [functional.scaled_dot_product_attention(part, key, value) for part in query.split(chunk, dim=2)]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def scores_budget(query: Tensor, scores_bytes: int = SCORES_BYTES) -> int | None:
    """Return `scores_bytes` where scores are materialised, or None where a fused kernel is taken."""
    fused = query.dtype in {torch.bfloat16, torch.float16} and query.shape[-1] == _FUSED_HEAD_DIM
    return scores_bytes if query.device.type == "mps" and not fused else None


def axes_of(config: dict[str, object]) -> tuple[int, ...]:
    """Return how a head's width is shared among frames, height and width by a transformer's config."""
    return tuple(cast("Sequence[int]", config["axes_dims_rope"]))
