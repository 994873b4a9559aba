from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from qie_desktop.core.events import JobEvent, Phase, Step
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.main_window import MainWindow

TIMEOUT_MS = 90_000
"""Ten times as long as it takes on a machine that does nothing else."""

OpenWindow = Callable[..., MainWindow]


class Watchdog(QObject):
    """Notes for how many seconds the GUI thread did not come round at most, and worked at most.

    The first is the bar; on a machine that is busy with other things only the second tells anything.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocked_s = self.busy_s = 0.0
        self._last = (time.monotonic(), time.thread_time())
        self._timer = QTimer(self, interval=5)
        self._timer.timeout.connect(self._on_timeout)
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    @Slot()
    def _on_timeout(self) -> None:
        now = (time.monotonic(), time.thread_time())
        self.blocked_s = max(self.blocked_s, now[0] - self._last[0])
        self.busy_s = max(self.busy_s, now[1] - self._last[1])
        self._last = now


def ready(
    qtbot: QtBot, open_window: OpenWindow, photo: Path, prompt: str = "make it black and white"
) -> MainWindow:
    window = open_window([photo])
    qtbot.waitUntil(lambda: window.draft.image_count == 1)
    window.draft.set_model("starter")
    prompt_edit = window.findChild(QPlainTextEdit, "prompt_edit")
    prompt_edit.setFocus()
    qtbot.keyClicks(prompt_edit, "make it black and white")
    button = window.findChild(QPushButton, "run_button")
    qtbot.waitUntil(button.isEnabled)
    return window


def test_window_works_from_the_prompt_to_the_saved_file_by_keyboard(
    qtbot: QtBot, open_window: OpenWindow, photo: Path, tmp_path: Path
) -> None:
    window = ready(qtbot, open_window, photo)
    runner = window.machinery.runner
    steps: list[Step] = []
    runner.told.connect(lambda event: steps.append(event) if isinstance(event, Step) else None)
    with qtbot.waitSignal(runner.ended, timeout=TIMEOUT_MS) as ended:
        qtbot.keyClick(
            window.findChild(QPlainTextEdit, "prompt_edit"),
            Qt.Key.Key_Return,
            Qt.KeyboardModifier.ControlModifier,
        )
    job: Job = ended.args[0]
    assert job.state is JobState.SUCCEEDED, job.error
    assert [step.index for step in steps][-1] == 1
    assert (job.outputs[0].width, job.outputs[0].height) == (150, 100)
    qtbot.waitUntil(lambda: window.gallery.selected() == [(job.job_id, 0)])
    assert window.viewer.shown_job() == job
    compare = window.findChild(QToolButton, "compare_toggle")
    assert compare.isEnabled()
    window.actions_table["compare"].trigger()
    assert window.viewer.compare_on()
    assert compare.isChecked()
    window.actions_table["save_as"].trigger()
    qtbot.waitUntil(lambda: window.findChild(QFileDialog) is not None)
    dialog = window.findChild(QFileDialog)
    target = tmp_path / "saved.jpg"
    dialog.findChild(QLineEdit, "fileNameEdit").setText(str(target))
    with qtbot.waitSignal(window.gallery.saver.saved):
        dialog.accept()
    with Image.open(target) as saved:
        assert (saved.format, saved.size) == ("JPEG", (150, 100))
        # What was asked for: grey, or nearly.
        red, _, blue = saved.convert("RGB").resize((1, 1)).getpixel((0, 0))
        assert abs(red - blue) < 12


def test_gui_thread_has_little_to_do_while_a_local_job_runs(
    qtbot: QtBot, open_window: OpenWindow, photo: Path
) -> None:
    window = ready(qtbot, open_window, photo)
    runner = window.machinery.runner
    watchdog = Watchdog()
    with qtbot.waitSignal(runner.emptied, timeout=TIMEOUT_MS):
        window.actions_table["run"].trigger()
    watchdog.stop()
    assert watchdog.busy_s < 0.05
    # No collection goes through torch's modules any more.
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000


@pytest.mark.slow
def test_gui_is_never_blocked_while_local_jobs_run(
    qtbot: QtBot, open_window: OpenWindow, photo: Path
) -> None:
    """Wants a machine that does nothing else."""
    window = ready(qtbot, open_window, photo)
    runner = window.machinery.runner
    for _ in range(2):
        watchdog = Watchdog()
        with qtbot.waitSignal(runner.emptied, timeout=TIMEOUT_MS):
            window.actions_table["run"].trigger()
        watchdog.stop()
        assert watchdog.blocked_s < 0.05


def is_phase(event: JobEvent) -> bool:
    return isinstance(event, Phase)


def test_closing_mid_run_asks_and_ends_within_five_seconds(
    qtbot: QtBot, open_window: OpenWindow, photo: Path
) -> None:
    window = ready(qtbot, open_window, photo)
    runner = window.machinery.runner
    with qtbot.waitSignal(
        runner.told, check_params_cb=lambda event: isinstance(event, Phase), timeout=TIMEOUT_MS
    ):
        window.actions_table["run"].trigger()
    [job_id] = runner.active()
    window.close()
    assert window.isVisible()
    button = window.findChild(QPushButton, "closing_cancel")
    began = time.monotonic()
    with qtbot.waitSignal(window.closed, timeout=6000):
        button.click()
    assert not window.isVisible()
    assert window.shut_down(5)
    assert time.monotonic() - began < 5
    assert JobStore(window.session.folder).load(job_id).state is JobState.CANCELLED
