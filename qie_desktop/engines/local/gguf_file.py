"""The header of a GGUF file: which tensors it holds, of what type and shape, and where."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.errors import CheckpointDamaged, CheckpointIncomplete, CheckpointMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ARCHITECTURE = "qwen_image"
"""What `general.architecture` says in a GGUF file of a Qwen-Image transformer."""

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
class GgufTensor:
    """One tensor of the file: its shape in torch's order, its type's name, and where its bytes lie."""

    name: str
    type_name: str
    shape: tuple[int, ...]
    offset: int
    byte_count: int


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The header of a file: its tensors by name, without a converter's prefix."""

    path: Path
    tensors: dict[str, GgufTensor]

    @property
    def byte_count(self) -> int:
        """The size of all tensors together, in bytes."""
        return sum(tensor.byte_count for tensor in self.tensors.values())

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
    from gguf import GGUFReader  # noqa: PLC0415 - brings numpy in: only when a file is read

    if not path.is_file():
        raise CheckpointIncomplete(
            f"There is no file {path}.", "Set local.transformer to a .gguf file of Qwen-Image-Edit."
        )
    try:
        reader = GGUFReader(path)
        field = reader.get_field("general.architecture")
        architecture = str(field.contents()) if field else "unknown"
        tensors = {
            tensor.name.removeprefix(_PREFIX): GgufTensor(
                tensor.name.removeprefix(_PREFIX),
                tensor.tensor_type.name,
                tuple(int(side) for side in reversed(tensor.shape)),
                int(tensor.data_offset),
                int(tensor.n_bytes),
            )
            for tensor in reader.tensors
        }
    except (ValueError, IndexError, KeyError, OverflowError, struct.error, OSError) as error:
        raise CheckpointDamaged(
            f"{path.name} cannot be read as a GGUF file: {error}.",
            "Download it again: it is cut off or damaged.",
        ) from error
    if architecture != ARCHITECTURE:
        raise CheckpointMismatch(
            f"{path.name} holds a model of the architecture {architecture}, not {ARCHITECTURE}.",
            "Choose a .gguf file of Qwen-Image-Edit-2509.",
        )
    return GgufFile(path, tensors)
