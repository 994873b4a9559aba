"""Linear layers that keep their weights as GGUF blocks and dequantise them when they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from qie_desktop.engines.local.inference.dequantisation import dequantise

if TYPE_CHECKING:
    from torch import Tensor

    from qie_desktop.engines.local.inference.dequantisers import Dequantiser

NUMBERS = ""
"""The type of weights that are kept as they are used."""


class LowRank(NamedTuple):
    """A side path beside a layer: `x downᵀ upᵀ`, as LoRA files give it, with their strengths in `up`.

    `down` is `(rank, in_features)`, `up` `(out_features, rank)`. It is added when the layer runs, never
    fused: quantised weights have no room for it. Several LoRAs are one path: their factors lie side by side.
    """

    down: Tensor
    up: Tensor


class LinearWeights(NamedTuple):
    """What a linear layer needs: a tuple, so that a compiled function takes all layers alike.

    `blocks` is uint8 `(out_features, bytes of a row)` of the GGUF type `type_name`, which `dequantise` turns
    into numbers; or, with `NUMBERS`, the weights themselves `(out_features, in_features)`.
    """

    blocks: Tensor
    type_name: str
    bias: Tensor | None = None
    low_rank: LowRank | None = None
    dequantise: Dequantiser = dequantise


def linear(x: Tensor, weights: LinearWeights) -> Tensor:
    """Return `x Wᵀ + b`: from `(…, in_features)` to `(…, out_features)`, of the type of `x`.

    Of quantised weights the numbers exist only while this runs. With a side path `x` is `(tokens,
    in_features)`.
    """
    numbers = weights.blocks
    if weights.type_name != NUMBERS:
        numbers = weights.dequantise(weights.blocks, weights.type_name, x.dtype)
    result = functional.linear(x, numbers, weights.bias)
    if weights.low_rank is None:
        return result
    down, up = weights.low_rank
    return torch.addmm(result, functional.linear(x, down), up.T)


class QuantisedLinear(nn.Module):
    """`nn.Linear` with its weights in blocks of a GGUF type; see `LinearWeights`.

    The blocks are a buffer and keep their type when the module is moved or cast. `dequantise` may be changed
    for a faster way.
    """

    blocks: Tensor
    bias: Tensor | None

    def __init__(self, blocks: Tensor, type_name: str, in_features: int, bias: Tensor | None = None) -> None:
        super().__init__()
        self.type_name = type_name
        self.in_features = in_features
        self.out_features = blocks.shape[0]
        self.dequantise: Dequantiser = dequantise
        self.register_buffer("blocks", blocks)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x Wᵀ + b`: from `(…, in_features)` to `(…, out_features)`, of the type of `x`."""
        return linear(x, LinearWeights(self.blocks, self.type_name, self.bias, dequantise=self.dequantise))

    def extra_repr(self) -> str:
        """Describe the layer as `nn.Linear` does."""
        return f"{self.in_features}, {self.out_features}, type={self.type_name}, bias={self.bias is not None}"


def keeps_blocks(type_name: str, dtype: torch.dtype) -> bool:
    """Whether a weight of this GGUF type is best kept in blocks when computing in `dtype`.

    Half-precision weights are kept as they are where they would double in float32.
    """
    sizes = {"F32": 4, "F16": 2, "BF16": 2}
    return type_name not in sizes or sizes[type_name] < dtype.itemsize
