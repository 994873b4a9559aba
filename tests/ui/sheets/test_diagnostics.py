from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.services.diagnostics import Verdict
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.diagnostics import DiagnosticsDialog
from qie_desktop.ui.sheets.doctor_process import DoctorProcess, doctor_command

Keep = Callable[[Any], Any]


def printing(text: str, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"import sys; print({text!r}); sys.exit({code})"]


def told(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value, "verdict": "good", "hint": ""}


FITS = "Qwen-Image-Edit 2509 Q2_K"
REPORT = json.dumps(
    [told("Device", "CPU, float32"), told(FITS, "needs little"), told("Starter", "not ready")]
)


def device_words(dialog: DiagnosticsDialog) -> str:
    return next(each.value for each in dialog.findings if each.name == "Device")


def test_most_is_there_at_once_and_the_device_follows(session: Session, kept: Keep, qtbot: QtBot) -> None:
    dialog = kept(DiagnosticsDialog(session, command=printing(REPORT)))
    names = [each.name for each in dialog.findings]

    assert names[:3] == ["Qwen Image Editor", "Python", "System"]
    assert device_words(dialog) == "Testing it…"
    qtbot.waitUntil(lambda: device_words(dialog) == "CPU, float32")
    found = {each.name: each.value for each in dialog.findings}
    assert re.search(r"; needs [\d.]+ GB", found[FITS])
    assert found["Starter"] == "ready"
    assert "Testing it…" not in found.values()


def test_the_real_report_comes_from_a_process_of_its_own(session: Session, qtbot: QtBot) -> None:
    process = DoctorProcess(session.folder)

    with qtbot.waitSignal(process.reported, timeout=60_000) as told:
        process.start()

    (findings,) = told.args or [()]
    device = next(each for each in findings if each.name == "Device")
    disk = next(each for each in findings if each.name == "Disk")
    assert "torch" in device.value
    assert str(session.folder.home) in disk.value


@pytest.mark.parametrize(
    "command", [printing("Traceback: something broke", 1), printing('{"no": "list"}'), ["/no/such/program"]]
)
def test_a_test_that_does_not_come_through_is_told(
    session: Session, kept: Keep, qtbot: QtBot, command: list[str]
) -> None:
    dialog = kept(DiagnosticsDialog(session, command=command))

    qtbot.waitUntil(lambda: "could not be" in device_words(dialog))

    bad = [each for each in dialog.findings if each.name == "Device"]
    assert [each.verdict for each in bad] == [Verdict.BAD]


def test_closing_ends_the_process(session: Session, kept: Keep) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    dialog = kept(DiagnosticsDialog(session, command=command))
    dialog.show()

    dialog.close()

    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "time.sleep(60)" not in running


def test_the_report_can_be_copied(session: Session, kept: Keep, qtbot: QtBot) -> None:
    dialog = kept(DiagnosticsDialog(session, command=printing(REPORT)))
    qtbot.waitUntil(lambda: device_words(dialog) == "CPU, float32")

    qtbot.mouseClick(dialog.findChild(QPushButton, "copy_diagnostics_button"), Qt.MouseButton.LeftButton)

    copied = QApplication.clipboard().text().splitlines()
    assert "Device: CPU, float32" in copied
    assert len(copied) == len(dialog.findings)


def test_what_is_amiss_says_what_to_do(session: Session, kept: Keep, qtbot: QtBot) -> None:
    session.folder.home.mkdir(parents=True)
    session.settings.problems = ("config.toml: general.theme cannot be mauve.",)
    dialog = kept(DiagnosticsDialog(session, command=printing(REPORT)))
    qtbot.waitUntil(lambda: device_words(dialog) == "CPU, float32")

    shown = [label.text() for label in dialog.findChildren(QLabel)]

    assert any("mauve" in text and "qie config set" in text for text in shown)
    status = dialog.findChild(QLabel, "diagnostics_status")
    assert status.text() == "1 amiss."


def test_the_bundle_is_its_own_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert doctor_command() == [sys.executable, "doctor", "--json"]
