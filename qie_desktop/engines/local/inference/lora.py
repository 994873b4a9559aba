"""LoRA files as side paths of the transformer's layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch

from qie_desktop.core.lora_errors import LoraDamaged, LoraUnsupported
from qie_desktop.engines.local.inference.failures import reading
from qie_desktop.engines.local.inference.quantised_linear import LowRank
from qie_desktop.engines.local.lora_file import read_lora

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qie_desktop.engines.local.inference.device import Device
    from qie_desktop.engines.local.lora_file import LoraFile, LoraLayer, Tensor

_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}

NO_LORAS = ()
"""The key of no LoRAs at all."""


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA file, and how strongly it acts."""

    path: Path
    strength: float = 1.0


class Loras:
    """Several LoRA files, which add up. Only their headers are read; factors when a layer asks for them.

    Raises what `read_lora` raises. One of strength 0 does nothing and is not looked at.
    """

    def __init__(self, uses: Sequence[LoraUse], device: Device) -> None:
        acting = [use for use in uses if use.strength]
        self._device = device
        self._files = [(read_lora(use.path), use.strength) for use in acting]
        stats = [(use, use.path.stat()) for use in acting]
        self.key = tuple((str(use.path), use.strength, stat.st_size, stat.st_mtime_ns) for use, stat in stats)
        """Equal for the same files, unchanged, in the same order and strengths."""

    def side_path(self, name: str) -> LowRank | None:
        """Return what all files together add to a layer, on the device; None where they add nothing.

        The factors lie side by side, the strength is in the second. Raises LoraDamaged and LoraUnsupported.
        """
        found = [(file, file.layers[name], strength) for file, strength in self._files if name in file.layers]
        if not found:
            return None
        downs, ups = zip(*(_factors(*each) for each in found), strict=True)
        device, dtype = self._device.device, self._device.dtype
        return LowRank(torch.cat(downs).to(device, dtype), torch.cat(ups, dim=1).to(device, dtype))


def _factors(file: LoraFile, layer: LoraLayer, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both factors in float32 on the CPU; alpha and strength are in the second."""
    scale = layer.scale
    if layer.alpha is not None:
        scale = float(_read(file.path, layer.alpha)) / layer.rank
    return _read(file.path, layer.down), _read(file.path, layer.up) * (scale * strength)


def _read(path: Path, tensor: Tensor) -> torch.Tensor:
    """Return a tensor in float32. Read rather than mapped, as the weights are."""
    dtype = _TYPES.get(tensor.type_name)
    if dtype is None:
        raise LoraUnsupported(
            f"{path.name} holds numbers of the type {tensor.type_name}.", "Choose a file in 16 or 32 bits."
        )
    raw = torch.empty(tensor.byte_count, dtype=torch.uint8)
    with reading(path, LoraDamaged), path.open("rb") as file:
        file.seek(tensor.offset)
        if file.readinto(cast("bytearray", raw.numpy())) != tensor.byte_count:
            raise LoraDamaged(f"{path.name} ends too early.", "Download it again: it is cut off.")
    return raw.view(dtype).reshape(tensor.shape).float()
