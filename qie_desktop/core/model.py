"""What is known of a model, as frozen data. The models themselves stand in `qie_desktop.core.catalogue`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qie_desktop.core.errors import UnknownParameter, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qie_desktop.core.geometry import Size
    from qie_desktop.core.model_parts import TextEncoderFiles
    from qie_desktop.core.parameters import ParameterSpec, Value

_FAR = 2.0
"""So many times the ideal area, or one of so many parts of it, is far from it."""


class ModelKind(StrEnum):
    """What a model does; it decides the size of the result."""

    EDIT = "edit"
    GENERATE = "generate"
    HYBRID = "hybrid"


class Place(StrEnum):
    """Where a model runs."""

    LOCAL = "local"
    CLOUD = "cloud"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How many pictures a model takes and of what size; a side in pixels, the ideal as an area."""

    minimum: int
    maximum: int
    min_side_px: int = 64
    max_side_px: int = 8000
    ideal_area_px: int | None = None

    def takes(self, size: Size) -> bool:
        """Whether both sides of a picture are within what the model takes."""
        return self.min_side_px <= min(size) and max(size) <= self.max_side_px

    def is_far_from_ideal(self, size: Size) -> bool:
        """Whether a picture has so many or so few pixels that the model loses much of it, or knows little."""
        ideal = self.ideal_area_px
        return ideal is not None and not 1 / _FAR <= size.area_px / ideal <= _FAR


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """How many pictures come back at most, and how many pictures go in and come out together at most."""

    maximum: int = 1
    maximum_with_inputs: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """A list price in USD for each output, and the day (ISO) on which it was seen."""

    usd_per_output: float
    seen_on: str


@dataclass(frozen=True, slots=True)
class CloudSpec:
    """How a model is called at Replicate: `{owner}/{name}`, and where the pictures go in its input.

    `fixed` holds inputs that are always sent as they stand here. `image_formats` are those that the provider
    reads as they are; anything else is sent as PNG.
    """

    owner: str
    name: str
    image_field: str | None = None
    image_is_list: bool = False
    fixed: tuple[tuple[str, Value], ...] = ()
    image_formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class EmbeddedWeights:
    """A checkpoint in the app's own resources."""

    folder: str
    gguf: str


@dataclass(frozen=True, slots=True)
class HubWeights:
    """A checkpoint on the Hugging Face hub: the base repository, and one GGUF file for each quantisation.

    `gguf_gb` are about the files' sizes in GB (10⁹ bytes), by quantisation; `text_encoder_gb` is that of the
    full text encoder, `base_gb` that of what is needed beside it and the transformer. The names of files are
    patterns as `fnmatch` has them. `revisions` pins repositories to commits. What is downloaded together is
    told by `qie_desktop.core.model_parts`.
    """

    base_repo: str
    gguf_repo: str
    gguf_pattern: str
    gguf_gb: tuple[tuple[str, float], ...]
    text_encoder_gb: float
    base_gb: float = 0.0
    base_files: tuple[str, ...] = ()
    text_encoder_files: tuple[str, ...] = ()
    text_encoders: tuple[TextEncoderFiles, ...] = ()
    lora_repo: str = ""
    loras: tuple[str, ...] = ()
    loras_gb: float = 0.0
    revisions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """A way to run a local model: `lora` is the hub file that makes so few steps possible.

    `scheduler` are the settings of the noise schedule that it was made for, in place of the checkpoint's.
    """

    name: str
    label: str
    steps: int
    guidance: float
    lora: str | None = None
    scheduler: tuple[tuple[str, Value | None], ...] = ()


@dataclass(frozen=True, slots=True)
class LocalSpec:
    """How a model is run on this machine.

    A picture beyond `working_area_px` or `max_side_px` is scaled down for the model and up again after.
    A prompt is filled up with spaces until it and its pictures are a multiple of `prompt_multiple` tokens:
    the lengths that the weights know. `steps` and `guidance` hold where no parameter says otherwise.
    """

    weights: EmbeddedWeights | HubWeights
    working_area_px: int
    max_side_px: int | None = None
    grid_px: int = 16
    prompt_multiple: int = 1
    steps: int = 4
    guidance: float = 1.0
    qualities: tuple[Quality, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model: everything that widgets, options, checks, costs and requests are derived from."""

    id: str
    name: str
    kind: ModelKind
    place: Place
    summary: str
    inputs: InputSpec
    parameters: tuple[ParameterSpec, ...]
    outputs: OutputSpec = OutputSpec()
    price: Price | None = None
    typical_seconds: tuple[int, int] | None = None
    cloud: CloudSpec | None = None
    local: LocalSpec | None = None
    examples: tuple[str, ...] = ()
    understands: tuple[str, ...] = ()
    """All that a model can be asked for, in words that it knows; empty where it takes any instruction."""
    understands_also: str = ""
    """A sentence on how these words can be varied and put together."""

    def parameter(self, name: str) -> ParameterSpec | None:
        """Return the parameter of this name, if the model has it."""
        return next((spec for spec in self.parameters if spec.name == name), None)

    def resolve(self, given: Mapping[str, object], input_count: int) -> dict[str, Value]:
        """Return the values of all parameters that apply: what was given, checked, and defaults for the rest.

        A parameter that is left to chance or to the provider is absent. Raises UnknownParameter for a name
        that the model does not have and InvalidRequest for a value that it cannot take.
        """
        names = [spec.name for spec in self.parameters]
        for name in given:
            if name not in names:
                raise UnknownParameter(
                    name, f"{self.name} has no parameter {name}.", did_you_mean(name, names)
                )
        values: dict[str, Value] = {}
        for spec in self.parameters:
            if not spec.applies(values, input_count):
                if spec.name in given:
                    raise UnknownParameter(spec.name, _why_not(spec, input_count), spec.help)
                continue
            value = (
                spec.parse(given[spec.name], input_count)
                if spec.name in given
                else spec.default_for(values, input_count)
            )
            if value is not None:
                values[spec.name] = value
        return values

    def output_count(self, values: Mapping[str, Value]) -> int:
        """Return how many pictures are asked for."""
        count = values.get("count", 1)
        return int(count) if isinstance(count, (int, float)) else 1

    def estimated_cost_usd(self, values: Mapping[str, Value], price_usd: float | None = None) -> float:
        """Return what a run costs by list price, or by `price_usd` for each output; 0 for a local model."""
        each = price_usd if price_usd is not None else (self.price.usd_per_output if self.price else 0.0)
        return each * self.output_count(values)


def _why_not(spec: ParameterSpec, input_count: int) -> str:
    if input_count < spec.min_inputs:
        return f"{spec.name} needs at least {spec.min_inputs} input images; {input_count} given."
    if spec.applies_when is None:
        return f"{spec.name} cannot be set here."
    wanted = " or ".join(str(value) for value in spec.applies_when.values)
    return f"{spec.name} can only be set when {spec.applies_when.parameter} is {wanted}."
