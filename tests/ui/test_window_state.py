from __future__ import annotations

from pathlib import Path

import pytest

from qie_desktop.storage import atomic
from qie_desktop.ui.window_state import Remembered, WindowState


def test_what_is_remembered_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "data" / "window.json"
    WindowState(path).remember(panes=(1, 2, 3), model_id="starter", gallery_hidden=True)
    assert WindowState(path).remembered == Remembered(
        panes=(1, 2, 3), model_id="starter", gallery_hidden=True
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        '{"panes": "wide", "model_id": 7, "welcomed": "yes"}',
    ],
)
def test_what_cannot_be_used_is_as_if_it_were_not_there(tmp_path: Path, text: str) -> None:
    path = tmp_path / "window.json"
    path.write_text(text)
    assert WindowState(path).remembered == Remembered()


def test_the_rest_of_a_file_with_a_bad_value_is_used(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.write_text('{"panes": [1, "two", 3], "kept_jobs": [1], "model_id": "starter", "newer": 1}')
    assert WindowState(path).remembered == Remembered(model_id="starter")


def test_nothing_is_written_when_nothing_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    WindowState(path).remember(model_id="")
    assert not path.exists()


def test_full_disk_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    state = WindowState(tmp_path / "file" / "window.json")
    state.remember(model_id="starter")
    assert state.remembered.model_id == "starter"
    assert "could not be saved" in caplog.text
    assert atomic.sweep_leftovers(tmp_path) == []
