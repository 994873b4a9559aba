"""Dequantisation by the Metal kernels of `resources/metal/dequantise.metal`.

In plain torch a weight passes through the GPU's memory some ten times on its way from block to number; here
it is read once and written once. Nothing of this runs but on a Mac: it is small for that reason, its kernels
are tested as C++, and `choose_dequantiser` compares it with the reference on the GPU before it is used.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from qie_desktop.storage.resources import resources_folder

if TYPE_CHECKING:
    from torch import Tensor

KERNELS = {name: name.lower() for name in ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "Q4_0", "Q5_0")}
"""The GGUF types that there is a kernel for, and its name."""

WEIGHTS_PER_THREAD = 8


class MetalDequantiser:
    """One kernel for each type of `KERNELS`, into bfloat16, on MPS."""

    name = "Metal"

    def __call__(self, blocks: Tensor, type_name: str, dtype: torch.dtype) -> Tensor:
        """Return the weights of rows of blocks; see `Dequantiser`.

        Raises ValueError for another type, for which the next way is taken; and what Metal raises: a
        SyntaxError, a RuntimeError.
        """
        if type_name not in KERNELS or dtype is not torch.bfloat16:
            raise ValueError(f"there is no kernel from {type_name} to {dtype}")
        kernel = getattr(_library(), KERNELS[type_name])
        weights, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[type_name]]
        rows, row_bytes = blocks.shape
        output = torch.empty(rows, row_bytes // block_bytes * weights, dtype=dtype, device=blocks.device)
        kernel(output, blocks.contiguous(), threads=output.numel() // WEIGHTS_PER_THREAD)
        return output


@cache
def _library() -> Any:
    """Compile the kernels, once: https://docs.pytorch.org/docs/2.13/generated/torch.mps.compile_shader.html."""
    return torch.mps.compile_shader((resources_folder() / "metal/dequantise.metal").read_text("ascii"))
