"""The GGUF file of a Qwen-Image transformer: what its header says, and whether a config agrees."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qie_desktop.core.errors import CheckpointMismatch
from qie_desktop.engines.local.gguf_header import GgufTensor, read_header

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ARCHITECTURE = "qwen_image"
"""What `general.architecture` says in a GGUF file of a Qwen-Image transformer."""

MODULATION = ("img_mod.1.", "txt_mod.1.")
"""In the names of layers whose weights are read when they are needed, and not kept."""

_PREFIX = "model.diffusion_model."
"""Some converters keep the name under which ComfyUI holds the transformer."""


_WIDTHS = (
    ("in_channels", "img_in.weight", 1),
    ("joint_attention_dim", "txt_in.weight", 1),
    ("attention_head_dim", "transformer_blocks.0.attn.norm_q.weight", 0),
)
"""Keys of the transformer's config, and the tensor and axis that show them."""

_WORDS = {
    "num_layers": "transformer blocks:",
    "in_channels": "input channels:",
    "joint_attention_dim": "text width",
    "attention_head_dim": "head width",
}


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The header of a file: its tensors by name, without a converter's prefix."""

    path: Path
    tensors: dict[str, GgufTensor]

    @property
    def byte_count(self) -> int:
        """The size of all tensors together, in bytes."""
        return sum(tensor.byte_count for tensor in self.tensors.values())

    def resident_bytes(self, bytes_per_number: int) -> int:
        """Return what is kept in memory: all but the modulation, in blocks where they are such."""
        kept = (
            tensor for tensor in self.tensors.values() if not any(part in tensor.name for part in MODULATION)
        )
        return sum(tensor.resident_bytes(bytes_per_number) for tensor in kept)

    @property
    def block_count(self) -> int:
        """The number of transformer blocks."""
        found = (re.match(r"transformer_blocks\.(\d+)\.", name) for name in self.tensors)
        return max((int(match[1]) + 1 for match in found if match), default=0)

    def check_config(self, config: Mapping[str, object]) -> None:
        """Raise CheckpointMismatch unless the transformer has the blocks and widths that a config says."""
        found = {"num_layers": self.block_count}
        wanted = {"num_layers": config.get("num_layers")}
        for key, name, axis in _WIDTHS:
            tensor = self.tensors.get(name)
            if key in config and tensor is not None and len(tensor.shape) > axis:
                found[key], wanted[key] = tensor.shape[axis], config[key]
        for key, number in found.items():
            if number != wanted[key]:
                raise CheckpointMismatch(
                    f"{self.path.name} has {_WORDS[key]} {number}; the folder's config says {wanted[key]}.",
                    "Use the folder and the file of the same model.",
                )


def read_gguf(path: Path) -> GgufFile:
    """Read the header of a Qwen-Image transformer.

    Raises CheckpointIncomplete when there is no such file, CheckpointDamaged when it is truncated or not GGUF
    at all, and CheckpointMismatch, saying what it is, when it holds something else.
    """
    header = read_header(path, "Set local.transformer to a .gguf file of Qwen-Image-Edit.")
    header.require(ARCHITECTURE, "Choose a .gguf file of Qwen-Image-Edit-2509.")
    named = {tensor.name.removeprefix(_PREFIX): tensor for tensor in header.tensors.values()}
    return GgufFile(path, {name: replace(tensor, name=name) for name, tensor in named.items()})
