"""The transformer in plain torch, with the names of weights of diffusers' QwenImageTransformer2DModel.

Source: that class. One target and one reference on one grid, a batch of equal lengths, no masks; positions as
real cosines and sines. Weights are float32; the arithmetic is done in the type of the input.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from training.text_model import WIDTH as TEXT_WIDTH

if TYPE_CHECKING:
    from torch import Tensor

CONFIG: dict[str, Any] = {
    "patch_size": 2,
    "in_channels": 64,
    "out_channels": 16,
    "num_layers": 5,
    "attention_head_dim": 64,
    "num_attention_heads": 4,
    "joint_attention_dim": TEXT_WIDTH,
    "axes_dims_rope": [16, 24, 24],
}
SHIFT = 10.0
"""Of the noise schedule, see `shifted`. What a step has made of the picture spoils the next ones a little (a
tint, softer pixels), so all but the last stay near nothing but noise: four steps are then as good as one."""
_HEAD = int(CONFIG["attention_head_dim"])
_WIDTH = _HEAD * int(CONFIG["num_attention_heads"])
_EPSILON = 1e-6
_FREQUENCIES = 256


def shifted(share: Any, shift: float = SHIFT) -> Any:
    """Return the share of noise at places of the schedule, which go from 1 to 0."""
    return shift * share / (1 + (shift - 1) * share)


def pack(latents: Tensor) -> Tensor:
    """Return tokens `(B, H·W/4, 64)` of latents `(B, 16, H, W)`."""
    batch, channels, height, width = latents.shape
    patches = latents.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return patches.reshape(batch, height * width // 4, channels * 4)


def unpack(tokens: Tensor, height: int, width: int) -> Tensor:
    """Return latents `(B, 16, height, width)` of tokens."""
    batch, _, size = tokens.shape
    patches = tokens.reshape(batch, height // 2, width // 2, size // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return patches.reshape(batch, size // 4, height, width)


_MOST_TEXT = 1024


def _turns(positions: Tensor, device: str) -> tuple[Tensor, Tensor]:
    """Return cosines and sines `(S, head/2)` of positions `(3, S)`."""
    angles = torch.cat(
        [
            positions[axis].double()[:, None] / 10000.0 ** (torch.arange(0, size, 2).double() / size)
            for axis, size in enumerate(CONFIG["axes_dims_rope"])
        ],
        -1,
    )
    return angles.cos().float().to(device), angles.sin().float().to(device)


@cache
def _text_turns(device: str) -> tuple[Tensor, Tensor]:
    return _turns(torch.arange(_MOST_TEXT).expand(3, -1), device)


@cache
def _picture_turns(height: int, width: int, device: str) -> tuple[Tensor, Tensor]:
    down = torch.arange(height) - (height - height // 2)
    across = torch.arange(width) - (width - width // 2)
    grid = torch.stack([down[:, None].expand(height, width), across[None].expand(height, width)]).flatten(1)
    frames = [torch.cat([torch.full((1, grid.shape[1]), frame), grid]) for frame in (0, 1)]
    return _turns(torch.cat(frames, 1), device)


def rotary(height: int, width: int, text: int, device: str) -> tuple[Tensor, Tensor]:
    """Return cosines and sines `(text + 2·height·width, head/2)`: of the text, the target, the reference.

    Positions are counted from the middle; those of the text go on where the longer side ends.
    """
    start = max(height // 2, width // 2)
    cos, sin = (
        torch.cat([words[start : start + text], pictures])
        for words, pictures in zip(_text_turns(device), _picture_turns(height, width, device), strict=True)
    )
    return cos, sin


def _linear(layer: nn.Module, x: Tensor) -> Tensor:
    weight, bias = layer.weight, layer.bias  # pyright: ignore[reportAttributeAccessIssue]
    return functional.linear(x, weight.to(x.dtype), bias.to(x.dtype))  # pyright: ignore[reportArgumentType, reportCallIssue]


def _three(layers: tuple[Any, Any, Any], x: Tensor) -> list[Tensor]:
    """Return what three layers make of the same input, in one product."""
    weight, bias = (torch.cat([getattr(each, part) for each in layers]) for part in ("weight", "bias"))
    return list(functional.linear(x, weight.to(x.dtype), bias.to(x.dtype)).chunk(3, -1))


def _norm(x: Tensor) -> Tensor:
    return functional.layer_norm(x.float(), x.shape[-1:], eps=_EPSILON)


def _rms(x: Tensor, weight: Tensor) -> Tensor:
    wide = x.float()
    return wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + _EPSILON) * weight


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn pairs of neighbours of `(B, S, heads, head width)`."""
    real, imaginary = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[:, None], sin[:, None]
    return torch.stack([real * cos - imaginary * sin, real * sin + imaginary * cos], -1).flatten(-2)


class _Up(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(_WIDTH, 4 * _WIDTH)


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.ModuleList([_Up(), nn.Identity(), nn.Linear(4 * _WIDTH, _WIDTH)])

    def forward(self, x: Tensor) -> Tensor:
        up: Any = self.net[0]
        return _linear(self.net[2], functional.gelu(_linear(up.proj, x), approximate="tanh"))


class _JointAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"):
            self.add_module(name, nn.Linear(_WIDTH, _WIDTH))
        self.to_out = nn.ModuleList([nn.Linear(_WIDTH, _WIDTH)])
        for name in ("norm_q", "norm_k", "norm_added_q", "norm_added_k"):
            self.add_module(name, _Weight(_HEAD))


class Block(nn.Module):
    """One double-stream block."""

    def __init__(self) -> None:
        super().__init__()
        self.img_mod = nn.Sequential(nn.SiLU(), nn.Linear(_WIDTH, 6 * _WIDTH))
        self.txt_mod = nn.Sequential(nn.SiLU(), nn.Linear(_WIDTH, 6 * _WIDTH))
        self.attn = _JointAttention()
        self.img_mlp, self.txt_mlp = _FeedForward(), _FeedForward()
        with torch.no_grad():
            layers: tuple[Any, ...] = (self.img_mod[1], self.txt_mod[1])
            for layer in layers:
                # Gates that are a little open from the start, and nothing else.
                layer.weight.zero_()
                layer.bias.zero_()
                layer.bias.view(6, _WIDTH)[2] = 0.3
                layer.bias.view(6, _WIDTH)[5] = 0.3

    def forward(
        self, image: Tensor, text: Tensor, time: Tensor, cos: Tensor, sin: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return picture and text tokens; `time` is the activated embedding `(B, width)`, float32."""
        a: Any = self.attn
        of_image = _linear(self.img_mod[1], time)[:, None].chunk(6, -1)
        of_text = _linear(self.txt_mod[1], time)[:, None].chunk(6, -1)
        x = (_norm(image) * (1 + of_image[1]) + of_image[0]).to(image.dtype)
        y = (_norm(text) * (1 + of_text[1]) + of_text[0]).to(text.dtype)

        def heads(of_y: Tensor, of_x: Tensor) -> Tensor:
            return torch.cat([of_y, of_x], 1).unflatten(-1, (-1, _HEAD))

        def normed(of_y: Tensor, y_norm: Any, of_x: Tensor, x_norm: Any) -> Tensor:
            of_y, of_x = of_y.unflatten(-1, (-1, _HEAD)), of_x.unflatten(-1, (-1, _HEAD))
            both = torch.cat([_rms(of_y, y_norm.weight), _rms(of_x, x_norm.weight)], 1)
            return _turn(both, cos, sin).to(image.dtype)

        query_y, key_y, value_y = _three((a.add_q_proj, a.add_k_proj, a.add_v_proj), y)
        query_x, key_x, value_x = _three((a.to_q, a.to_k, a.to_v), x)
        query = normed(query_y, a.norm_added_q, query_x, a.norm_q)
        key = normed(key_y, a.norm_added_k, key_x, a.norm_k)
        value = heads(value_y, value_x)
        attended = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        )
        attended = attended.transpose(1, 2).flatten(2)
        words = text.shape[1]
        image = image + (of_image[2] * _linear(a.to_out[0], attended[:, words:])).to(image.dtype)
        text = text + (of_text[2] * _linear(a.to_add_out, attended[:, :words])).to(text.dtype)
        x = (_norm(image) * (1 + of_image[4]) + of_image[3]).to(image.dtype)
        y = (_norm(text) * (1 + of_text[4]) + of_text[3]).to(text.dtype)
        image = image + (of_image[5] * self.img_mlp(x)).to(image.dtype)
        return image, text + (of_text[5] * self.txt_mlp(y)).to(text.dtype)


class _Weight(nn.Module):
    """A module that is nothing but its weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


class _TimeEmbedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.timestep_embedder = nn.ModuleDict(
            {"linear_1": nn.Linear(_FREQUENCIES, _WIDTH), "linear_2": nn.Linear(_WIDTH, _WIDTH)}
        )

    def forward(self, sigma: Tensor) -> Tensor:
        half = _FREQUENCIES // 2
        exponent = -math.log(10000) * torch.arange(half, device=sigma.device, dtype=torch.float32) / half
        angles = 1000 * sigma[:, None].float() * exponent.exp()[None]
        embedded = torch.cat([angles.cos(), angles.sin()], -1)
        inner = functional.silu(_linear(self.timestep_embedder["linear_1"], embedded))
        return functional.silu(_linear(self.timestep_embedder["linear_2"], inner))


class Transformer(nn.Module):
    """Noisy target and clean reference to the velocity of the target."""

    def __init__(self) -> None:
        super().__init__()
        self.time_text_embed = _TimeEmbedding()
        self.txt_norm = _Weight(TEXT_WIDTH)
        self.img_in, self.txt_in = nn.Linear(64, _WIDTH), nn.Linear(TEXT_WIDTH, _WIDTH)
        self.transformer_blocks = nn.ModuleList(Block() for _ in range(CONFIG["num_layers"]))
        self.norm_out = nn.ModuleDict({"linear": nn.Linear(_WIDTH, 2 * _WIDTH)})
        self.proj_out = nn.Linear(_WIDTH, 64)
        for layer in (self.norm_out["linear"], self.proj_out):
            nn.init.zeros_(layer.weight)  # pyright: ignore[reportArgumentType]
            nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
        self.run_block: Any = Block.forward

    def compile_blocks(self) -> None:
        """Fuse the blocks: one graph for all of them and for all shapes."""
        self.run_block = torch.compile(Block.forward, dynamic=True)

    def forward(self, target: Tensor, reference: Tensor, text: Tensor, sigma: Tensor, width: int) -> Tensor:
        """Return the velocity `(B, N, 64)`, float32.

        `target` and `reference` are `(B, N, 64)` on a grid of `width` columns, `text` `(B, T, TEXT_WIDTH)`,
        `sigma` `(B,)` from 0 to 1.
        """
        count = target.shape[1]
        cos, sin = rotary(count // width, width, text.shape[1], str(target.device))
        time = self.time_text_embed(sigma)
        # Plus 0: tensors of their own, not views, so that all blocks share one compiled graph.
        image = _linear(self.img_in, torch.cat([target, reference], 1)) + 0
        words = _linear(self.txt_in, _rms(text, self.txt_norm.weight).to(target.dtype)) + 0  # pyright: ignore[reportArgumentType]
        for block in self.transformer_blocks:
            image, words = self.run_block(block, image, words, time, cos, sin)
        scale, shift = _linear(self.norm_out["linear"], time)[:, None].chunk(2, -1)
        normed = (_norm(image[:, :count]) * (1 + scale) + shift).to(target.dtype)
        return _linear(self.proj_out, normed).float()
