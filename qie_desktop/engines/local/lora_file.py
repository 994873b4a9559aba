"""The header of a LoRA file: which layers it changes, and where their factors lie. No torch, no weights."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.lora_errors import LoraDamaged, LoraMismatch, LoraMissing, LoraUnsupported
from qie_desktop.engines.local.lora_names import factor, layer_name, other_form, other_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LENGTH = struct.Struct("<Q")
_MAX_HEADER_BYTES = 100_000_000
"""As the safetensors library has it."""
_NUMBER_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
_METADATA = "__metadata__"
_PEFT_METADATA = "lora_adapter_metadata"
"""Where diffusers writes peft's configuration, as JSON."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the file: its type's name as safetensors has it, its shape, and where its bytes lie."""

    type_name: str
    shape: tuple[int, ...]
    offset: int
    byte_count: int


@dataclass(frozen=True, slots=True)
class LoraLayer:
    """What a file adds to one layer: `x downᵀ upᵀ · alpha / rank`; without `alpha`, `· scale`.

    `down` is `(rank, in_features)`, `up` `(out_features, rank)`.
    """

    down: Tensor
    up: Tensor
    alpha: Tensor | None = None
    scale: float = 1.0

    @property
    def rank(self) -> int:
        """The inner width."""
        return self.down.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """That of the layer's weights: `(out_features, in_features)`."""
        return self.up.shape[0], self.down.shape[1]


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A LoRA for Qwen-Image, by the names of the layers that it changes."""

    path: Path
    layers: dict[str, LoraLayer]

    def resident_bytes(self, bytes_per_number: int) -> int:
        """Return what its factors take in memory; those of modulation layers are read and let go of."""
        return bytes_per_number * sum(
            prod(layer.down.shape) + prod(layer.up.shape)
            for name, layer in self.layers.items()
            if "_mod." not in name
        )

    def check_fits(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise LoraMismatch unless every layer is there in a model whose weights have these shapes."""
        wrong = [
            f"{name} {layer.shape[0]}×{layer.shape[1]}"
            for name, layer in self.layers.items()
            if shapes.get(f"{name}.weight") != layer.shape
        ]
        if wrong:
            raise LoraMismatch(
                f"{self.path.name} is for a model of other sizes: {len(wrong)} of its {len(self.layers)} "
                f"layers are not in this one, such as {', '.join(wrong[:_NAMED])}.",
                "Choose a LoRA for Qwen-Image-Edit.",
            )


def read_lora(path: Path) -> LoraFile:
    """Read the header of a LoRA file, and check all that it tells.

    Raises LoraMissing when there is no such file, LoraDamaged when it is cut off or no safetensors file,
    LoraUnsupported for DoRA, LoKr and the like, and LoraMismatch, saying what it is, for anything else.
    """
    if not path.is_file():
        raise LoraMissing(f"There is no LoRA file {path.name}.", "Add it again, or leave it out.")
    tensors, metadata = _read_header(path)
    keys = list(tensors)
    form = other_form(keys)
    if form is not None:
        raise LoraUnsupported(
            f"{path.name} holds {form}, which cannot be used here.", "Choose a plain LoRA for Qwen-Image."
        )
    parts: dict[str, dict[str, Tensor]] = {}
    foreign: list[str] = []
    for key, tensor in tensors.items():
        found = factor(key)
        name = None if found is None else layer_name(found.layer)
        if found is None or name is None:
            foreign.append(key)
        elif found.part in parts.setdefault(name, {}):
            raise LoraUnsupported(f"{path.name} changes {name} twice.", "Choose another LoRA file.")
        else:
            parts[name][found.part] = tensor
    if foreign or not parts:
        raise _not_for_this_model(path, keys, foreign)
    layers = {name: _layer(path, name, found) for name, found in parts.items()}
    return LoraFile(path, _with_peft_scales(path, layers, metadata))


def _layer(path: Path, name: str, parts: Mapping[str, Tensor]) -> LoraLayer:
    if "down" not in parts or "up" not in parts:
        raise LoraDamaged(f"{path.name} has only half of what changes {name}.", "Download it again, whole.")
    layer = LoraLayer(parts["down"], parts["up"], parts.get("alpha"))
    down, up, alpha = layer.down.shape, layer.up.shape, layer.alpha
    if len(down) != 2 or len(up) != 2 or down[0] != up[1] or not prod(down):  # noqa: PLR2004 - matrices
        raise LoraDamaged(f"The factors of {name} in {path.name} do not fit each other.", "Choose another.")
    if alpha is not None and prod(alpha.shape) != 1:
        raise LoraDamaged(f"The alpha of {name} in {path.name} is no single number.", "Choose another.")
    return layer


def _not_for_this_model(path: Path, keys: list[str], foreign: list[str]) -> LoraMismatch:
    hint = "Choose a LoRA for Qwen-Image or Qwen-Image-Edit."
    if not any(factor(key) for key in keys):
        return LoraMismatch(f"{path.name} is no LoRA.", hint)
    model = other_model(keys)
    if model is not None:
        return LoraMismatch(f"{path.name} is a LoRA for {model}, not for Qwen-Image.", hint)
    return LoraMismatch(
        f"{path.name} changes what Qwen-Image does not have: {', '.join(sorted(foreign)[:_NAMED])}.", hint
    )


def _with_peft_scales(
    path: Path, layers: dict[str, LoraLayer], metadata: Mapping[str, object]
) -> dict[str, LoraLayer]:
    """Scale layers without an alpha of their own as peft's configuration says, where there is one.

    Without either a layer's alpha is its rank, by convention. Source: `LoraConfig` of peft.
    """
    text = metadata.get(_PEFT_METADATA)
    if text is None:
        return layers
    try:
        found = cast("dict[str, Any]", json.loads(str(text)))
        config = {key.removeprefix("transformer."): value for key, value in found.items()}
        patterns = {str(key): float(value) for key, value in dict(config.get("alpha_pattern") or {}).items()}
        alpha, stable = float(config["lora_alpha"]), bool(config.get("use_rslora"))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise LoraDamaged(
            f"What {path.name} says of its strength cannot be read: {error!r}.", "Choose another file."
        ) from error
    if config.get("use_dora"):
        raise LoraUnsupported(
            f"{path.name} holds DoRA, which cannot be used here.", "Choose a plain LoRA for Qwen-Image."
        )

    def scaled(name: str, layer: LoraLayer) -> LoraLayer:
        own = next((value for key, value in patterns.items() if _matches(key, name)), alpha)
        return replace(layer, scale=own / (layer.rank**0.5 if stable else layer.rank))

    return {name: layer if layer.alpha else scaled(name, layer) for name, layer in layers.items()}


def _matches(pattern: str, name: str) -> bool:
    """Whether a key of a pattern means a layer: its name, or how that ends."""
    end = pattern.removeprefix("^")
    return name == end or name.endswith(f".{end}")


def _read_header(path: Path) -> tuple[dict[str, Tensor], Mapping[str, object]]:
    """Return the tensors by name, and the metadata. Source of the layout: the safetensors library."""
    try:
        with path.open("rb") as file:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            # What begins otherwise says an absurd length, or is no JSON.
            header = cast("dict[str, Any]", json.loads(file.read(min(length, _MAX_HEADER_BYTES))))
        file_bytes = path.stat().st_size
        metadata = dict(header.pop(_METADATA, None) or {})
        start = _LENGTH.size + length
        return {name: _tensor(name, entry, start, file_bytes) for name, entry in header.items()}, metadata
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        struct.error,
        RecursionError,
        OSError,
    ) as error:
        raise LoraDamaged(
            f"{path.name} cannot be read as a safetensors file: {error}.",
            "Download it again: it is cut off or damaged.",
        ) from error


def _tensor(name: str, entry: Mapping[str, Any], start: int, file_bytes: int) -> Tensor:
    type_name, shape = str(entry["dtype"]), tuple(int(side) for side in entry["shape"])
    begin, end = (int(at) for at in entry["data_offsets"])
    tensor = Tensor(type_name, shape, start + begin, end - begin)
    if min(shape, default=0) < 0 or begin > end:
        raise ValueError(f"{name} has a negative size")
    if begin < 0 or start + end > file_bytes:
        raise ValueError(f"it ends before {name} does")
    if type_name in _NUMBER_BYTES and prod(shape) * _NUMBER_BYTES[type_name] != tensor.byte_count:
        raise ValueError(f"{name} is not as long as its shape says")
    return tensor
