"""The program in a real window: other processes, a window manager, a keyboard and a mouse."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.real_window import MISSING, Screen, real_screen

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no X display"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}"),
]

START_S = 20
RUN_S = 60
QUIT_S = 5
SIZE = (301, 199)
SHOWN_PIXELS = 60_000
"""Of the photo in the viewer, so many pixels at least are of strong colour; of the window alone none near."""
GRIP, MIDDLE = (40, 40), (700, 470)

# A window of another program in the corner, of which a file can be dragged.
DRAG_SOURCE = """
import sys
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDrag
from PySide6.QtWidgets import QApplication, QLabel

class Source(QLabel):
    def mousePressEvent(self, pressed):
        self.pressed_at = pressed.position().toPoint()

    def mouseMoveEvent(self, moved):
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(sys.argv[1])])
        drag = QDrag(self)
        drag.setMimeData(mime)
        drag.actionChanged.connect(lambda action: print("may be dropped:", action.name, flush=True))
        drag.exec(Qt.DropAction.CopyAction)

application = QApplication(sys.argv[:1])
source = Source("drag me", windowTitle="Another Program")
source.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint)
source.setStyleSheet("background: white; color: black")
source.setGeometry(0, 0, 80, 80)
source.show()
application.exec()
"""


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    with real_screen(tmp_path) as screen:
        yield screen


@pytest.fixture
def photo(resources: Path, tmp_path: Path) -> Path:
    """A photo of odd size, with a name as people give them."""
    path = tmp_path / "Café, morning.jpg"
    with Image.open(resources / "sample.jpg") as sample:
        sample.resize(SIZE).save(path, quality=95)
    return path


@pytest.fixture
def photographs() -> Path:
    folder = Path(__file__).resolve().parents[2] / "build"
    folder.mkdir(exist_ok=True)
    return folder


def skip_the_welcome(screen: Screen) -> None:
    screen.wait_until(lambda: screen.active_title().startswith("Welcome"), "the welcome", START_S)
    screen.press("Escape")
    wait_for_the_window_in_front(screen)


def wait_for_the_window_in_front(screen: Screen) -> None:
    screen.wait_until(lambda: screen.active_title() == "Qwen Image Editor", "the window in front", START_S)


def wait_for_the_photo(screen: Screen) -> None:
    screen.wait_until(lambda: screen.vivid_pixels() > SHOWN_PIXELS, "the photo on the screen", START_S)


def run_by_keyboard(screen: Screen, prompt: str) -> Path:
    """Type the prompt, run it, wait for the end of the job, and return its result."""
    screen.type(prompt)
    screen.press("ctrl+Return")
    jobs = screen.folder / "home" / "jobs"
    screen.wait_until(lambda: list(jobs.glob("*/output_0.png")), "a result on disk", RUN_S)
    (result,) = jobs.glob("*/output_0.png")
    metadata = result.with_name("metadata.json")
    screen.wait_until(lambda: '"state": "succeeded"' in metadata.read_text(), "the end of the job", RUN_S)
    assert json.loads(metadata.read_text())["request"]["prompt"] == prompt
    return result


def saturation(path: Path) -> float:
    """Return how colourful a picture is, from 0 to 255."""
    with Image.open(path) as picture:
        return float(np.ptp(np.asarray(picture.convert("RGB")).astype(int), axis=-1).mean())


def test_photo_of_a_second_start_is_edited_by_keyboard(
    screen: Screen, photo: Path, photographs: Path
) -> None:
    editor = screen.start_editor()
    skip_the_welcome(screen)
    assert screen.vivid_pixels() < SHOWN_PIXELS

    assert screen.start_editor(photo).wait(START_S) == 0
    wait_for_the_photo(screen)
    wait_for_the_window_in_front(screen)
    result = run_by_keyboard(screen, "make it black and white")
    with Image.open(result) as picture:
        assert picture.size == SIZE
    assert saturation(result) < saturation(photo) / 4

    screen.wait_until(lambda: screen.vivid_pixels() < SHOWN_PIXELS, "the grey result in the viewer", START_S)
    screen.press("ctrl+alt+c")
    wait_for_the_photo(screen)
    screen.grab().save(photographs / "real-window.png")

    screen.press("ctrl+q")
    assert editor.wait(QUIT_S) == 0
    assert "Traceback" not in screen.said()


def test_photo_dragged_from_another_program_is_edited(screen: Screen, photo: Path) -> None:
    other = screen.start(sys.executable, "-c", DRAG_SOURCE, str(photo))
    screen.wait_until(lambda: screen.active_title() == "Another Program", "the other program", START_S)
    editor = screen.start_editor()
    skip_the_welcome(screen)

    screen.press_mouse(GRIP)
    screen.move_mouse(MIDDLE)
    screen.wait_until(lambda: "may be dropped: CopyAction" in screen.said(), "the drag accepted", START_S)
    screen.release_mouse()
    wait_for_the_photo(screen)
    other.terminate()
    wait_for_the_window_in_front(screen)
    result = run_by_keyboard(screen, "sepia")
    with Image.open(result) as picture:
        assert picture.size == SIZE

    screen.close_active_window()
    assert editor.wait(QUIT_S) == 0
    assert "Traceback" not in screen.said()
