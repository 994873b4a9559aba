"""Pictures of a size that a model does not take, or does not like: said in place, scaled on a word."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from qie_desktop.core.job import JobState
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import Front
from tests.ui.conftest import make_photo

PLUS = "qwen-image-edit-plus"


def reason(front: Front) -> str:
    return front.find(QLabel, "run_reason").text()


def fix(front: Front) -> QPushButton:
    return front.find(QPushButton, "run_fix")


def test_small_picture_is_named_and_a_scaled_copy_is_one_click_away(
    front: Front, server: ReplicateServer, tmp_path: Path
) -> None:
    small = make_photo(tmp_path / "small.png", (300, 200))
    before = small.read_bytes()
    front.choose(PLUS)
    front.drop(small)
    front.type_prompt("a red fox")
    front.wait(lambda: "300×200" in reason(front))
    assert "384 to 3072 px" in reason(front)
    assert "--scale" not in reason(front)
    assert fix(front).isVisible()
    assert fix(front).text() == "Use a Scaled Copy"
    assert not front.run_button.isEnabled()
    assert QApplication.activeModalWidget() is None
    front.click(fix(front))
    front.wait(front.run_button.isEnabled)
    copy = front.window.draft.images[0]
    assert copy is not None
    assert copy != small
    assert small.read_bytes() == before
    assert front.find(QLabel, "result_size_label").text() == "Result 576×384 px"
    front.press_run()
    [job] = front.wait_ended()
    assert job.state is JobState.SUCCEEDED
    assert (job.outputs[0].width, job.outputs[0].height) == (576, 384)
    [prediction] = server.created
    assert prediction.pictures[0].size == (576, 384)


def test_large_picture_is_never_scaled_unasked(
    front: Front, server: ReplicateServer, tmp_path: Path, photos: list[Path]
) -> None:
    wide = make_photo(tmp_path / "wide.jpg", (4000, 2000))
    front.choose("qwen-image-edit")
    front.drop(wide)
    front.type_prompt("a red fox")
    front.wait(front.run_button.isEnabled)
    front.choose(PLUS)
    assert not front.run_button.isEnabled()
    assert front.window.draft.images[0] == wide
    # Switching away and back loses nothing.
    front.choose("qwen-image-edit")
    front.wait(front.run_button.isEnabled)
    front.choose(PLUS)
    front.drop(photos[0])
    front.click(fix(front))
    front.wait(front.run_button.isEnabled)
    first, second, third = front.window.draft.images
    assert (second, third) == (photos[0], None)
    assert first is not None
    with Image.open(first) as copy:
        assert copy.size == (3072, 1536)


def test_several_are_scaled_with_one_click(front: Front, tmp_path: Path) -> None:
    paths = [make_photo(tmp_path / f"{at}.png", (200 + at, 200)) for at in range(3)]
    front.choose(PLUS)
    front.drop(*paths)
    front.type_prompt("a red fox")
    front.wait(lambda: fix(front).text() == "Use 3 Scaled Copies")
    front.click(fix(front))
    front.wait(front.run_button.isEnabled)
    assert not {*front.window.draft.images} & {*paths}


def test_what_no_scale_brings_into_range_is_not_offered_a_copy(front: Front, tmp_path: Path) -> None:
    front.choose(PLUS)
    front.drop(make_photo(tmp_path / "strip.png", (2000, 100)))
    front.type_prompt("a red fox")
    front.wait(lambda: "2000×100" in reason(front))
    assert not fix(front).isVisible()
    assert "Crop" in reason(front)


def test_picture_that_is_gone_by_then_is_named(front: Front, tmp_path: Path) -> None:
    small = make_photo(tmp_path / "small.png", (300, 200))
    front.choose(PLUS)
    front.drop(small)
    front.type_prompt("a red fox")
    front.wait(fix(front).isVisible)
    small.unlink()
    front.click(fix(front))
    front.wait(lambda: "small.png" in front.find(QLabel, "image_notice_text").text())
    assert not front.run_button.isEnabled()


def test_word_is_said_of_a_picture_far_from_the_best_size(front: Front, tmp_path: Path) -> None:
    hint = front.find(QLabel, "ideal_size_hint")
    front.choose(PLUS)
    front.drop(make_photo(tmp_path / "holiday.jpg", (3000, 2500)))
    front.wait(hint.isVisible)
    assert hint.text() == "holiday.jpg has 7.5 megapixels; this model works best near 1."
    front.type_prompt("a red fox")
    front.wait(front.run_button.isEnabled)
    front.choose("qwen-image-edit")
    assert not hint.isVisible()
