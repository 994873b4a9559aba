"""The text encoder: the language model of Qwen2.5-VL in plain torch, with the same names of weights.

Source: `Qwen2_5_VLTextModel` of transformers. The template's prefix is the same for all prompts, so it goes
through once for a whole batch. The vision tower is random and frozen; its features come ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from training.tokens import PREFIX_TOKENS, Tokens

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 128
_HEADS, _KEY_HEADS, _LAYERS, _INNER = 4, 2, 4, 384
_SECTIONS = [4, 6, 6]
_THETA = 1e4
_EPSILON = 1e-5


def config(tokens: Tokens) -> Any:
    """Return transformers' configuration of the text encoder."""
    from transformers import Qwen2_5_VLConfig

    special = tokens.special
    text = {
        "hidden_size": WIDTH, "intermediate_size": _INNER, "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS, "num_key_value_heads": _KEY_HEADS, "vocab_size": tokens.size,
        "rope_parameters": {"rope_type": "default", "mrope_section": _SECTIONS, "rope_theta": _THETA},
        "rms_norm_eps": _EPSILON, "max_position_embeddings": 4096, "tie_word_embeddings": True,
        "bos_token_id": special["<|im_start|>"], "eos_token_id": special["<|im_end|>"],
        "pad_token_id": special["<|endoftext|>"],
    }  # fmt: skip
    vision = {
        "depth": 1, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": WIDTH,
        "patch_size": 14, "spatial_merge_size": 2, "window_size": 112, "fullatt_block_indexes": [0],
        "temporal_patch_size": 2,
    }  # fmt: skip
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=special["<|image_pad|>"],
        video_token_id=special["<|video_pad|>"],
        vision_start_token_id=special["<|vision_start|>"],
        vision_end_token_id=special["<|vision_end|>"],
        tie_word_embeddings=True,
    )


@dataclass(frozen=True, slots=True)
class Rotary:
    """Cosines and sines `(S, head width)`."""

    cos: Tensor
    sin: Tensor

    @classmethod
    def of(cls, positions: Tensor) -> Rotary:
        """Return those of positions `(3, S)`: time, height, width, each turning its own part."""
        half = WIDTH // _HEADS // 2
        inverse = 1.0 / _THETA ** (torch.arange(half, device=positions.device, dtype=torch.float32) / half)
        angles = positions[..., None].float() * inverse
        parts = [part[axis] for axis, part in enumerate(angles.split(_SECTIONS, dim=-1))]
        joined = torch.cat(parts + parts, -1)
        return cls(joined.cos(), joined.sin())

    def turn(self, x: Tensor) -> Tensor:
        """Turn queries or keys `(B, heads, S, head width)`."""
        half = x.shape[-1] // 2
        return x * self.cos + torch.cat([-x[..., half:], x[..., :half]], -1) * self.sin


def positions(tokens: Tokens, grid: tuple[int, int], length: int) -> Tensor:
    """Return the positions `(3, length)` of what follows the prefix, with a picture of `grid` cells."""
    before, cells = len(tokens.head), grid[0] * grid[1]
    start = PREFIX_TOKENS + before
    found = torch.zeros(3, length, dtype=torch.long)
    found[:, :before] = torch.arange(PREFIX_TOKENS, start)
    cell = torch.arange(cells)
    found[0, before : before + cells] = start
    found[1, before : before + cells] = start + cell // grid[1]
    found[2, before : before + cells] = start + cell % grid[1]
    after = start + max(grid)
    found[:, before + cells :] = torch.arange(after, after + length - before - cells)
    return found


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        head = WIDTH // _HEADS
        self.q_proj = nn.Linear(WIDTH, WIDTH)
        self.k_proj = nn.Linear(WIDTH, _KEY_HEADS * head)
        self.v_proj = nn.Linear(WIDTH, _KEY_HEADS * head)
        self.o_proj = nn.Linear(WIDTH, WIDTH, bias=False)

    def project(self, x: Tensor, rotary: Rotary) -> tuple[Tensor, Tensor, Tensor]:
        head = WIDTH // _HEADS
        query, key, value = (
            layer(x).unflatten(-1, (-1, head)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        repeat = _HEADS // _KEY_HEADS
        return (
            rotary.turn(query),
            rotary.turn(key).repeat_interleave(repeat, 1),
            value.repeat_interleave(repeat, 1),
        )


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(WIDTH, _INNER, bias=False)
        self.up_proj = nn.Linear(WIDTH, _INNER, bias=False)
        self.down_proj = nn.Linear(_INNER, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = _Attention()
        self.mlp = _FeedForward()
        self.input_layernorm = nn.RMSNorm(WIDTH, _EPSILON)
        self.post_attention_layernorm = nn.RMSNorm(WIDTH, _EPSILON)

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.self_attn.o_proj(attended.transpose(1, 2).flatten(2))
        return x + self.mlp(self.post_attention_layernorm(x))


@dataclass(frozen=True, slots=True)
class _Constants:
    """What is the same for all prompts of a length: kept on the device, since recorded steps copy nothing."""

    prefix: Tensor
    rotary_prefix: Rotary
    rotary: Rotary
    seen: Tensor
    """`(S, prefix + S)`: which tokens each one sees."""


class TextModel(nn.Module):
    """Tokens after the prefix, and the features of a picture, to hidden states."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self.tokens = tokens
        self._known: dict[tuple[tuple[int, int], int, torch.device], _Constants] = {}
        self.embed_tokens = nn.Embedding(tokens.size, WIDTH)
        self.layers = nn.ModuleList(_Layer() for _ in range(_LAYERS))
        self.norm = nn.RMSNorm(WIDTH, _EPSILON)
        for name, weight in self.named_parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=0.1 if "embed" in name else 0.02)
            elif "bias" in name:
                nn.init.zeros_(weight)

    def _constants(self, grid: tuple[int, int], length: int, device: torch.device) -> _Constants:
        key = (grid, length, device)
        if key not in self._known:
            seen = torch.ones(length, PREFIX_TOKENS + length, dtype=torch.bool, device=device)
            self._known[key] = _Constants(
                torch.tensor([self.tokens.prefix], device=device),
                Rotary.of(torch.arange(PREFIX_TOKENS, device=device).expand(3, -1)),
                Rotary.of(positions(self.tokens, grid, length).to(device)),
                seen.tril(PREFIX_TOKENS),
            )
        return self._known[key]

    def forward(self, ids: Tensor, grid: tuple[int, int], features: Tensor) -> Tensor:
        """Return hidden states `(B, S, WIDTH)` of suffixes `(B, S)` with features `(B, cells, WIDTH)`.

        Padding at the end changes nothing before it: the model is causal.
        """
        known = self._constants(grid, ids.shape[1], ids.device)
        before, cells = len(self.tokens.head), grid[0] * grid[1]
        prefix = self.embed_tokens(known.prefix)
        x = self.embed_tokens(ids)
        x = torch.cat([x[:, :before], features.to(x.dtype), x[:, before + cells :]], 1)
        for module in self.layers:
            layer: Any = module
            of_prefix = layer.self_attn.project(layer.input_layernorm(prefix), known.rotary_prefix)
            query, key, value = layer.self_attn.project(layer.input_layernorm(x), known.rotary)
            batch = x.shape[0]
            key = torch.cat([of_prefix[1].expand(batch, -1, -1, -1), key], 2)
            value = torch.cat([of_prefix[2].expand(batch, -1, -1, -1), value], 2)
            attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=known.seen)
            from_prefix = functional.scaled_dot_product_attention(*of_prefix, is_causal=True)
            prefix, x = layer.finish(prefix, from_prefix), layer.finish(x, attended)
        return self.norm(x)
