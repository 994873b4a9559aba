"""What is shown follows from the catalogue alone, and nothing is lost by looking at another model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.model import ModelKind, ModelSpec
from qie_desktop.core.parameters import MAX_SEED, ParameterKind, ParameterSpec, Value
from qie_desktop.ui.controls.image_slot import ImageSlot
from qie_desktop.ui.controls.options_panel import OptionsPanel
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.draft import Draft
from tests.ui.controls.conftest import find

every_model = pytest.mark.parametrize("spec", CATALOGUE, ids=[spec.id for spec in CATALOGUE])


def shown_parameters(panel: ControlsPanel, spec: ModelSpec) -> set[str]:
    """Return the parameters that have a visible control of their own, wherever it stands."""
    found = {
        parameter.name
        for parameter in spec.parameters
        if any(widget.isVisible() for widget in panel.findChildren(QWidget, f"option_{parameter.name}"))
    }
    if find(panel, "aspect_ratio").isVisible():
        found |= {each.name for each in spec.parameters if each.kind is ParameterKind.ASPECT_RATIO}
    return found


def expected_parameters(draft: Draft) -> set[str]:
    values = draft.values()
    return {each.name for each in draft.spec.parameters if each.applies(values, draft.image_count)}


def open_options(panel: ControlsPanel) -> OptionsPanel:
    options = find(panel, "more_options", OptionsPanel)
    assert isinstance(options, OptionsPanel)
    options.set_open(True)
    return options


@every_model
def test_exactly_the_parameters_that_apply_are_shown(
    panel: ControlsPanel, draft: Draft, photos: Callable[[int], list[Path]], spec: ModelSpec
) -> None:
    open_options(panel)
    draft.set_model(spec.id)
    assert shown_parameters(panel, spec) == expected_parameters(draft)
    for path in photos(min(2, spec.inputs.maximum)):
        draft.add_images([path])
        assert shown_parameters(panel, spec) == expected_parameters(draft)
    for slot in range(draft.image_count):
        draft.set_image(slot, None)
        assert shown_parameters(panel, spec) == expected_parameters(draft)


@every_model
def test_there_are_as_many_slots_as_the_model_takes(
    panel: ControlsPanel, draft: Draft, spec: ModelSpec
) -> None:
    draft.set_model(spec.id)
    visible = [slot.index for slot in panel.findChildren(ImageSlot) if slot.isVisible()]
    assert sorted(visible) == list(range(spec.inputs.maximum))
    assert find(panel, "image_slots").isVisible() == (spec.inputs.maximum > 0)


@every_model
def test_ratios_are_shown_as_the_model_offers_them_and_never_to_an_edit_model(
    panel: ControlsPanel, draft: Draft, photos: Callable[[int], list[Path]], spec: ModelSpec
) -> None:
    draft.set_model(spec.id)
    tiles = find(panel, "aspect_ratio")
    parameter = next((each for each in spec.parameters if each.kind is ParameterKind.ASPECT_RATIO), None)
    assert tiles.isVisible() == (parameter is not None)
    if spec.kind is ModelKind.EDIT:
        assert not tiles.isVisible()
    if parameter is None:
        return
    for path in [None, *photos(1)]:
        if path and spec.inputs.maximum:
            draft.set_image(0, path)
        offered = tuple(choice.value for choice in parameter.offered(draft.image_count))
        assert tiles.ratios == offered  # type: ignore[attr-defined]


@every_model
def test_examples_words_and_the_verb_are_the_models_own(
    panel: ControlsPanel, draft: Draft, spec: ModelSpec
) -> None:
    draft.set_model(spec.id)
    chips = find(panel, "prompt_examples")
    assert chips.isVisible() == bool(spec.examples)
    shown = [chip.text() for chip in chips.findChildren(QAbstractButton) if chip.isVisible()]
    assert shown == list(spec.examples)
    button = find(panel, "run_button", QAbstractButton)
    assert isinstance(button, QAbstractButton)
    assert button.text() == ("Edit" if spec.kind is ModelKind.EDIT else "Generate")
    summary = find(panel, "model_summary", QLabel)
    assert isinstance(summary, QLabel)
    assert summary.text().startswith({"edit": "Edit", "generate": "Generate", "hybrid": "Hybrid"}[spec.kind])
    assert ("free" in summary.text()) == (spec.price is None)


def another(parameter: ParameterSpec, default: Value | None) -> Value:
    """Return a value that is not the default."""
    match parameter.kind:
        case ParameterKind.BOOLEAN:
            return not default
        case ParameterKind.TEXT:
            return "blurred"
        case ParameterKind.SEED:
            return MAX_SEED
        case ParameterKind.LORAS:
            return "ink.safetensors:0.5"
        case ParameterKind.INTEGER | ParameterKind.NUMBER:
            return parameter.maximum if default != parameter.maximum else parameter.minimum  # type: ignore[return-value]
        case _:
            return next(choice.value for choice in parameter.choices[::-1] if choice.value != default)


@every_model
def test_everything_is_kept_when_switching_there_and_back(
    panel: ControlsPanel, draft: Draft, photos: Callable[[int], list[Path]], spec: ModelSpec
) -> None:
    options = open_options(panel)
    draft.set_model(spec.id)
    images = photos(spec.inputs.maximum)
    panel.take_files(images)
    draft.set_prompt("a fox in the snow")
    for parameter in spec.parameters:
        if parameter.applies(draft.values(), draft.image_count):
            draft.set_value(parameter.name, another(parameter, draft.values().get(parameter.name)))
    before = draft.values()
    for other in CATALOGUE:
        draft.set_model(other.id)
        assert draft.prompt == "a fox in the snow"
    draft.set_model(spec.id)
    assert draft.values() == before
    assert draft.images == tuple(images)
    assert set(options.editors) <= expected_parameters(draft)
    assert find(panel, "prompt_edit").toPlainText() == "a fox in the snow"  # type: ignore[attr-defined]


def test_switching_models_leaves_no_widgets_behind(panel: ControlsPanel, draft: Draft) -> None:
    counts: list[int] = []
    for _ in range(3):
        for spec in CATALOGUE:
            draft.set_model(spec.id)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        counts.append(len(panel.findChildren(QWidget)))
    assert counts[0] == counts[1] == counts[2]


def test_switching_models_for_long_leaves_nothing_of_qts_own_behind(
    panel: ControlsPanel, draft: Draft
) -> None:
    # What PySide keeps of a layout's items outlives them: after some rounds, the program crashed.
    for _ in range(60):
        for spec in CATALOGUE:
            draft.set_model(spec.id)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert panel.isVisible()
