"""What a start that crashed leaves, and what the next start makes of it: other processes that really die."""

from __future__ import annotations

import faulthandler
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qie_desktop import __version__
from qie_desktop.ui.crash_log import CrashLog, read_report

START = """
import ctypes, os, signal, sys
from pathlib import Path
from qie_desktop.ui.crash_log import CrashLog
log = CrashLog(Path(sys.argv[1]))
log.begin()
"""
DEATHS = {
    "a fault": ("ctypes.string_at(0)", "Segmentation fault"),
    "an abort, as of Qt or torch": ("os.abort()", "Aborted"),
    "an exception before the window is there": ("raise ValueError('token r8_abcdefghijkl')", "ValueError"),
}


def die(folder: Path, code: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", START + code, str(folder)],
        check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30,
    )  # fmt: skip
    return done.returncode


@pytest.fixture
def log(tmp_path: Path) -> Iterator[CrashLog]:
    log = CrashLog(tmp_path / "logs")
    hook = sys.excepthook
    yield log
    log.end()
    assert sys.excepthook is hook
    # pytest has one of its own.
    faulthandler.enable()


@pytest.mark.parametrize(("code", "told"), DEATHS.values(), ids=list(DEATHS))
def test_next_start_finds_the_report(log: CrashLog, tmp_path: Path, code: str, told: str) -> None:
    assert die(tmp_path / "logs", code) != 0
    left = log.begin()
    assert left is not None
    report = read_report(left)
    assert report.startswith(f"Qwen Image Editor {__version__}, Python ")
    assert told in report
    assert 'File "<string>"' in report
    assert "abcdefgh" not in report
    log.end()
    assert log.begin() is None
    assert left.exists()


@pytest.mark.parametrize(
    "code", ["log.end()", "os.kill(os.getpid(), signal.SIGKILL)", "raise KeyboardInterrupt"]
)
def test_other_ends_leave_no_report(log: CrashLog, tmp_path: Path, code: str) -> None:
    die(tmp_path / "logs", code)
    assert log.begin() is None
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["running.log"]


def test_ending_well_leaves_nothing(log: CrashLog, tmp_path: Path) -> None:
    assert log.begin() is None
    log.end()
    assert list((tmp_path / "logs").iterdir()) == []


def test_five_reports_are_kept(log: CrashLog, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(7):
        (folder / f"crash-2026010{number}-000000.log").touch()
    die(folder, "os.abort()")
    left = log.begin()
    kept = sorted(path.name for path in folder.glob("crash-*.log"))
    assert left is not None
    assert kept[-1] == left.name
    assert len(kept) == 5
    assert kept[0] == "crash-20260103-000000.log"


def test_window_opens_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file in the way")
    log = CrashLog(tmp_path / "logs")
    assert log.begin() is None
    log.end()
