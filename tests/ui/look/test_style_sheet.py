from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QCheckBox
from pytestqt.qtbot import QtBot

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.style_sheet import style_sheet


@pytest.mark.parametrize("name", ["Jürgen", "Mac (2)", "Anna's, new", 'a "quoted" one', "plain"])
def test_sheet_is_read_wherever_the_program_lies(
    qapp: QApplication,
    qtbot: QtBot,
    resources: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    shutil.copytree(resources / "icons" / "controls", tmp_path / name / "resources" / "icons" / "controls")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / name), raising=False)
    sheet = style_sheet(Colours.of(qapp.palette()), native=False)
    box = QCheckBox()
    qtbot.addWidget(box)
    # What cannot be parsed is a warning of Qt's, which fails the test.
    box.setStyleSheet(sheet)
    box.setChecked(True)
    box.resize(40, 30)
    ticked = box.grab().toImage()
    box.setStyleSheet(sheet.replace("check.svg", "dot.svg"))
    assert box.grab().toImage() != ticked
