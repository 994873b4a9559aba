"""What the person has set up and not yet run: the state behind the controls on the left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import QieError
from qie_desktop.core.request import Request, build_request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.parameters import Value


class Draft(QObject):
    """The request in the making. Controls show it and change it through its methods. GUI thread only.

    Nothing is lost by switching models: values are kept for each model, images and prompt for all; a model
    sees as many images as it takes.
    """

    model_changed = Signal()
    """The model is another one."""
    images_changed = Signal()
    """Images were added, removed, replaced or reordered."""
    prompt_changed = Signal()
    """The prompt is another text."""
    values_changed = Signal()
    """A parameter of the current model was set or reset."""

    def __init__(self, model_id: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._spec = find_model(model_id)
        self._images: list[Path | None] = []
        self._prompt = ""
        self._values: dict[str, dict[str, Value]] = {}

    @property
    def spec(self) -> ModelSpec:
        """The current model."""
        return self._spec

    @property
    def images(self) -> tuple[Path | None, ...]:
        """The slots of the current model, empty ones as None: as many as it takes."""
        count = self._spec.inputs.maximum
        padded = [*self._images, *[None] * count]
        return tuple(padded[:count])

    @property
    def prompt(self) -> str:
        """The prompt as typed."""
        return self._prompt

    @property
    def given(self) -> dict[str, Value]:
        """The parameters of the current model that were set; the others are at their defaults."""
        return dict(self._values.get(self._spec.id, {}))

    @property
    def image_count(self) -> int:
        """How many slots of the current model are filled."""
        return sum(path is not None for path in self.images)

    def values(self) -> dict[str, Value]:
        """Return all parameters that apply now, given ones and defaults."""
        return self._spec.resolve(self._applicable(), self.image_count)

    def set_model(self, model_id: str) -> None:
        """Choose a model."""
        if model_id != self._spec.id:
            self._spec = find_model(model_id)
            self.model_changed.emit()

    def set_prompt(self, prompt: str) -> None:
        """Set the prompt."""
        if prompt != self._prompt:
            self._prompt = prompt
            self.prompt_changed.emit()

    def set_value(self, name: str, value: Value | None) -> None:
        """Set a parameter of the current model, or go back to its default with None."""
        values = self._values.setdefault(self._spec.id, {})
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
        self.values_changed.emit()

    def reset_values(self) -> None:
        """Set all parameters of the current model back to their defaults."""
        self._values.pop(self._spec.id, None)
        self.values_changed.emit()

    def set_image(self, slot: int, path: Path | None) -> None:
        """Put an image into a slot, or clear it with None."""
        self._grow(slot + 1)
        self._images[slot] = path
        self.images_changed.emit()

    def add_images(self, paths: Iterable[Path]) -> list[Path]:
        """Fill the free slots of the current model in order; return what found no place."""
        left = list(paths)
        self._grow(self._spec.inputs.maximum)
        for slot in range(self._spec.inputs.maximum):
            if left and self._images[slot] is None:
                self._images[slot] = left.pop(0)
        self.images_changed.emit()
        return left

    def move_image(self, source: int, target: int) -> None:
        """Move the image of one slot to another; those between move up or down."""
        self._grow(max(source, target) + 1)
        self._images.insert(target, self._images.pop(source))
        self.images_changed.emit()

    def load(self, request: Request) -> None:
        """Take over everything from a request: model, images, prompt, parameters, seed."""
        self._images = list(request.inputs)
        self._prompt = request.prompt
        self._spec = find_model(request.model_id)
        self._values[self._spec.id] = request.parameters()
        for signal in (self.model_changed, self.images_changed, self.prompt_changed, self.values_changed):
            signal.emit()

    def request(self) -> Request:
        """Return the checked request. Raises InvalidRequest and its kin, naming the field."""
        inputs = [path for path in self.images if path is not None]
        return build_request(self._spec.id, self._prompt, inputs, self._applicable())

    def problem(self) -> QieError | None:
        """Return why this cannot be run, or None when it can."""
        try:
            self.request()
        except QieError as error:
            return error
        return None

    def _applicable(self) -> dict[str, Value]:
        """Return what was set, without parameters that do not apply beside the others."""
        applicable: dict[str, Value] = {}
        values: dict[str, Value] = {}
        given, count = self.given, self.image_count
        for spec in self._spec.parameters:
            if not spec.applies(values, count):
                continue
            default = spec.default_for(values, count)
            offered = {choice.value for choice in spec.offered(count)}
            value = given.get(spec.name)
            if value is not None and (not spec.choices or value in offered):
                applicable[spec.name] = value
            current = applicable.get(spec.name, default)
            if current is not None:
                values[spec.name] = current
        return applicable

    def _grow(self, count: int) -> None:
        self._images += [None] * (count - len(self._images))
