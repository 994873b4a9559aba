"""The transformer: diffusers' class with its weights streamed from a GGUF file."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from accelerate import init_empty_weights
from diffusers import QwenImageTransformer2DModel
from torch import nn

from qie_desktop.core.errors import CheckpointDamaged, CheckpointMismatch
from qie_desktop.engines.local.checkpoint import read_json
from qie_desktop.engines.local.gguf_file import GgufFile, GgufTensor, read_gguf
from qie_desktop.engines.local.inference.attention import use_joint_attention
from qie_desktop.engines.local.inference.completeness import some
from qie_desktop.engines.local.inference.dequantisation import dequantise
from qie_desktop.engines.local.inference.quantised_linear import QuantisedLinear, keeps_blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader

    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.checkpoint import Checkpoint
    from qie_desktop.engines.local.inference.device import Device


def load_transformer(
    checkpoint: Checkpoint, device: Device, cancel: CancelToken, progress: Callable[[float], None]
) -> QwenImageTransformer2DModel:
    """Build the transformer of a checkpoint and stream its weights, tensor by tensor, to the device.

    At no time is there more in memory than the weights and the largest tensor. `progress` is called with the
    fraction of bytes read. Raises CheckpointMismatch when the GGUF file and the folder's config do not belong
    together, CheckpointDamaged when the file ends too early, JobCancelled between two tensors.
    """
    gguf = read_gguf(checkpoint.transformer)
    config = read_json(checkpoint.part("transformer") / "config.json")
    with init_empty_weights():
        model = cast("QwenImageTransformer2DModel", QwenImageTransformer2DModel.from_config(config))
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    gguf.check_config(config)
    _check_belongs(gguf, expected)
    total, done = max(1, gguf.byte_count), 0
    with gguf.path.open("rb") as file:
        for name in expected:
            cancel.raise_if_cancelled()
            tensor = gguf.tensors[name]
            _place(model, tensor, _read(file, tensor), device)
            done += tensor.byte_count
            progress(done / total)
    use_joint_attention(model)
    return model.eval().requires_grad_(requires_grad=False)


def _check_belongs(gguf: GgufFile, expected: dict[str, tuple[int, ...]]) -> None:
    """Compare names and shapes of the file's tensors with those of the model."""
    file, hint = gguf.path.name, "Use the folder and the file of the same model."
    missing = sorted(expected.keys() - gguf.tensors.keys())
    if missing:
        raise CheckpointMismatch(f"{file} lacks {len(missing)} tensors: {some(missing)}.", hint)
    wrong = sorted(
        f"{name} {gguf.tensors[name].shape} instead of {shape}"
        for name, shape in expected.items()
        if gguf.tensors[name].shape != shape
    )
    if wrong:
        raise CheckpointMismatch(f"{file} has tensors of other shapes: {some(wrong)}.", hint)


def _read(file: BufferedReader, tensor: GgufTensor) -> Tensor:
    """Read a tensor's bytes, `(rows, bytes of a row)`.

    Read rather than mapped: pages of a map count as this process's memory until the system takes them back.
    """
    raw = torch.empty(tensor.byte_count, dtype=torch.uint8)
    file.seek(tensor.offset)
    if file.readinto(cast("bytearray", raw.numpy())) != tensor.byte_count:
        raise CheckpointDamaged(
            f"The GGUF file ends within {tensor.name}.", "Download it again: it is cut off."
        )
    rows = tensor.shape[0] if len(tensor.shape) > 1 else 1
    return raw.reshape(rows, -1)


def _place(model: nn.Module, tensor: GgufTensor, raw: Tensor, device: Device) -> None:
    """Put a tensor into the model: linear weights as blocks, everything else as numbers."""
    parent_name, _, parameter_name = tensor.name.rpartition(".")
    module = model.get_submodule(parent_name)
    is_weight = isinstance(module, nn.Linear) and parameter_name == "weight"
    if is_weight and keeps_blocks(tensor.type_name, device.dtype):
        bias = cast("Tensor | None", module.bias)
        layer = QuantisedLinear(raw.to(device.device), tensor.type_name, tensor.shape[1], bias)
        owner_name, _, own_name = parent_name.rpartition(".")
        setattr(model.get_submodule(owner_name), own_name, layer)
        return
    numbers = dequantise(raw, tensor.type_name, torch.float32).reshape(tensor.shape)
    module.register_parameter(
        parameter_name, nn.Parameter(numbers.to(device.device, device.dtype), requires_grad=False)
    )
