"""The memory plan of one edit, from the files that are there: made before any of them is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, cast

from qie_desktop.core.errors import CheckpointDamaged, OutOfMemory
from qie_desktop.core.geometry import Size
from qie_desktop.core.memory_need import DeviceKind, Machine, Parts, Run, denoising_bytes, text_tokens
from qie_desktop.core.memory_parts import FULL, alternatives
from qie_desktop.core.memory_plan import SCORES_BYTES, MemoryPlan, Policy, first_that_fits, plan_memory
from qie_desktop.core.memory_words import refusal, shortage_hint
from qie_desktop.core.model import HubWeights
from qie_desktop.core.model_shape import ModelShape, TextEncoderShape, TransformerShape, VaeShape
from qie_desktop.engines.local.checkpoint import read_json
from qie_desktop.engines.local.gguf_file import read_gguf
from qie_desktop.engines.local.lora_file import read_lora

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from qie_desktop.core.memory_words import Alternative
    from qie_desktop.core.model import LocalSpec
    from qie_desktop.engines.local.checkpoint import Checkpoint
    from qie_desktop.engines.local.inference.pipeline import Edit

_LANGUAGE_HEAD = "lm_head."
_CACHED_UNITS = 3
"""What first-block caching keeps, of the picture's tokens; see FirstBlockCache."""
_KERNEL_3D, _TIME = 5, 2
_RESAMPLES_TIME = ".time_conv."


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """The files that an edit is made with, its plan, and what could be chosen instead."""

    checkpoint: Checkpoint
    plan: MemoryPlan
    instead: tuple[Alternative, ...]

    def require(self) -> None:
        """Raise DoesNotFit, naming what would fit, where the edit does not."""
        problem = refusal(self.plan, self.instead)
        if problem is not None:
            raise problem

    def shortage_hint(self) -> str:
        """Return what to do where there was too little memory all the same."""
        return shortage_hint(self.plan, self.instead)


def plan_edit(  # noqa: PLR0913, PLR0917 - all that a plan depends on
    machine: Machine,
    checkpoints: Sequence[Checkpoint],
    edit: Edit,
    local: LocalSpec,
    quantisation: str | None,
    policy: str,
) -> PlannedEdit:
    """Plan an edit from the headers of files: with the first checkpoint that has comfortable room.

    Where none has, with the first that fits, and else with the last. Raises CheckpointDamaged,
    CheckpointMismatch and LoraErrors.
    """
    loras = tuple(use.path for use in edit.loras if use.strength)
    run = Run(
        sizes=tuple(Size(*picture.size) for picture in edit.pictures),
        area_px=local.working_area_px,
        max_side_px=local.max_side_px,
        grid_px=local.grid_px,
        passes=edit.passes,
        steps=edit.steps,
        text_tokens=text_tokens(edit.prompt, len(edit.pictures)),
        cached_units=_CACHED_UNITS if edit.first_block_cache else 0,
    )
    number_bytes = machine.bytes_per_number
    plans = [
        plan_memory(machine, parts_of(checkpoint, number_bytes, loras), run, Policy(policy))
        for checkpoint in checkpoints
    ]
    best = first_that_fits(plans)
    chosen = checkpoints[plans.index(best)]
    instead: tuple[Alternative, ...] = ()
    if isinstance(local.weights, HubWeights) and quantisation is not None:
        forms = (form.name for form in local.weights.text_encoders if form.is_gguf)
        encoder = FULL if chosen.compact is None else next(forms, FULL)
        instead = alternatives(local.weights, quantisation, encoder, number_bytes, lightning=bool(loras))
    return PlannedEdit(chosen, best, instead)


def planned_step_bytes(kind: DeviceKind, weight_bytes: int, side_px: int, shape: TransformerShape) -> int:
    """Return what a guided step of an edit of one square picture takes by plan, with its weights.

    That is what `qie bench --synthetic` measures, whose schedule has four steps and whose prompts 300 tokens.
    """
    parts = Parts(weight_bytes, 0, 0, shape=ModelShape(shape))
    run = Run((Size(side_px, side_px),), passes=2, steps=4, text_tokens=300)
    return weight_bytes + denoising_bytes(Machine(kind, 0, 0), parts, run, side_px**2, SCORES_BYTES)


def parts_of(checkpoint: Checkpoint, number_bytes: int, loras: tuple[Path, ...] = ()) -> Parts:
    """Return what the weights of a checkpoint take in memory, counted from the headers of its files.

    `number_bytes` is how large a number is in what is computed. Raises CheckpointDamaged where a file cannot
    be read, CheckpointMismatch where one is of another model, and LoraErrors.
    """
    compact = checkpoint.compact
    text_encoder = (
        _text_encoder_numbers(checkpoint.part("text_encoder")) * number_bytes
        if compact is None
        else compact.memory_bytes(number_bytes)
    )
    return Parts(
        transformer=read_gguf(checkpoint.transformer).resident_bytes(number_bytes),
        text_encoder=text_encoder,
        vae=_vae_numbers(checkpoint.part("vae")) * number_bytes,
        loras=sum(read_lora(path).resident_bytes(number_bytes) for path in loras),
        text_encoder_in_blocks=compact is not None,
        shape=_shape(checkpoint),
    )


def _text_encoder_numbers(folder: Path) -> int:
    """Return how many numbers are loaded of the text encoder's weights: all but its language head."""
    shapes = _shapes(folder, "text encoder")
    return sum(prod(shape) for name, shape in shapes if not name.startswith(_LANGUAGE_HEAD))


def _vae_numbers(folder: Path) -> int:
    """Return how many numbers are loaded of the VAE's weights: of each kernel its last tap in time."""
    return sum(
        prod(shape) // (shape[_TIME] if len(shape) == _KERNEL_3D else 1)
        for name, shape in _shapes(folder, "VAE")
        if _RESAMPLES_TIME not in name
    )


def _shapes(folder: Path, what: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    for path in sorted(folder.glob("*.safetensors")):
        yield from _shapes_in(path, what)


def _shapes_in(path: Path, what: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - only when a file is read

    try:
        with safe_open(path, "np") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                yield name, tuple(file.get_slice(name).get_shape())
    except MemoryError as error:
        raise OutOfMemory(
            f"There was not enough memory while looking at the {what}.", "Close other programs and try again."
        ) from error
    except (SafetensorError, OSError) as error:
        raise CheckpointDamaged(
            f"The {what} cannot be loaded: {path.name}: {error}.",
            "Check the checkpoint's folder, or download it again.",
        ) from error


def _shape(checkpoint: Checkpoint) -> ModelShape:
    """Read how wide the parts are inside; as in the real model where a config does not say."""
    configs = [checkpoint.part(name) / "config.json" for name in ("transformer", "text_encoder", "vae")]
    try:
        return _shape_of(*map(read_json, configs))
    except (ValueError, TypeError, ArithmeticError) as error:
        raise CheckpointDamaged(
            f"The configuration of {checkpoint.folder} makes no sense: {error}.",
            "Check the checkpoint's folder, or download it again.",
        ) from error


def _shape_of(
    transformer: Mapping[str, object], encoder: Mapping[str, object], vae: Mapping[str, object]
) -> ModelShape:
    # Newer releases of transformers have the language model's widths in a part of its own.
    language = cast("Mapping[str, object]", encoder.get("text_config") or {})
    real = ModelShape()
    head = _int(transformer, "attention_head_dim", real.transformer.head_width)
    multiples = cast("list[int]", vae.get("dim_mult") or real.vae.multiples)
    return ModelShape(
        TransformerShape(
            width=head * _int(transformer, "num_attention_heads", real.transformer.width // head),
            blocks=_int(transformer, "num_layers", real.transformer.blocks),
            head_width=head,
            text_width=_int(transformer, "joint_attention_dim", real.transformer.text_width),
        ),
        TextEncoderShape(
            width=_int({**encoder, **language}, "hidden_size", real.text_encoder.width),
            inner=_int({**encoder, **language}, "intermediate_size", real.text_encoder.inner),
            heads=_int({**encoder, **language}, "num_attention_heads", real.text_encoder.heads),
        ),
        VaeShape(_int(vae, "base_dim", real.vae.base_width), tuple(map(int, multiples))),
    )


def _int(config: Mapping[str, object], key: str, default: int) -> int:
    return int(str(config.get(key, default)))
