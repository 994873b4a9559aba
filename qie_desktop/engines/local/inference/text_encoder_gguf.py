"""The compact text encoder: transformers' own Qwen2.5-VL with weights in the blocks of two GGUF files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from accelerate import init_empty_weights
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel

from qie_desktop.core.errors import CheckpointMismatch
from qie_desktop.engines.local.checkpoint import read_json
from qie_desktop.engines.local.inference.completeness import some
from qie_desktop.engines.local.inference.dequantisers import choose_dequantiser
from qie_desktop.engines.local.inference.gguf_tensors import as_numbers, read_blocks
from qie_desktop.engines.local.inference.quantised_linear import NUMBERS, QuantisedLinear, keeps_blocks
from qie_desktop.engines.local.inference.text_encoder_layers import PatchEmbedding, QuantisedEmbedding
from qie_desktop.engines.local.text_encoder_names import (
    PATCH_FRAMES,
    PATCHES,
    language_modules,
    vision_modules,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.gguf_header import GgufHeader, GgufTensor
    from qie_desktop.engines.local.inference.device import Device
    from qie_desktop.engines.local.text_encoder_files import CompactTextEncoder

_FRAME_AXIS = 2
"""Where the patch embedding has its frames: `(width, channels, frames, side, side)`."""
_NOT_WORTH_COMPILING = 0
_SAME_MODEL = "Use both .gguf files of Qwen2.5-VL-7B-Instruct, and the folder of Qwen-Image-Edit-2509."


def load_compact_text_encoder(
    folder: Path,
    files: CompactTextEncoder,
    device: Device,
    cancel: CancelToken,
    progress: Callable[[float], None],
) -> Qwen2_5_VLModel:
    """Build the model, without its language head, of `folder`'s config from the blocks of both files.

    At no time is there more in memory than the weights and the largest tensor. `progress` is called with the
    fraction of bytes read. Raises CheckpointMismatch when files and config do not belong together,
    CheckpointDamaged when a file cannot be read, JobCancelled between two tensors.
    """
    headers = files.check(read_json(folder / "config.json"))
    config: Any = Qwen2_5_VLConfig.from_pretrained(folder, local_files_only=True)
    with init_empty_weights():
        model: Any = Qwen2_5_VLModel(config)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    weights = _Weights(headers, _tensor_names(config), device, cancel, progress)
    weights.check(shapes)
    for path in dict.fromkeys(name.rpartition(".")[0] for name in shapes):
        _fill(model, path, weights, device.dtype)
    # What is computed rather than read, such as the frequencies of the positions.
    model.to(device.device).eval()
    _choose_dequantisers(model, device)
    return model


class _Weights:
    """The tensors of both files, by the names of transformers' modules."""

    def __init__(
        self,
        headers: tuple[GgufHeader, GgufHeader],
        names: dict[str, tuple[str, ...]],
        device: Device,
        cancel: CancelToken,
        progress: Callable[[float], None],
    ) -> None:
        self._headers = headers
        self._names = names
        self._device = device
        self._cancel = cancel
        self._progress = progress
        self._places = {
            name: (header.path, tensor) for header in headers for name, tensor in header.tensors.items()
        }
        self._total, self._done = 1, 0

    def check(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Raise CheckpointMismatch unless the files have all tensors of the model, in these shapes."""
        needed = [part for name in shapes for part in self._names[name]]
        missing = [name for name in needed if name not in self._places]
        files = " and ".join(header.path.name for header in self._headers)
        if missing:
            raise CheckpointMismatch(f"{files} lack {len(missing)} tensors: {some(missing)}.", _SAME_MODEL)
        wrong = [
            f"{self._names[name][0]} {found} instead of {shape}"
            for name, shape in shapes.items()
            if (found := self._shape(name)) != shape
        ]
        if wrong:
            raise CheckpointMismatch(f"{files} have tensors of other shapes: {some(wrong)}.", _SAME_MODEL)
        self._total = sum(self._places[name][1].byte_count for name in needed)

    def layer(self, name: str) -> tuple[Tensor, str]:
        """Return a layer's weights `(rows, …)` and their type: blocks where that is best, else `NUMBERS`."""
        type_name, *others = {self._places[part][1].type_name for part in self._names[name]}
        if others or not keeps_blocks(type_name, self._device.dtype):
            return self.numbers(name), NUMBERS
        parts = [self._read(part)[0].to(self._device.device) for part in self._names[name]]
        return (parts[0] if len(parts) == 1 else torch.cat(parts)), type_name

    def numbers(self, name: str) -> Tensor:
        """Return a tensor as numbers of the type that is computed in."""
        parts = [
            as_numbers(*self._read(part), self._device.device, self._device.dtype)
            for part in self._names[name]
        ]
        if self._names[name] == PATCH_FRAMES:
            return torch.stack(parts, dim=_FRAME_AXIS)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of what `numbers` gives; of tensors that do not go together, the first one's."""
        parts = [self._places[part][1].shape for part in self._names[name]]
        first = parts[0]
        if self._names[name] == PATCH_FRAMES:
            same = all(part == first for part in parts)
            return (*first[:_FRAME_AXIS], len(parts), *first[_FRAME_AXIS:]) if same else first
        same = all(part[1:] == first[1:] for part in parts)
        return (sum(part[0] for part in parts), *first[1:]) if same else first

    def _read(self, name: str) -> tuple[Tensor, GgufTensor]:
        self._cancel.raise_if_cancelled()
        path, tensor = self._places[name]
        blocks = read_blocks(path, tensor)
        self._done += tensor.byte_count
        self._progress(min(1.0, self._done / self._total))
        return blocks, tensor


def _tensor_names(config: Any) -> dict[str, tuple[str, ...]]:
    """Return for each tensor of the model those of the files that it is made of."""
    modules = language_modules(config.text_config.num_hidden_layers) | vision_modules(
        config.vision_config.depth
    )
    names = {
        f"{module}.{kind}": tuple(f"{stem}.{kind}" for stem in stems)
        for module, stems in modules.items()
        for kind in ("weight", "bias")
    }
    return names | {f"{PATCHES}.weight": PATCH_FRAMES}


def _fill(model: nn.Module, path: str, weights: _Weights, dtype: torch.dtype) -> None:
    """Give a module of the empty model its weights, or put one in its place that keeps them in blocks."""
    module, name = model.get_submodule(path), f"{path}.weight"
    if isinstance(module, nn.Linear):
        has_bias = cast("Tensor | None", module.bias) is not None
        bias = weights.numbers(f"{path}.bias") if has_bias else None
        filled = QuantisedLinear(*weights.layer(name), module.in_features, bias)
    elif isinstance(module, nn.Embedding):
        filled = QuantisedEmbedding(*weights.layer(name), dtype)
    elif isinstance(module, nn.Conv3d):
        filled = PatchEmbedding(weights.numbers(name))
    else:
        module.register_parameter("weight", nn.Parameter(weights.numbers(name), requires_grad=False))
        return
    parent, _, attribute = path.rpartition(".")
    setattr(model.get_submodule(parent), attribute, filled)


def _choose_dequantisers(model: nn.Module, device: Device) -> None:
    """Let the layers be dequantised in the fastest way that this device has for each type, ready made.

    A prompt or two a picture do not pay for compiling: on an H200 that takes some 10 s and saves 0.03 s each.
    """
    linears = [layer for layer in model.modules() if isinstance(layer, QuantisedLinear)]
    in_blocks = [layer for layer in linears if layer.type_name != NUMBERS]
    samples = {layer.type_name: layer.blocks for layer in in_blocks}
    chosen = choose_dequantiser(device, samples, weight_bytes=_NOT_WORTH_COMPILING)
    for layer in in_blocks:
        layer.dequantise = chosen[layer.type_name]
