"""Parameters of models as data: what they are called, what they can be, what they default to.

A widget, a command-line option, a check and a request's wire form are all derived from a `ParameterSpec`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qie_desktop.core.errors import InvalidRequest, did_you_mean
from qie_desktop.core.loras import format_loras, parse_loras

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = str | int | float | bool
"""What a parameter can hold. A seed left to chance is absent, not None."""

MAX_SEED = 2**31 - 1
"""The largest seed that every provider takes."""

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


class ParameterKind(StrEnum):
    """What sort of value a parameter takes, and so which control shows it."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    CHOICE = "choice"
    ASPECT_RATIO = "aspect_ratio"
    SEED = "seed"
    LORAS = "loras"
    """A text, see `qie_desktop.core.loras`; the bounds are those of the strengths."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values of a parameter; offered only with at least `min_inputs` pictures."""

    value: str
    label: str
    help: str = ""
    min_inputs: int = 0


@dataclass(frozen=True, slots=True)
class When:
    """True when the named parameter has one of these values."""

    parameter: str
    values: tuple[Value, ...]

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether the condition is met by `values`."""
        return values.get(self.parameter) in self.values


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One parameter of a model.

    `default` None means: left to chance (a seed) or to the provider, or none at all (LoRAs). `default_when`
    overrides it by the value of an earlier parameter. `applies_when` and `min_inputs` say when the parameter
    exists at all. `wire_name` is what the provider calls it, where that differs from `name`.
    """

    name: str
    label: str
    kind: ParameterKind
    default: Value | None
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Choice, ...] = ()
    default_when: tuple[tuple[When, Value], ...] = ()
    applies_when: When | None = None
    min_inputs: int = 0
    wire_name: str = ""

    @property
    def provider_name(self) -> str:
        """The provider's name for this parameter."""
        return self.wire_name or self.name

    def applies(self, values: Mapping[str, Value], input_count: int) -> bool:
        """Whether the parameter exists beside these other values and this many pictures."""
        if input_count < self.min_inputs:
            return False
        return self.applies_when is None or self.applies_when.holds(values)

    def offered(self, input_count: int) -> tuple[Choice, ...]:
        """Return the choices that can be taken with this many pictures."""
        return tuple(choice for choice in self.choices if input_count >= choice.min_inputs)

    def default_for(self, values: Mapping[str, Value], input_count: int) -> Value | None:
        """Return the default beside these other values and this many pictures."""
        for when, value in self.default_when:
            if when.holds(values):
                return value
        offered = self.offered(input_count)
        if offered and self.default not in {choice.value for choice in offered}:
            return offered[0].value
        return self.default

    def parse(self, given: object, input_count: int) -> Value:
        """Return `given` (a value or its text) as this parameter's value.

        Raises InvalidRequest naming the parameter and what it can be.
        """
        match self.kind:
            case ParameterKind.INTEGER | ParameterKind.SEED:
                return int(self._bounded(self._number(given, whole=True)))
            case ParameterKind.NUMBER:
                return self._bounded(self._number(given, whole=False))
            case ParameterKind.BOOLEAN:
                return self._boolean(given)
            case ParameterKind.TEXT:
                return str(given)
            case ParameterKind.CHOICE | ParameterKind.ASPECT_RATIO:
                return self._choice(given, input_count)
            case ParameterKind.LORAS:
                return self._loras(given)

    def _number(self, given: object, *, whole: bool) -> float:
        kind = "a whole number" if whole else "a number"
        if not isinstance(given, bool) and isinstance(given, (int, float, str)):
            try:
                number = float(given)
            except (ValueError, OverflowError):
                number = float("nan")
            if number - number == 0 and not (whole and number != int(number)):
                return number
        raise self._invalid(f"{self.name} must be {kind}, not {given!r}.")

    def _bounded(self, number: float) -> float:
        low, high = self.minimum, self.maximum
        if (low is not None and number < low) or (high is not None and number > high):
            raise self._invalid(f"{self.name} must be {self.range_text()}, not {number:g}.")
        return number

    def _boolean(self, given: object) -> bool:
        text = str(given).strip().lower()
        if text in _TRUE | _FALSE:
            return text in _TRUE
        raise self._invalid(f"{self.name} must be true or false, not {given!r}.")

    def _choice(self, given: object, input_count: int) -> str:
        text = str(given)
        offered = [choice.value for choice in self.offered(input_count)]
        if text in offered:
            return text
        if text in {choice.value for choice in self.choices}:
            raise self._invalid(
                f'{self.name} "{text}" needs an input image.', "Add an image, or choose another."
            )
        raise self._invalid(f'{self.name} cannot be "{text}".', did_you_mean(text, offered))

    def _loras(self, given: object) -> str:
        try:
            loras = parse_loras(str(given))
        except ValueError as error:
            raise self._invalid(f"{self.name}: {error}") from error
        for lora in loras:
            self._bounded(lora.strength)
        return format_loras(loras)

    def _invalid(self, message: str, hint: str = "") -> InvalidRequest:
        return InvalidRequest(self.name, message, hint or self.help)

    def range_text(self) -> str:
        """Return the bounds in words."""
        match self.minimum, self.maximum:
            case None, None:
                return "any number"
            case None, high:
                return f"at most {high:g}"
            case low, None:
                return f"at least {low:g}"
            case low, high:
                return f"between {low:g} and {high:g}"
