"""Random weights of the real model's size, made on the device: for measuring without a checkpoint.

Any bits are a valid block as long as its half-precision scales are sane. Layouts: ggml-common.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from qie_desktop.engines.local.inference.quantised_linear import NUMBERS, LinearWeights

if TYPE_CHECKING:
    from torch import Tensor

    from qie_desktop.engines.local.inference.device import Device


@dataclass(frozen=True, slots=True)
class Dimensions:
    """How large a transformer is; as it stands here, the real one."""

    width: int = 3072
    heads: int = 24
    channels: int = 64
    text_width: int = 3584
    axes: tuple[int, int, int] = (16, 56, 56)


_SCALES = {
    "Q2_K": ((80, 82), 2e-3),
    "Q3_K": ((108,), 3e-4),
    "Q4_0": ((0,), 4e-3),
    "Q4_K": ((0, 2), 1.3e-4),
    "Q5_0": ((0,), 2e-3),
    "Q5_K": ((0, 2), 7e-5),
    "Q6_K": ((208,), 1.6e-5),
    "Q8_0": ((0,), 2.7e-4),
}
"""Where in a block its half-precision scales lie, and a scale that makes weights of about 0.02."""

_TIME_CHANNELS = 256


class SyntheticWeights:
    """Weights by name, as `transformer.Weights` asks for them. `type_name` BF16: numbers of that type."""

    def __init__(
        self, type_name: str, block_count: int, device: Device, dimensions: Dimensions | None = None
    ) -> None:
        self._dimensions = dimensions or Dimensions()
        self._type_name = type_name
        self._block_count = block_count
        self._device = device

    @property
    def block_count(self) -> int:
        """How many blocks there are."""
        return self._block_count

    def linear(self, name: str) -> LinearWeights:
        """Return a layer with a bias; the layers around the blocks are numbers, as in files."""
        rows, columns = self._shape(name)
        bias = self._numbers(rows)
        if self._type_name == "BF16" or not name.startswith("transformer_blocks"):
            return LinearWeights(self._numbers(rows, columns), NUMBERS, bias)
        return LinearWeights(
            random_blocks(self._type_name, rows, columns, self._device), self._type_name, bias
        )

    def vector(self, name: str) -> Tensor:
        """Return the weights of a norm."""
        size = self._dimensions
        width = size.text_width if name.startswith("txt_norm") else size.width // size.heads
        return torch.ones(width, device=self._device.device, dtype=self._device.dtype)

    def _shape(self, name: str) -> tuple[int, int]:
        """Return (out_features, in_features) of a layer."""
        size = self._dimensions
        width = size.width
        around = {
            "img_in": (width, size.channels),
            "txt_in": (width, size.text_width),
            "proj_out": (size.channels, width),
            "norm_out.linear": (2 * width, width),
            "time_text_embed.timestep_embedder.linear_1": (width, _TIME_CHANNELS),
        }
        endings = {"_mod.1": (6 * width, width), ".0.proj": (4 * width, width), ".net.2": (width, 4 * width)}
        ending = next((shape for end, shape in endings.items() if name.endswith(end)), (width, width))
        return around.get(name, ending)

    def _numbers(self, *shape: int) -> Tensor:
        return torch.randn(shape, device=self._device.device, dtype=self._device.dtype) * 0.02


def random_blocks(type_name: str, rows: int, columns: int, device: Device) -> Tensor:
    """Return random blocks, uint8 `(rows, bytes of a row)`, with small scales."""
    per_block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[type_name]]
    blocks = torch.randint(
        0, 256, (rows * columns // per_block, block_bytes), dtype=torch.uint8, device=device.device
    )
    places, scale = _SCALES[type_name]
    for at in places:
        # All different, as real ones are: equal numbers take less power, and so less time.
        scales = scale * (0.5 + torch.rand(blocks.shape[0], 1, device=device.device))
        blocks[:, at : at + 2] = scales.to(torch.float16).view(torch.uint8)
    return blocks.reshape(rows, -1)
