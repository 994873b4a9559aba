"""Joint attention of text and image tokens, as MPS and memory want it: real rotary tables, no masks, chunks.

Source: `QwenDoubleStreamAttnProcessor2_0` and `apply_rotary_emb_qwen` of diffusers, whose rotary embedding is
complex: slow or missing on MPS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from diffusers import QwenImageTransformer2DModel
    from torch import Tensor

    Rotary = tuple[Tensor, Tensor]

SCORES_BYTES = 1_000_000_000
"""How large the scores of one chunk of queries may become where they are materialised."""

_FUSED_HEAD_DIM = 128
"""MPS has a fused kernel for this width in half precision; else it materialises all scores in float32."""
_SCORE_BYTES = 4
_CACHED_TABLES = 8


class RotaryTables(nn.Module):
    """Cosines and sines of the positions, in place of the model's own complex `pos_embed`.

    The values are those of the model's module, computed on the CPU, split, moved and kept for a few sizes.
    """

    def __init__(self, positions: nn.Module) -> None:
        super().__init__()
        self._positions = positions
        self._tables: dict[tuple[Any, ...], tuple[Rotary, Rotary]] = {}

    def forward(
        self, shapes: list[list[tuple[int, int, int]]], max_txt_seq_len: int, device: torch.device
    ) -> tuple[Rotary, Rotary]:
        """Return (cosines, sines) for image tokens and for text tokens, each `(tokens, width / 2)`."""
        key = (*map(tuple, shapes[0]), int(max_txt_seq_len), device)
        if key not in self._tables:
            if len(self._tables) >= _CACHED_TABLES:
                self._tables.clear()
            image, text = self._positions(shapes, max_txt_seq_len=max_txt_seq_len, device=torch.device("cpu"))
            self._tables[key] = (_split(image, device), _split(text, device))
        return self._tables[key]


def _split(frequencies: Tensor, device: torch.device) -> Rotary:
    real = torch.view_as_real(frequencies).float()
    return real[..., 0].contiguous().to(device), real[..., 1].contiguous().to(device)


def rotate(x: Tensor, rotary: Rotary) -> Tensor:
    """Turn pairs of neighbouring values of `x` `(batch, tokens, heads, width)` by the tables' angles."""
    cosines, sines = (table[None, :, None, :] for table in rotary)
    first, second = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((first * cosines - second * sines, first * sines + second * cosines), dim=-1)
    return turned.flatten(-2).type_as(x)


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


def scores_budget(query: Tensor) -> int | None:
    """Return the memory for scores where they are materialised, or None where a fused kernel is taken."""
    fused = query.dtype in {torch.bfloat16, torch.float16} and query.shape[-1] == _FUSED_HEAD_DIM
    return SCORES_BYTES if query.device.type == "mps" and not fused else None


class JointAttention:
    """Attention of one block over text and image tokens together; an attention processor of diffusers.

    Batch 1, nothing padded: a mask would keep the fused kernels of MPS and CUDA from being taken.
    """

    def __call__(  # noqa: PLR0913, PLR0917 - as diffusers calls it
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Rotary, Rotary] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return what image tokens and text tokens take from all of them. Raises ValueError for a mask."""
        masks = (encoder_hidden_states_mask, attention_mask)
        if any(mask is not None for mask in masks) or image_rotary_emb is None:
            raise ValueError("joint attention takes positions, and no mask")
        image_rotary, text_rotary = image_rotary_emb
        width = attn.inner_dim // attn.heads

        def heads(x: Tensor) -> Tensor:
            return x.unflatten(-1, (-1, width))

        image, text = hidden_states, encoder_hidden_states
        queries = torch.cat(
            [
                rotate(attn.norm_added_q(heads(attn.add_q_proj(text))), text_rotary),
                rotate(attn.norm_q(heads(attn.to_q(image))), image_rotary),
            ],
            dim=1,
        )
        keys = torch.cat(
            [
                rotate(attn.norm_added_k(heads(attn.add_k_proj(text))), text_rotary),
                rotate(attn.norm_k(heads(attn.to_k(image))), image_rotary),
            ],
            dim=1,
        )
        values = torch.cat([heads(attn.add_v_proj(text)), heads(attn.to_v(image))], dim=1)
        queries, keys, values = (part.transpose(1, 2) for part in (queries, keys, values))
        attended = attend(queries, keys, values, scores_budget(queries))
        attended = attended.transpose(1, 2).flatten(2).type_as(image)
        text_count = text.shape[1]
        return attn.to_out[0](attended[:, text_count:]), attn.to_add_out(attended[:, :text_count])


def use_joint_attention(model: QwenImageTransformer2DModel) -> None:
    """Give every block of a transformer this attention, and the model these rotary tables."""
    # diffusers' annotations name its own classes alone.
    parts = cast("Any", model)
    parts.pos_embed = RotaryTables(parts.pos_embed)
    for block in parts.transformer_blocks:
        block.attn.set_processor(JointAttention())
