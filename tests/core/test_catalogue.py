"""The seven models as data."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise

import pytest

from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.errors import InvalidRequest, UnknownModel
from qie_desktop.core.geometry import parse_ratio
from qie_desktop.core.model import HubWeights, ModelKind, Place
from qie_desktop.core.parameters import MAX_SEED, ParameterKind
from qie_desktop.core.shared_parameters import MATCH_INPUT_IMAGE

CLOUD = [spec for spec in CATALOGUE if spec.place is Place.CLOUD]
LOCAL = [spec for spec in CATALOGUE if spec.place is Place.LOCAL]
PARAMETERS = [(spec, parameter) for spec in CATALOGUE for parameter in spec.parameters]

_COMMON = {"go_fast", "seed", "output_format", "output_quality", "disable_safety_checker"}
WIRE_KEYS = {
    "qwen-image-edit": _COMMON | {"prompt", "image"},
    "qwen-image-edit-plus": _COMMON | {"prompt", "image", "aspect_ratio"},
    "hunyuan-image-3": _COMMON | {"prompt", "aspect_ratio"},
    "qwen-image": _COMMON
    | {"prompt", "aspect_ratio", "image_size", "guidance", "num_inference_steps", "negative_prompt"}
    | {"enhance_prompt"},
    "seedream-4": {
        "prompt", "image_input", "size", "width", "height", "aspect_ratio", "sequential_image_generation",
        "max_images", "enhance_prompt",
    },
}  # fmt: skip
"""The input schemas at Replicate, but for the image and LoRA fields of qwen-image: it is text-only here."""


def _name(value: object) -> str:
    return getattr(value, "id", None) or getattr(value, "name", "") or str(value)


def test_the_models_are_the_seven():
    assert [(spec.id, spec.kind, spec.place) for spec in CATALOGUE] == [
        ("qwen-image-edit-2509-gguf", ModelKind.EDIT, Place.LOCAL),
        ("qwen-image-edit", ModelKind.EDIT, Place.CLOUD),
        ("qwen-image-edit-plus", ModelKind.EDIT, Place.CLOUD),
        ("hunyuan-image-3", ModelKind.GENERATE, Place.CLOUD),
        ("qwen-image", ModelKind.GENERATE, Place.CLOUD),
        ("seedream-4", ModelKind.HYBRID, Place.CLOUD),
        ("starter", ModelKind.EDIT, Place.LOCAL),
    ]


@pytest.mark.parametrize(
    ("model_id", "inputs", "outputs"),
    [
        ("qwen-image-edit-2509-gguf", (1, 2), 1),
        ("qwen-image-edit", (1, 1), 1),
        ("qwen-image-edit-plus", (1, 3), 1),
        ("hunyuan-image-3", (0, 0), 1),
        ("qwen-image", (0, 0), 1),
        ("seedream-4", (0, 10), 15),
        ("starter", (1, 1), 1),
    ],
)
def test_each_model_takes_and_makes_so_many_pictures(model_id, inputs, outputs):
    spec = find_model(model_id)
    assert (spec.inputs.minimum, spec.inputs.maximum) == inputs
    assert spec.outputs.maximum == outputs


@pytest.mark.parametrize("spec", CATALOGUE, ids=_name)
def test_a_model_says_what_it_is(spec):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", spec.id)
    assert spec.name
    assert spec.summary.endswith(".")
    assert find_model(spec.id) is spec


def test_ids_and_names_are_unique():
    assert len({spec.id for spec in CATALOGUE}) == len({spec.name for spec in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("spec", CATALOGUE, ids=_name)
def test_the_kind_agrees_with_the_inputs(spec):
    least, most = {
        ModelKind.EDIT: (1, spec.inputs.maximum),
        ModelKind.GENERATE: (0, 0),
        ModelKind.HYBRID: (0, max(1, spec.inputs.maximum)),
    }[spec.kind]
    assert (spec.inputs.minimum, spec.inputs.maximum) == (least, most)


@pytest.mark.parametrize("spec", CATALOGUE, ids=_name)
def test_an_edit_model_has_no_aspect_ratio_and_every_other_has(spec):
    assert (spec.parameter("aspect_ratio") is None) is (spec.kind is ModelKind.EDIT)


def test_an_edit_model_sends_no_ratio_but_that_of_the_input():
    for spec in CLOUD:
        if spec.kind is ModelKind.EDIT:
            assert dict(spec.cloud.fixed).get("aspect_ratio", MATCH_INPUT_IMAGE) == MATCH_INPUT_IMAGE


@pytest.mark.parametrize("spec", CLOUD, ids=_name)
def test_a_cloud_model_sends_exactly_the_keys_of_its_schema(spec):
    keys = ["prompt", *(parameter.wire_name or parameter.name for parameter in spec.parameters)]
    keys += [name for name, _ in spec.cloud.fixed]
    keys += [spec.cloud.image_field] if spec.cloud.image_field else []
    assert sorted(keys) == sorted(WIRE_KEYS[spec.id])


def test_every_cloud_model_has_its_schema_here():
    assert {spec.id for spec in CLOUD} == set(WIRE_KEYS)


@pytest.mark.parametrize("spec", CATALOGUE, ids=_name)
def test_a_model_has_what_its_place_needs(spec):
    assert (spec.cloud is not None, spec.local is not None, spec.price is not None) == (
        (True, False, True) if spec.place is Place.CLOUD else (False, True, False)
    )


@pytest.mark.parametrize("spec", CLOUD, ids=_name)
def test_pictures_go_in_where_a_model_takes_them(spec):
    assert (spec.cloud.image_field is None) is (spec.inputs.maximum == 0)
    assert spec.cloud.image_is_list is (spec.inputs.maximum > 1)


@pytest.mark.parametrize(
    ("model_id", "usd"),
    [("qwen-image-edit", 0.03), ("qwen-image-edit-plus", 0.03), ("hunyuan-image-3", 0.08),
     ("qwen-image", 0.025), ("seedream-4", 0.03)],
)  # fmt: skip
def test_prices_are_those_of_the_list(model_id, usd):
    price = find_model(model_id).price
    assert price.usd_per_output == usd
    assert date.fromisoformat(price.seen_on).year >= 2025


def test_the_cost_is_for_each_output_and_nothing_for_a_local_model():
    seedream = find_model("seedream-4")
    assert seedream.estimated_cost_usd({}) == pytest.approx(0.03)
    assert seedream.estimated_cost_usd({"count": 5}) == pytest.approx(0.15)
    assert seedream.estimated_cost_usd({"count": 5}, price_usd=0.1) == pytest.approx(0.5)
    assert find_model("starter").estimated_cost_usd({"steps": 4}) == 0


@pytest.mark.parametrize("spec", CATALOGUE, ids=_name)
def test_typical_times_run_upward(spec):
    if spec.typical_seconds is not None:
        assert 0 < spec.typical_seconds[0] < spec.typical_seconds[1]


@pytest.mark.parametrize(("spec", "parameter"), PARAMETERS, ids=_name)
def test_a_parameter_is_documented(spec, parameter):
    assert spec.parameter(parameter.name) is parameter
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", parameter.name)
    assert parameter.label[0].isupper()
    assert parameter.help.endswith(".")


@pytest.mark.parametrize(("spec", "parameter"), PARAMETERS, ids=_name)
def test_every_default_is_a_value_that_the_parameter_takes(spec, parameter):
    for count in range(spec.inputs.minimum, spec.inputs.maximum + 1):
        contexts = [{when.parameter: value} for when, _ in parameter.default_when for value in when.values]
        for context in ({}, *contexts):
            default = parameter.default_for(context, count)
            if default is None:
                assert parameter.kind in {ParameterKind.SEED, ParameterKind.LORAS}
            else:
                parsed = parameter.parse(default, count)
                assert (parsed, type(parsed)) == (default, type(default))
                assert parameter.parse(str(default), count) == default


@pytest.mark.parametrize(("spec", "parameter"), PARAMETERS, ids=_name)
def test_a_value_out_of_bounds_is_named(spec, parameter):
    outside = {
        ParameterKind.INTEGER: [parameter.minimum, parameter.maximum],
        ParameterKind.NUMBER: [parameter.minimum, parameter.maximum],
        ParameterKind.SEED: [0, MAX_SEED],
    }.get(parameter.kind)
    given = [outside[0] - 1, outside[1] + 1, "many", None, True] if outside else ["nothing of the kind"]
    if parameter.kind is ParameterKind.LORAS:
        given = ["style:-4.1", "style:4.1", "style:nan", "style:many", "../style", "a; a.safetensors", ":1"]
    if parameter.kind is ParameterKind.TEXT:
        assert parameter.parse("anything", 1) == "anything"
        return
    for value in given:
        with pytest.raises(InvalidRequest) as caught:
            parameter.parse(value, spec.inputs.maximum)
        assert caught.value.field == parameter.name
        assert parameter.name in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize(("spec", "parameter"), PARAMETERS, ids=_name)
def test_conditions_name_earlier_parameters_and_values_that_they_have(spec, parameter):
    names = [each.name for each in spec.parameters]
    conditions = [when for when, _ in parameter.default_when]
    conditions += [parameter.applies_when] if parameter.applies_when else []
    for when in conditions:
        assert names.index(when.parameter) < names.index(parameter.name)
        offered = {choice.value for choice in spec.parameter(when.parameter).choices}
        assert set(when.values) <= offered


@pytest.mark.parametrize(("spec", "parameter"), PARAMETERS, ids=_name)
def test_choices_are_for_choosing(spec, parameter):
    chooses = parameter.kind in {ParameterKind.CHOICE, ParameterKind.ASPECT_RATIO}
    assert (len(parameter.choices) > 1) is chooses, spec.id
    assert len({choice.value for choice in parameter.choices}) == len(parameter.choices)
    if parameter.kind is ParameterKind.ASPECT_RATIO:
        for choice in parameter.choices:
            assert choice.value == MATCH_INPUT_IMAGE or parse_ratio(choice.value)


def test_parameter_names_are_unique_within_a_model():
    for spec in CATALOGUE:
        assert len({parameter.name for parameter in spec.parameters}) == len(spec.parameters)


def test_the_local_model_has_its_qualities_and_quantisations():
    spec = find_model("qwen-image-edit-2509-gguf")
    assert [(each.name, each.steps, each.guidance) for each in spec.local.qualities] == [
        ("lightning-4", 4, 1.0),
        ("lightning-8", 8, 1.0),
        ("full", 40, 4.0),
    ]
    assert [bool(each.lora) for each in spec.local.qualities] == [True, True, False]
    choices = [choice.value for choice in spec.parameter("quantisation").choices]
    assert choices == ["Q2_K", "Q4_K_M", "Q5_K_S", "Q8_0"]
    assert isinstance(spec.local.weights, HubWeights)
    files = [spec.local.weights.gguf_pattern.format(quantisation=choice) for choice in choices]
    assert all(one != other for one, other in pairwise(files))


@pytest.mark.parametrize(
    ("given", "meant"),
    [("qwen-image-edti", "qwen-image-edit"), ("Starter", "starter"), ("seedream", "seedream-4")],
)
def test_an_unknown_model_is_asked_back(given, meant):
    with pytest.raises(UnknownModel) as caught:
        find_model(given)
    assert caught.value.field == "model"
    assert given in caught.value.message
    assert caught.value.hint == f'Did you mean "{meant}"?'


def test_a_model_like_no_other_gets_the_whole_list():
    with pytest.raises(UnknownModel) as caught:
        find_model("zzzzzz")
    assert all(spec.id in caught.value.hint for spec in CATALOGUE)
