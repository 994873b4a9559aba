"""The five models from the drop to the gallery, through the real window and over a real wire."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtWidgets import QLabel, QListWidget, QToolButton

from qie_desktop.core.job import JobState
from tests.support.replicate.lives import Life, Span
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import INPUTS, Front

EXPECTED: dict[str, dict[str, Any]] = {
    "qwen-image-edit": {"output_format": "webp", "output_quality": 80, "go_fast": True},
    "qwen-image-edit-plus": {"aspect_ratio": "match_input_image", "output_quality": 95},
    "hunyuan-image-3": {"aspect_ratio": "1:1", "output_quality": 95},
    "qwen-image": {"aspect_ratio": "16:9", "num_inference_steps": 30, "enhance_prompt": False},
    "seedream-4": {"aspect_ratio": "match_input_image", "size": "2K", "enhance_prompt": True},
}
"""Some of what is sent to each."""
ESTIMATES = {
    "qwen-image-edit": "≈ $0.03 · 10–20 s",
    "qwen-image-edit-plus": "≈ $0.03 · 15–30 s",
    "hunyuan-image-3": "≈ $0.08 · 30–45 s",
    "qwen-image": "≈ $0.025 · 20–40 s",
    "seedream-4": "≈ $0.03 · 30–60 s",
}


def sent_pictures(values: dict[str, Any]) -> list[bytes]:
    found = [values[name] for name in ("image", "image_input") if name in values]
    flat = [uri for item in found for uri in (item if isinstance(item, list) else [item])]
    return [base64.b64decode(uri.partition(",")[2]) for uri in flat]


@pytest.mark.parametrize("model_id", list(INPUTS))
def test_picture_and_prompt_become_a_result_in_gallery_and_viewer(
    front: Front, server: ReplicateServer, photos: list[Path], model_id: str
) -> None:
    window, inputs = front.window, photos[: INPUTS[model_id]]
    front.choose(model_id)
    if inputs:
        front.drop(*inputs)
    front.type_prompt("a red fox")
    assert front.find(QLabel, "estimate_label").text() == ESTIMATES[model_id]
    assert front.run_button.text() == ("Edit" if inputs else "Generate")
    front.press_run()
    [job] = front.wait_ended()
    assert job.state is JobState.SUCCEEDED, job.error
    [created] = server.requests_to(Kind.CREATE)
    values = created.json["input"]
    assert values["prompt"] == "a red fox"
    assert values.items() >= EXPECTED[model_id].items()
    assert values.get("seed") == job.request.seed
    assert sent_pictures(values) == [path.read_bytes() for path in inputs]
    front.wait(lambda: window.gallery.selected() == [(job.job_id, 0)])
    front.wait(window.viewer.is_settled)
    assert window.viewer.shown_job() == job
    path = window.viewer.current_output_path()
    assert path is not None
    with Image.open(path) as result:
        result.load()
        if model_id.startswith("qwen-image-edit"):
            assert result.size == (603, 402)
    assert window.viewer.can_compare() is bool(inputs)
    assert front.find(QToolButton, "compare_toggle").isEnabled() is bool(inputs)
    assert front.bar_text() == ""


def test_progress_tells_each_stage(front: Front, server: ReplicateServer, photos: list[Path]) -> None:
    server.next(Life(starting=Span(seconds=0.3), processing=Span(seconds=0.6), steps=10))
    front.choose("qwen-image-edit")
    front.drop(photos[0])
    front.type_prompt("a red fox")
    front.press_run()
    front.wait_ended()
    words = " | ".join(front.progress)
    stages = [
        "Waiting for its turn", "Uploading", "Waiting for a machine", "Making the picture · ", "0%", "Saving",
    ]  # fmt: skip
    positions = [words.find(stage) for stage in stages]
    assert -1 not in positions, words
    assert positions == sorted(positions)
    assert front.find(QLabel, "progress_label").isHidden() or not front.runner.active()


def test_series_comes_as_cells_and_as_a_strip(front: Front, server: ReplicateServer) -> None:
    window = front.window
    front.choose("seedream-4")
    front.type_prompt("three foxes")
    window.draft.set_value("sequential_image_generation", "auto")
    window.draft.set_value("count", 3)
    assert front.find(QLabel, "estimate_label").text() == "≈ $0.09 · 30–60 s"
    front.press_run()
    [job] = front.wait_ended()
    assert job.cost_usd == pytest.approx(0.09)
    [prediction] = server.created
    assert prediction.input.items() >= {"max_images": 3, "sequential_image_generation": "auto"}.items()
    assert "image_input" not in prediction.input
    front.wait(lambda: window.gallery.model.rowCount() == 3)
    strip = front.find(QListWidget, "output_strip")
    assert strip.isVisible()
    assert strip.count() == 3
    paths = []
    for index in range(3):
        strip.setCurrentRow(index)
        assert window.viewer.output_index() == index
        front.wait(lambda index=index: window.gallery.selected() == [(job.job_id, index)])
        paths.append(window.viewer.current_output_path())
    assert len({path.read_bytes() for path in paths if path}) == 3
    assert {"Downloading 2 of 3", "Saving 3 of 3"} & set(front.progress), front.progress
