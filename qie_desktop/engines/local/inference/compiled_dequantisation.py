"""Dequantisation by the reference's own source, compiled by torch.

Compiled for the layout of a type's block and for any number of blocks: once for each type, so that what was
checked at load is what all layers run. Nothing but that number may vary: with the bytes of a block unknown as
well, torch 2.13 reads the one scale of a block of Q3_K as one for each group, and says nothing of it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
import torch.compiler.config as compiler
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from qie_desktop.engines.local.inference.dequantisation import UNPACK, dequantise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_KINDS = 64
"""How many types and results one function may be compiled for; torch's own limit is 8."""


class CompiledDequantiser:
    """One compiled function for each type, on CUDA, or on a CPU where there is a C++ compiler."""

    def __call__(self, blocks: Tensor, type_name: str, dtype: torch.dtype) -> Tensor:
        """Return the weights of rows of blocks; see `Dequantiser`.

        Compiles when a type first comes: seconds, and whatever torch raises where it cannot. Raises
        ValueError for a type that torch does not dequantise: the next way is taken then.
        """
        if type_name not in UNPACK:
            raise ValueError(f"torch does not dequantise {type_name}")
        block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[type_name]][1]
        flat = blocks.reshape(-1, block_bytes)
        if flat.shape[0] == 1:
            # To torch a size of one is never any size.
            return dequantise(blocks, type_name, dtype)
        torch._dynamo.mark_dynamic(flat, 0)  # pyright: ignore[reportPrivateUsage] - documented, and nowhere else
        # Always in the same mode: it would be compiled once more in another.
        with torch.inference_mode():
            return _compiled(type_name, dtype)(flat).reshape(blocks.shape[0], -1)


@cache
def _compiled(type_name: str, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    compiler.recompile_limit = max(compiler.recompile_limit, _KINDS)
    unpack = UNPACK[type_name]

    def unpacked(flat: Tensor) -> Tensor:
        return unpack(flat).to(dtype)

    # In this process: the workers that torch would start otherwise are processes that stay.
    return torch.compile(unpacked, fullgraph=True, dynamic=False, options={"compile_threads": 1})
