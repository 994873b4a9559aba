"""What the models that make pictures from words offer, and what is sent of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QLabel, QLineEdit, QPushButton, QSpinBox, QWidget

from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import Front

RATIOS = {
    "hunyuan-image-3": ["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"],
    "qwen-image": ["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"],
    "seedream-4": ["1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"],
}
OPTIONS = {
    "hunyuan-image-3": {"go_fast", "seed", "output_format", "output_quality", "disable_safety_checker"},
    "qwen-image": {
        "image_size", "guidance", "steps", "negative_prompt", "enhance_prompt", "go_fast", "seed",
        "output_format", "output_quality", "disable_safety_checker",
    },
    "seedream-4": {"size", "sequential_image_generation", "enhance_prompt"},
}  # fmt: skip


def tiles(front: Front) -> list[str]:
    found = front.find(QWidget, "aspect_ratio").findChildren(QAbstractButton)
    return [tile.objectName().removeprefix("aspect_ratio_") for tile in found if tile.isVisible()]


def options(front: Front) -> set[str]:
    inside = front.find(QWidget, "more_options_content")
    names = (child.objectName() for child in inside.findChildren(QWidget) if child.isVisible())
    return {name.removeprefix("option_") for name in names if name.startswith("option_")}


def unfold(front: Front, model_id: str) -> None:
    front.window.resize(1200, 1000)
    front.choose(model_id)
    front.click(front.find(QAbstractButton, "more_options_toggle"))


def segment(front: Front, name: str, text: str) -> None:
    """Press one of a parameter's choices."""
    buttons = front.find(QWidget, f"option_{name}").findChildren(QAbstractButton)
    next(button for button in buttons if button.text() == text).click()


def sent(front: Front, server: ReplicateServer) -> dict[str, Any]:
    """Run, and return the input that has been sent."""
    front.type_prompt("a red fox")
    front.press_run()
    front.wait_ended()
    return server.requests_to(Kind.CREATE)[-1].json["input"]


@pytest.mark.parametrize("model_id", list(RATIOS))
def test_exactly_what_the_model_has_is_offered(front: Front, model_id: str) -> None:
    unfold(front, model_id)
    assert tiles(front) == RATIOS[model_id]
    assert options(front) >= OPTIONS[model_id]
    assert options(front) & {"width", "height", "count"} == set()
    assert front.find(QWidget, "image_slots").isVisible() is (model_id == "seedream-4")


@pytest.mark.parametrize("model_id", list(RATIOS))
def test_chosen_ratio_is_sent_and_shapes_the_picture(
    front: Front, server: ReplicateServer, model_id: str
) -> None:
    front.choose(model_id)
    front.find(QAbstractButton, "aspect_ratio_3:2").click()
    assert sent(front, server)["aspect_ratio"] == "3:2"
    [output] = front.ear.ended[0].outputs
    assert output.width / output.height == pytest.approx(1.5, abs=0.2)


def test_switches_and_numbers_of_qwen_image_are_sent(front: Front, server: ReplicateServer) -> None:
    unfold(front, "qwen-image")
    front.find(QCheckBox, "option_enhance_prompt").click()
    front.find(QSpinBox, "option_steps").setValue(12)
    segment(front, "image_size", "Speed")
    front.qtbot.keyClicks(front.find(QLineEdit, "option_negative_prompt"), "rain")
    values = sent(front, server)
    assert values["enhance_prompt"] is True
    assert values["num_inference_steps"] == 12
    assert values["image_size"] == "optimize_for_speed"
    assert values["negative_prompt"] == "rain"


def test_custom_size_brings_width_and_height_and_takes_the_ratio_away(
    front: Front, server: ReplicateServer
) -> None:
    unfold(front, "seedream-4")
    segment(front, "size", "Custom")
    assert {"width", "height"} <= options(front)
    assert tiles(front) == []
    front.find(QSpinBox, "option_width").setValue(1040)
    front.find(QSpinBox, "option_height").setValue(1280)
    values = sent(front, server)
    assert (values["size"], values["width"], values["height"]) == ("custom", 1040, 1280)
    assert "aspect_ratio" not in values
    assert (front.ear.ended[0].outputs[0].width, front.ear.ended[0].outputs[0].height) == (1040, 1280)


def test_series_brings_the_number_and_the_estimate_follows(front: Front, server: ReplicateServer) -> None:
    unfold(front, "seedream-4")
    segment(front, "sequential_image_generation", "A series")
    assert "count" in options(front)
    front.find(QSpinBox, "option_count").setValue(4)
    assert front.find(QLabel, "estimate_label").text().startswith("≈ $0.12 · ")
    values = sent(front, server)
    assert (values["sequential_image_generation"], values["max_images"]) == ("auto", 4)
    assert len(front.ear.ended[0].outputs) == 4


def test_too_many_in_and_out_is_said_before_anything_is_sent(front: Front, photos: list[Path]) -> None:
    unfold(front, "seedream-4")
    front.drop(photos[0])
    segment(front, "sequential_image_generation", "A series")
    front.find(QSpinBox, "option_count").setValue(15)
    front.type_prompt("a red fox")
    front.wait(lambda: "at most 15 images together" in front.find(QLabel, "run_reason").text())
    assert not front.run_button.isEnabled()


def test_ratio_of_the_input_is_offered_while_there_is_one(
    front: Front, server: ReplicateServer, photos: list[Path]
) -> None:
    front.choose("seedream-4")
    assert "match_input_image" not in tiles(front)
    front.drop(photos[0])
    assert tiles(front)[0] == "match_input_image"
    assert sent(front, server)["aspect_ratio"] == "match_input_image"


@pytest.mark.parametrize(
    ("model_id", "title", "opens"),
    [
        ("qwen-image", "Describe a picture", False),
        ("hunyuan-image-3", "Describe a picture", False),
        ("seedream-4", "Describe a picture, or drop images here", True),
        ("qwen-image-edit", "Drop an image here to edit it", True),
    ],
)
def test_empty_viewer_says_what_to_do_first(front: Front, model_id: str, title: str, opens: bool) -> None:
    front.choose(model_id)
    assert front.find(QLabel, "empty_title").text() == title
    assert front.find(QPushButton, "empty_open").isVisible() is opens
