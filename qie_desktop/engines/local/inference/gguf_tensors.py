"""Tensors read from a GGUF file, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from qie_desktop.core.errors import CheckpointDamaged
from qie_desktop.engines.local.inference.dequantisation import dequantise
from qie_desktop.engines.local.inference.failures import reading

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from qie_desktop.engines.local.gguf_header import GgufTensor


def read_blocks(path: Path, tensor: GgufTensor) -> Tensor:
    """Return a tensor's bytes as they stand in its file, uint8 `(rows, bytes of a row)` on the CPU.

    Read rather than mapped: pages of a map count as this process's memory until the system takes them back.
    Raises CheckpointDamaged where the file ends too early or cannot be read.
    """
    raw = torch.empty(tensor.byte_count, dtype=torch.uint8)
    with reading(path), path.open("rb") as file:
        file.seek(tensor.offset)
        if file.readinto(cast("bytearray", raw.numpy())) != tensor.byte_count:
            raise CheckpointDamaged(
                f"The GGUF file ends within {tensor.name}.", "Download it again: it is cut off."
            )
    rows = tensor.shape[0] if len(tensor.shape) > 1 else 1
    return raw.reshape(rows, -1)


def as_numbers(blocks: Tensor, tensor: GgufTensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the numbers that a tensor's bytes stand for, in its own shape."""
    return dequantise(blocks, tensor.type_name, torch.float32).reshape(tensor.shape).to(device, dtype)
