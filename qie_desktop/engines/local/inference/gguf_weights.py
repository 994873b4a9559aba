"""The transformer's weights, streamed tensor by tensor from a GGUF file to the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from accelerate import init_empty_weights
from diffusers import QwenImageTransformer2DModel

from qie_desktop.core.errors import CheckpointMismatch
from qie_desktop.engines.local.checkpoint import read_json
from qie_desktop.engines.local.gguf_file import MODULATION, GgufFile, read_gguf
from qie_desktop.engines.local.inference.attention import axes_of
from qie_desktop.engines.local.inference.blocks import EAGER
from qie_desktop.engines.local.inference.compilation import fastest_steps
from qie_desktop.engines.local.inference.completeness import some
from qie_desktop.engines.local.inference.dequantisers import choose_dequantiser
from qie_desktop.engines.local.inference.gguf_tensors import as_numbers, read_blocks
from qie_desktop.engines.local.inference.quantised_linear import NUMBERS, LinearWeights, keeps_blocks
from qie_desktop.engines.local.inference.transformer import EditTransformer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.checkpoint import Checkpoint
    from qie_desktop.engines.local.gguf_header import GgufTensor
    from qie_desktop.engines.local.inference.device import Device

_OTHER_MODELS = ("zero_cond_t", "use_additional_t_cond", "use_layer3d_rope", "guidance_embeds")
"""Switches of related models, whose arithmetic is another."""


def load_transformer(
    checkpoint: Checkpoint, device: Device, cancel: CancelToken, progress: Callable[[float], None]
) -> EditTransformer:
    """Build the transformer of a checkpoint from the blocks of its GGUF file.

    At no time is there more in memory than the weights and the largest tensor; those of the modulation stay
    in the file. `progress` is called with the fraction of bytes read. Raises CheckpointMismatch when the GGUF
    file and the folder's config do not belong together, CheckpointDamaged when the file ends too early,
    JobCancelled between two blocks.
    """
    gguf = read_gguf(checkpoint.transformer)
    config = read_json(checkpoint.part("transformer") / "config.json")
    for switch in _OTHER_MODELS:
        if config.get(switch):
            raise CheckpointMismatch(
                f"The folder's transformer is of another model ({switch}).",
                "Use a folder in the layout of Qwen/Qwen-Image-Edit-2509.",
            )
    with init_empty_weights():
        model = cast("QwenImageTransformer2DModel", QwenImageTransformer2DModel.from_config(config))
    gguf.check_config(config)
    _check_belongs(gguf, {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()})
    axes = axes_of(dict(model.config))
    weights = _GgufWeights(gguf, device, progress)
    transformer = EditTransformer(weights, _GgufWeights(gguf, device).linear, axes, device, cancel)
    transformer.steps = fastest_steps(transformer.blocks, device)
    if transformer.steps is EAGER:
        # Compiled halves have their own dequantisation in them.
        samples = transformer.samples()
        transformer.use(choose_dequantiser(device, samples, weight_bytes=transformer.resident_bytes))
    return transformer


class _GgufWeights:
    """The tensors of a file, by the names of diffusers' modules."""

    def __init__(
        self, gguf: GgufFile, device: Device, progress: Callable[[float], None] | None = None
    ) -> None:
        self._gguf = gguf
        self._device = device
        self._progress = progress
        kept = [t for t in gguf.tensors.values() if not any(part in t.name for part in MODULATION)]
        self._total, self._done = max(1, sum(tensor.byte_count for tensor in kept)), 0

    @property
    def block_count(self) -> int:
        """How many blocks the file has."""
        return self._gguf.block_count

    def linear(self, name: str) -> LinearWeights:
        """Return a layer's weights, in blocks where that is best, and its bias."""
        tensor = self._gguf.tensors[f"{name}.weight"]
        bias = self.vector(f"{name}.bias")
        if keeps_blocks(tensor.type_name, self._device.dtype):
            return LinearWeights(self._read(tensor).to(self._device.device), tensor.type_name, bias)
        return LinearWeights(self._numbers(tensor), NUMBERS, bias)

    def vector(self, name: str) -> Tensor:
        """Return a tensor as numbers of the type that is computed in."""
        return self._numbers(self._gguf.tensors[name])

    def _numbers(self, tensor: GgufTensor) -> Tensor:
        return as_numbers(self._read(tensor), tensor, self._device.device, self._device.dtype)

    def _read(self, tensor: GgufTensor) -> Tensor:
        blocks = read_blocks(self._gguf.path, tensor)
        self._done += tensor.byte_count
        if self._progress is not None:
            self._progress(min(1.0, self._done / self._total))
        return blocks


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
