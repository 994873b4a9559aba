"""Layers of the text encoder in other forms than those of transformers' class: smaller, or faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from qie_desktop.engines.local.inference.dequantisation import dequantise
from qie_desktop.engines.local.inference.quantised_linear import NUMBERS

if TYPE_CHECKING:
    from torch import Tensor


class QuantisedEmbedding(nn.Module):
    """`nn.Embedding` with its rows in blocks of a GGUF type: those that are looked up are dequantised.

    `blocks` is uint8 `(tokens, bytes of a row)`, or with `NUMBERS` the rows themselves; they come out as
    numbers of `dtype`.
    """

    blocks: Tensor

    def __init__(self, blocks: Tensor, type_name: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.type_name = type_name
        self.dtype = dtype
        self.register_buffer("blocks", blocks)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the rows `(…, width)` of tokens `(…)`."""
        rows = self.blocks[tokens.flatten()]
        if self.type_name != NUMBERS:
            rows = dequantise(rows, self.type_name, self.dtype)
        return rows.reshape(*tokens.shape, -1)


class PatchEmbedding(nn.Module):
    """The vision tower's patch embedding as the matrix product that it is.

    It is a convolution whose kernel is as large as what it is given: of one patch it makes one token. As a
    convolution in three dimensions it takes paths that GPUs are slow on.
    """

    def __init__(self, weight: Tensor) -> None:
        """Take the convolution's weight `(width, channels, frames, side, side)`."""
        super().__init__()
        self.weight = nn.Parameter(weight.flatten(1), requires_grad=False)

    def forward(self, patches: Tensor) -> Tensor:
        """Return tokens `(n, width)` of patches `(n, channels, frames, side, side)`."""
        return functional.linear(patches.flatten(1), self.weight)
