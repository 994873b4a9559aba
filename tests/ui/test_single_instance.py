from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from qie_desktop.ui.single_instance import SingleInstance, claimed

SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from qie_desktop.ui.single_instance import claimed
application = QCoreApplication([])
instance = claimed(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
print("taken" if instance is None else "claimed")
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def first(qtbot: QtBot, home: Path) -> Iterator[SingleInstance]:
    del qtbot
    instance = claimed(home, [])
    assert instance is not None
    instance.listen()
    yield instance
    instance.close()


def start_second(home: Path, *files: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SECOND, str(home), *files], stdout=subprocess.PIPE, text=True, cwd=home
    )


def test_second_start_hands_its_files_over_and_ends(qtbot: QtBot, home: Path, first: SingleInstance) -> None:
    with qtbot.waitSignal(first.files_received, timeout=10_000) as received:
        second = start_second(home, "photo with space.jpg", "/elsewhere/ü.png")
    assert received.args == [[home / "photo with space.jpg", Path("/elsewhere/ü.png")]]
    output, _ = second.communicate(timeout=10)
    assert output == "taken\n"
    assert second.returncode == 0


def test_second_start_without_files_still_brings_the_first_to_the_front(
    qtbot: QtBot, home: Path, first: SingleInstance
) -> None:
    with qtbot.waitSignal(first.files_received, timeout=10_000) as received:
        second = start_second(home)
    assert received.args == [[]]
    assert second.communicate(timeout=10)[0] == "taken\n"


def test_another_data_folder_has_a_window_of_its_own(tmp_path: Path, first: SingleInstance) -> None:
    del first
    other = claimed(tmp_path / "other", [])
    assert other is not None
    other.close()


def test_claim_of_a_killed_process_is_free(home: Path, qtbot: QtBot) -> None:
    del qtbot
    home.mkdir()
    killed = f"{SECOND}\ninstance.listen()\nsys.stdout.flush()\nimport os\nos.kill(os.getpid(), 9)"
    command = [sys.executable, "-c", killed, str(home)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout == "claimed\n"
    assert done.returncode == -9
    instance = SingleInstance(home)
    assert instance.claim()
    instance.listen()
    assert instance.is_listening
    instance.close()


def test_nonsense_at_the_door_does_no_harm(qtbot: QtBot, first: SingleInstance) -> None:
    socket = QLocalSocket()
    socket.connectToServer(first.name)
    assert socket.waitForConnected(1000)
    with qtbot.waitSignal(first.files_received) as received:
        socket.write(b'{"not": "a list"}\n')
        socket.flush()
    assert received.args == [[]]
    socket.write(b"x" * 3_000_000)
    qtbot.waitUntil(lambda: socket.state() is QLocalSocket.LocalSocketState.UnconnectedState)
    assert first.is_listening


def test_folder_that_cannot_be_written_to_still_opens(tmp_path: Path, qtbot: QtBot) -> None:
    del qtbot
    (tmp_path / "file").write_text("in the way")
    instance = claimed(tmp_path / "file" / "data", [])
    assert instance is not None
    instance.close()
