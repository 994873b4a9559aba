"""A linear layer that keeps its weights as GGUF blocks and dequantises them when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from qie_desktop.engines.local.inference.dequantisation import dequantise

if TYPE_CHECKING:
    from torch import Tensor


class QuantisedLinear(nn.Module):
    """`y = x Wᵀ + b` with W in blocks of a GGUF type.

    `blocks` is uint8 `(out_features, bytes of a row)`; the weights exist in the type of `x` only while the
    layer runs. The blocks are a buffer and keep their type when the module is moved or cast.
    """

    blocks: Tensor
    bias: Tensor | None

    def __init__(self, blocks: Tensor, type_name: str, in_features: int, bias: Tensor | None = None) -> None:
        super().__init__()
        self.type_name = type_name
        self.in_features = in_features
        self.out_features = blocks.shape[0]
        self.register_buffer("blocks", blocks)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x Wᵀ + b`: from `(…, in_features)` to `(…, out_features)`, of the type of `x`."""
        weight = dequantise(self.blocks, self.type_name, x.dtype)
        return functional.linear(x, weight, self.bias)

    def extra_repr(self) -> str:
        """Describe the layer as `nn.Linear` does."""
        return f"{self.in_features}, {self.out_features}, type={self.type_name}, bias={self.bias is not None}"


def keeps_blocks(type_name: str, dtype: torch.dtype) -> bool:
    """Whether a weight of this GGUF type is best kept in blocks when computing in `dtype`.

    Half-precision weights are kept as they are where they would double in float32.
    """
    sizes = {"F32": 4, "F16": 2, "BF16": 2}
    return type_name not in sizes or sizes[type_name] < dtype.itemsize
