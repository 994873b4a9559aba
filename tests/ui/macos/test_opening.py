"""Files and addresses that the system hands over, before the window is there and after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pictures import make_photo

PROGRAM = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication, QTimer, QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication
from qie_desktop.ui import application as program
from qie_desktop.ui.main_window import MainWindow

home, before, after = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
application = program._application()
shown = []
steps = {"ticks": 0}

def open_all(addresses):
    for address in addresses:
        QCoreApplication.postEvent(application, QFileOpenEvent(QUrl(address)))

def window():
    return next(each for each in QApplication.topLevelWidgets() if isinstance(each, MainWindow))

def images():
    return [None if path is None else str(path) for path in window().draft.images]

def opened():
    steps["first"] = images()
    window().desk.show_job = shown.append
    application.job_wanted.disconnect()
    application.job_wanted.connect(shown.append)
    open_all(after)

def look():
    steps["ticks"] += 1
    taken = [path for path in images() if path]
    if steps["ticks"] > 200 or ("first" not in steps and len(taken) == len(wanted(before))):
        opened() if "first" not in steps else end()
    elif "first" in steps and len(taken) == len(wanted(before) + wanted(after)) and shown == jobs:
        end()

def end():
    timer.stop()
    print(json.dumps({"before": steps.get("first"), "after": images(), "jobs": shown}), flush=True)
    window().close()

def wanted(addresses):
    return [each for each in addresses if each.startswith("file:")]

jobs = [each.split("job/")[1] for each in after if "job/" in each]
open_all(before)
# Delivered while there is no window yet.
application.processEvents()
timer = QTimer(interval=50)
timer.timeout.connect(look)
timer.start()
(home / "window.json").parent.mkdir(parents=True)
(home / "window.json").write_text(json.dumps({"welcomed": True, "model_id": "qwen-image-edit-plus"}))
sys.exit(program.run(home))
"""


def run_program(tmp_path: Path, before: list[str], after: list[str]) -> dict[str, list[str | None]]:
    environ = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "home"), json.dumps(before), json.dumps(after)],
        check=False, capture_output=True, text=True, timeout=60, env=environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    result: dict[str, list[str | None]] = json.loads(done.stdout)
    return result


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    names = ("first.png", "Café, second.png", "third.png")
    return [make_photo(tmp_path / name, (90 + 10 * index, 80)) for index, name in enumerate(names)]


def test_pictures_land_in_the_first_free_slots(tmp_path: Path, photos: list[Path]) -> None:
    first, second, third = photos
    told = run_program(tmp_path, [first.as_uri()], [second.as_uri(), third.as_uri()])
    assert told["before"] == [str(first), None, None]
    assert told["after"] == [str(first), str(second), str(third)]


def test_address_of_a_job_shows_it_and_others_do_no_harm(tmp_path: Path, photos: list[Path]) -> None:
    addresses = [
        "qwen-image-editor:",
        "qwen-image-editor:job/20261122-101530-7f3a",
        "qwen-image-editor:job/../../etc",
        "https://example.org/job/1",
    ]
    told = run_program(tmp_path, [photos[0].as_uri()], [*addresses[:2], *addresses[3:]])
    assert told["jobs"] == ["20261122-101530-7f3a"]
    assert told["after"] == [str(photos[0]), None, None]
