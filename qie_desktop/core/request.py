"""A request: everything that decides the result, checked before anything is spent."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.errors import ImageSizeOutOfRange, InvalidRequest
from qie_desktop.core.geometry import plan_into_range
from qie_desktop.core.model import ModelKind
from qie_desktop.core.parameters import MAX_SEED, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qie_desktop.core.geometry import Size
    from qie_desktop.core.model import ModelSpec

MAX_PROMPT_CHARS = 10_000
"""Longer than any prompt, shorter than a file pasted by mistake."""

_OWN_FIELDS = ("seed", "negative_prompt")
"""Parameters that are fields of the request rather than among its `values`."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be made: `values` are the parameters that apply, in the model's order, without the seed.

    `seed` is None for a model that takes none, or before `with_seed`. Build one with `build_request`.
    """

    model_id: str
    prompt: str
    inputs: tuple[Path, ...] = ()
    values: tuple[tuple[str, Value], ...] = ()
    negative_prompt: str | None = None
    seed: int | None = None

    def value(self, name: str) -> Value | None:
        """Return the value of a parameter, or None where it does not apply."""
        return dict(self.values).get(name)

    def parameters(self) -> dict[str, Value]:
        """Return all parameters by name, with the seed and the negative prompt among them."""
        own: tuple[tuple[str, Value | None], ...] = (
            ("negative_prompt", self.negative_prompt),
            ("seed", self.seed),
        )
        return dict(self.values) | {name: value for name, value in own if value is not None}

    def with_inputs(self, inputs: Sequence[Path]) -> Request:
        """Return the same request over other files, such as the stored copies."""
        return replace(self, inputs=tuple(inputs))

    def with_seed(self, spec: ModelSpec, rng: random.Random | None = None) -> Request:
        """Return the request with a seed drawn, where the model takes one and none was given."""
        if self.seed is not None or spec.parameter("seed") is None:
            return self
        return replace(self, seed=(rng or random.SystemRandom()).randint(0, MAX_SEED))

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON data; inputs by file name alone, so that no folder is given away."""
        return {
            "model": self.model_id,
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "inputs": [path.name for path in self.inputs],
            "parameters": dict(self.values),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], folder: Path | None = None) -> Request:
        """Read what `to_json` wrote, with the inputs in `folder`. Raises ValueError for anything else.

        The data may come from a file that somebody else made: an input never lies outside `folder`.
        """
        try:
            seed, negative = data["seed"], data["negative_prompt"]
            parameters = {_text(name): _value(value) for name, value in data["parameters"].items()}
            names = [_text(name) for name in _list(data["inputs"])]
            return cls(
                model_id=_text(data["model"]),
                prompt=_text(data["prompt"]),
                inputs=tuple((folder or Path()) / _file_name(name) for name in names),
                values=tuple(parameters.items()),
                negative_prompt=None if negative is None else str(negative),
                seed=None if seed is None else int(seed),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"not a request: {error!r}") from error


def _text(item: object) -> str:
    if not isinstance(item, str):
        raise TypeError(f"a text was expected, not {item!r}")
    return item


def _file_name(item: str) -> str:
    name = Path(item).name
    if name in {"", ".."}:
        raise TypeError(f"a file's name was expected, not {item!r}")
    return name


def _value(item: object) -> Value:
    if not isinstance(item, (str, int, float)):
        raise TypeError(f"a plain value was expected, not {item!r}")
    return item


def _list(item: object) -> list[Any]:
    if not isinstance(item, list):
        raise TypeError(f"a list was expected, not {item!r}")
    return cast("list[Any]", item)


def build_request(
    model_id: str,
    prompt: str,
    inputs: Sequence[Path] = (),
    options: Mapping[str, object] | None = None,
    catalogue: tuple[ModelSpec, ...] = CATALOGUE,
) -> Request:
    """Return a checked request for a model of the catalogue.

    `options` are parameters by name, as values or as text. Raises UnknownModel, UnknownParameter or
    InvalidRequest, each naming the field; the sizes of the inputs are checked by `check_input_sizes`.
    """
    spec = find_model(model_id, catalogue)
    # What the terminal could not decode arrives as lone surrogates, which no file can hold.
    prompt = prompt.encode(errors="replace").decode().strip()
    if not prompt:
        wanted = "should change" if spec.kind is ModelKind.EDIT else "you want to see"
        raise InvalidRequest("prompt", "The prompt is empty.", f"Say what {wanted}.")
    if len(prompt) > MAX_PROMPT_CHARS:
        raise InvalidRequest(
            "prompt",
            f"The prompt has {len(prompt):,} characters; at most {MAX_PROMPT_CHARS:,} are taken.",
            "Shorten it.",
        )
    _check_input_count(spec, len(inputs))
    values = spec.resolve(options or {}, len(inputs))
    _check_total(spec, values, len(inputs))
    seed = values.get("seed")
    negative = values.get("negative_prompt")
    return Request(
        model_id=spec.id,
        prompt=prompt,
        inputs=tuple(inputs),
        values=tuple((name, value) for name, value in values.items() if name not in _OWN_FIELDS),
        negative_prompt=None if negative is None else str(negative),
        seed=None if seed is None else int(seed),
    )


def _check_input_count(spec: ModelSpec, count: int) -> None:
    low, high = spec.inputs.minimum, spec.inputs.maximum
    if low <= count <= high:
        return
    if high == 0:
        raise InvalidRequest(
            "images",
            f"{spec.name} takes no images; {count} given.",
            "Leave them out, or choose an edit model.",
        )
    wanted = str(low) if low == high else f"{low} to {high}"
    images = "image" if wanted == "1" else "images"
    hint = "Add an image." if count < low else "Leave some out, or choose a model that takes more."
    raise InvalidRequest("images", f"{spec.name} takes {wanted} {images}; {count} given.", hint)


def _check_total(spec: ModelSpec, values: Mapping[str, Value], input_count: int) -> None:
    limit = spec.outputs.maximum_with_inputs
    total = input_count + spec.output_count(values)
    if limit is not None and total > limit:
        raise InvalidRequest(
            "count",
            f"{spec.name} takes and makes at most {limit} images together; this would be {total}.",
            "Ask for fewer images, or leave some out.",
        )


def check_input_sizes(spec: ModelSpec, names: Sequence[str], sizes: Sequence[Size]) -> None:
    """Check the upright size of each input, called by its name, against what the model takes.

    Raises ImageSizeOutOfRange naming the file.
    """
    for name, size in zip(names, sizes, strict=True):
        size_in_range(spec, name, size, scale=False)


def size_in_range(spec: ModelSpec, name: str, size: Size, *, scale: bool) -> Size:
    """Return `size`, or with `scale` the nearest of the same ratio, whose sides are within the model's range.

    Raises ImageSizeOutOfRange naming the file where there is none.
    """
    if spec.inputs.takes(size):
        return size
    low, high = spec.inputs.min_side_px, spec.inputs.max_side_px
    message = f"{name} is {size} px; {spec.name} takes sides from {low} to {high} px."
    scaled = plan_into_range(size, low, high)
    if scaled is None:
        raise ImageSizeOutOfRange(
            "images",
            f"{message} No scale brings both sides there: it is too long for its width.",
            "Crop a copy of it, or choose another model.",
        )
    if not scale:
        raise ImageSizeOutOfRange(
            "images", message, f"Use a copy scaled to {scaled} px (--scale), or choose another model."
        )
    return scaled
