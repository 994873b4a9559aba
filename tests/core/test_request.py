"""Requests: checked before anything is spent, and the same again after JSON."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.errors import (
    ExitCode,
    ImageSizeOutOfRange,
    InvalidRequest,
    QieError,
    UnknownModel,
    UnknownParameter,
    did_you_mean,
)
from qie_desktop.core.geometry import Size
from qie_desktop.core.parameters import MAX_SEED, ParameterKind
from qie_desktop.core.request import (
    MAX_PROMPT_CHARS,
    Request,
    build_request,
    check_input_sizes,
    size_in_range,
)

LOCAL = "qwen-image-edit-2509-gguf"
ONE = (Path("a.png"),)
TWO = (Path("a.png"), Path("b.png"))


def _refused(field, *arguments, error=InvalidRequest):
    with pytest.raises(error) as caught:
        build_request(*arguments)
    assert type(caught.value) is error
    assert caught.value.field == field
    assert caught.value.exit_code is ExitCode.INVALID
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.id)
def test_a_prompt_and_its_inputs_are_enough_for_every_model(spec):
    for count in range(spec.inputs.minimum, min(spec.inputs.maximum, 3) + 1):
        inputs = [Path(f"{index}.png") for index in range(count)]
        request = build_request(spec.id, "  a fox ", inputs)
        assert (request.model_id, request.prompt, request.inputs) == (spec.id, "a fox", tuple(inputs))
        assert request.seed is None
        order = [parameter.name for parameter in spec.parameters]
        assert [name for name, _ in request.values] == sorted(dict(request.values), key=order.index)
        assert not {"seed", "negative_prompt"} & set(dict(request.values))


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t"])
def test_an_empty_prompt_is_refused(prompt):
    _refused("prompt", "qwen-image", prompt)


def test_a_prompt_as_long_as_a_file_is_refused():
    assert build_request("qwen-image", "x" * MAX_PROMPT_CHARS).prompt
    assert "10,001" in _refused("prompt", "qwen-image", "x" * (MAX_PROMPT_CHARS + 1)).message


def test_an_unknown_model_is_refused():
    assert "qwen-image" in _refused("model", "qwen-imag", "a fox", error=UnknownModel).hint


@pytest.mark.parametrize(
    ("model_id", "count"),
    [(LOCAL, 0), (LOCAL, 3), ("qwen-image-edit", 0), ("qwen-image-edit", 2), ("qwen-image-edit-plus", 4),
     ("hunyuan-image-3", 1), ("qwen-image", 1), ("seedream-4", 11), ("starter", 0), ("starter", 2)],
)  # fmt: skip
def test_too_few_or_too_many_images_are_refused(model_id, count):
    error = _refused("images", model_id, "a fox", [Path("a.png")] * count)
    assert find_model(model_id).name in error.message
    assert f"{count} given" in error.message


@pytest.mark.parametrize(
    ("options", "steps", "guidance"),
    [
        ({}, 4, 1.0),
        ({"quality": "lightning-4"}, 4, 1.0),
        ({"quality": "lightning-8"}, 8, 1.0),
        ({"quality": "full"}, 40, 4.0),
        ({"quality": "full", "steps": 20}, 20, 4.0),
        ({"quality": "lightning-8", "guidance": "2.5"}, 8, 2.5),
    ],
)
def test_the_quality_sets_steps_and_guidance_unless_they_are_given(options, steps, guidance):
    request = build_request(LOCAL, "a fox", ONE, options)
    assert (request.value("steps"), request.value("guidance")) == (steps, guidance)
    assert (request.negative_prompt, request.value("quantisation")) == (" ", "Q5_K_S")


def test_how_two_images_are_combined_is_a_question_with_two_only():
    assert build_request(LOCAL, "a fox", TWO).value("combine") == "side-by-side"
    assert build_request(LOCAL, "a fox", TWO, {"combine": "references"}).value("combine") == "references"
    assert build_request(LOCAL, "a fox", ONE).value("combine") is None
    error = _refused("combine", LOCAL, "a fox", ONE, {"combine": "references"}, error=UnknownParameter)
    assert "at least 2" in error.message


def test_an_unknown_parameter_is_asked_back():
    error = _refused("setps", LOCAL, "a fox", ONE, {"setps": 4}, error=UnknownParameter)
    assert error.hint == 'Did you mean "steps"?'


def test_an_edit_model_refuses_an_aspect_ratio():
    for spec in CATALOGUE:
        if spec.parameter("aspect_ratio") is None:
            inputs = [Path("a.png")] * spec.inputs.minimum
            options = {"aspect_ratio": "16:9"}
            _refused("aspect_ratio", spec.id, "a fox", inputs, options, error=UnknownParameter)


@pytest.mark.parametrize(
    ("model_id", "options", "hint"),
    [
        ("qwen-image", {"aspect_ratio": "16:8"}, '"16:9"'),
        ("qwen-image", {"output_format": "jpeg"}, '"jpg"'),
        ("qwen-image", {"steps": 0}, ""),
        ("qwen-image", {"steps": 51}, ""),
        ("qwen-image", {"steps": 2.5}, ""),
        ("qwen-image", {"steps": "many"}, ""),
        ("qwen-image", {"steps": "nan"}, ""),
        ("qwen-image", {"guidance": 10.1}, ""),
        ("qwen-image", {"guidance": "inf"}, ""),
        ("qwen-image", {"seed": -1}, ""),
        ("qwen-image", {"seed": MAX_SEED + 1}, ""),
        ("qwen-image", {"go_fast": "perhaps"}, ""),
        ("seedream-4", {"size": "8K"}, ""),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(model_id, options, hint):
    (name,) = options
    assert hint in _refused(name, model_id, "a fox", (), options).hint


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("Yes", True), ("0", False), ("off", False), (False, False), (True, True)],
)
def test_a_switch_is_read_from_words(text, value):
    assert build_request("qwen-image", "a fox", (), {"go_fast": text}).value("go_fast") is value


def test_whole_numbers_are_whole_and_others_are_not():
    request = build_request("qwen-image", "a fox", (), {"steps": "12", "guidance": "3", "seed": "7"})
    assert [type(value) for value in (request.value("steps"), request.value("guidance"), request.seed)] == [
        int,
        float,
        int,
    ]


def test_the_ratio_of_the_input_is_for_requests_with_one():
    assert build_request("seedream-4", "a fox", ONE).value("aspect_ratio") == "match_input_image"
    assert build_request("seedream-4", "a fox").value("aspect_ratio") == "1:1"
    options = {"aspect_ratio": "match_input_image"}
    assert "image" in _refused("aspect_ratio", "seedream-4", "a fox", (), options).message


def test_width_and_height_are_for_a_custom_size():
    request = build_request("seedream-4", "a fox", (), {"size": "custom", "width": "1024", "height": 4096})
    assert (request.value("width"), request.value("height")) == (1024, 4096)
    assert build_request("seedream-4", "a fox", (), {"size": "custom"}).value("width") == 2048
    assert build_request("seedream-4", "a fox").value("width") is None
    error = _refused("width", "seedream-4", "a fox", (), {"width": 1024}, error=UnknownParameter)
    assert "size is custom" in error.message
    _refused("height", "seedream-4", "a fox", (), {"size": "custom", "height": 1023})


def test_the_compression_quality_is_for_formats_that_lose_something():
    assert build_request("qwen-image", "a fox").value("output_quality") == 80
    assert build_request("qwen-image", "a fox", (), {"output_format": "png"}).value("output_quality") is None


@pytest.mark.parametrize(("inputs", "count", "fits"), [(0, 15, True), (1, 14, True), (10, 5, True),
                                                       (1, 15, False), (10, 6, False)])  # fmt: skip
def test_inputs_and_outputs_of_seedream_are_fifteen_at_most(inputs, count, fits):
    arguments = ("seedream-4", "a fox", [Path("a.png")] * inputs,
                 {"sequential_image_generation": "auto", "count": count})  # fmt: skip
    if fits:
        request = build_request(*arguments)
        assert find_model("seedream-4").output_count(dict(request.values)) == count
    else:
        assert str(inputs + count) in _refused("count", *arguments).message


def test_several_images_are_asked_for_in_a_series_only():
    _refused("count", "seedream-4", "a fox", (), {"count": 3}, error=UnknownParameter)


def test_a_seed_is_drawn_once_and_kept():
    spec = find_model("starter")
    drawn = build_request("starter", "a fox", ONE).with_seed(spec, random.Random(1))
    assert 0 <= drawn.seed <= MAX_SEED
    assert drawn.with_seed(spec) is drawn
    assert drawn == build_request("starter", "a fox", ONE).with_seed(spec, random.Random(1))
    assert drawn != build_request("starter", "a fox", ONE).with_seed(spec, random.Random(2))
    assert build_request("starter", "a fox", ONE, {"seed": 0}).with_seed(spec).seed == 0


def test_no_seed_is_drawn_for_a_model_that_takes_none():
    request = build_request("seedream-4", "a fox")
    assert request.with_seed(find_model("seedream-4")) is request


def test_all_parameters_are_told_with_the_seed_among_them():
    request = build_request("starter", "a fox", ONE, {"seed": 3, "steps": 2})
    assert request.parameters() == {"steps": 2, "seed": 3}
    assert build_request(LOCAL, "a fox", ONE).parameters()["negative_prompt"] == " "


def test_other_files_make_the_same_request_over_them():
    request = build_request("starter", "a fox", ONE)
    moved = request.with_inputs([Path("/jobs/input_1.png")])
    assert moved.inputs == (Path("/jobs/input_1.png"),)
    assert moved.with_inputs(ONE) == request


@st.composite
def _requests(draw: st.DrawFn) -> Request:
    spec = draw(st.sampled_from(CATALOGUE))
    names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
        lambda name: name not in {".", ".."}
    )
    inputs = draw(st.lists(names, min_size=spec.inputs.minimum, max_size=min(spec.inputs.maximum, 4)))
    options: dict[str, object] = {}
    for parameter in spec.parameters:
        if parameter.kind is ParameterKind.SEED and draw(st.booleans()):
            options[parameter.name] = draw(st.integers(0, MAX_SEED))
        if parameter.kind is ParameterKind.TEXT and draw(st.booleans()):
            options[parameter.name] = draw(st.text())
        if parameter.kind is ParameterKind.NUMBER and draw(st.booleans()):
            options[parameter.name] = draw(st.floats(parameter.minimum, parameter.maximum))
    prompt = draw(st.text(min_size=1).filter(str.strip))
    return build_request(spec.id, prompt, [Path(name) for name in inputs], options)


@given(_requests())
def test_a_request_is_the_same_after_json(request_):
    data = json.loads(json.dumps(request_.to_json()))
    assert Request.from_json(data) == request_


def test_inputs_are_read_back_from_the_folder_of_the_job():
    request = build_request(LOCAL, "a fox", (Path("/home/me/Pictures/a.png"),))
    data = request.to_json()
    assert "/home/me" not in json.dumps(data)
    assert Request.from_json(data, Path("/jobs/1")).inputs == (Path("/jobs/1/a.png"),)


_WHOLE = build_request("starter", "a fox", ONE, {"seed": 1}).to_json()


@pytest.mark.parametrize(
    "data",
    [{}, *({key: value for key, value in _WHOLE.items() if key != absent} for absent in _WHOLE),
     _WHOLE | {"seed": "x"}, _WHOLE | {"seed": []}, _WHOLE | {"inputs": None}, _WHOLE | {"parameters": 3}],
)  # fmt: skip
def test_what_is_no_request_is_a_value_error(data):
    with pytest.raises(ValueError, match=r"not a request|invalid literal"):
        Request.from_json(data)


@pytest.mark.parametrize(
    ("model_id", "size", "fits"),
    [("qwen-image-edit-plus", (384, 3072), True), ("qwen-image-edit-plus", (383, 400), False),
     ("qwen-image-edit-plus", (400, 3073), False), ("starter", (64, 8000), True),
     ("starter", (63, 64), False), ("starter", (8001, 64), False)],
)  # fmt: skip
def test_sizes_of_inputs_are_checked_by_name(model_id, size, fits):
    sizes = [Size(500, 500), Size(*size)]
    if fits:
        check_input_sizes(find_model(model_id), ["good.png", "odd.png"], sizes)
        return
    with pytest.raises(ImageSizeOutOfRange, match=r"odd\.png") as caught:
        check_input_sizes(find_model(model_id), ["good.png", "odd.png"], sizes)
    assert str(Size(*size)) in caught.value.message
    assert caught.value.field == "images"
    assert caught.value.hint


def test_a_size_out_of_range_comes_with_the_way_into_it():
    spec = find_model("qwen-image-edit-plus")
    assert size_in_range(spec, "a.png", Size(150, 100), scale=True) == (576, 384)
    with pytest.raises(ImageSizeOutOfRange) as caught:
        check_input_sizes(spec, ["a.png"], [Size(150, 100)])
    assert "--scale" in caught.value.hint
    assert "576×384 px" in caught.value.hint
    with pytest.raises(ImageSizeOutOfRange) as caught:
        size_in_range(spec, "a.png", Size(150, 10), scale=True)
    assert "--scale" not in caught.value.hint


@pytest.mark.parametrize(
    ("size", "far"),
    [
        ((1024, 1024), False),
        ((1448, 1448), False),
        ((1449, 1449), True),
        ((800, 656), False),
        ((384, 400), True),
    ],
)
def test_a_picture_is_far_from_the_ideal_by_its_area(size, far):
    assert find_model("qwen-image-edit-plus").inputs.is_far_from_ideal(Size(*size)) is far
    assert not find_model("qwen-image-edit").inputs.is_far_from_ideal(Size(*size))


def _all_errors(root: type[QieError]) -> list[type[QieError]]:
    return [root, *(found for child in root.__subclasses__() for found in _all_errors(child))]


def test_every_error_has_a_code_of_its_own_and_is_in_the_drawn_tree():
    from qie_desktop.core import cloud_errors, errors

    modules = {errors.__name__, cloud_errors.__name__}
    tree = [error for error in _all_errors(QieError) if error.__module__ in modules]
    assert len({error.code for error in tree}) == len(tree)
    for error in tree:
        assert error.__name__ in errors.__doc__


def test_an_error_becomes_data():
    error = InvalidRequest("steps", "Too many.", "Take fewer.")
    assert (error.info().code, error.info().message, error.info().hint) == (
        "invalid_request",
        "Too many.",
        "Take fewer.",
    )
    assert str(error) == "Too many."


def test_nothing_known_gives_no_hint():
    assert did_you_mean("x", []) == ""
