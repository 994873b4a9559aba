from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from PySide6.QtCore import QObject, QThread, QTimer
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import DiskFull, InternalError, QieError
from qie_desktop.ui.background import BackgroundPool


@pytest.fixture
def pool(qtbot: QtBot) -> Iterator[BackgroundPool]:
    del qtbot
    pool = BackgroundPool(2)
    yield pool
    assert pool.shut_down(5)


class Receiver(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.results: list[object] = []
        self.errors: list[QieError] = []
        self.threads: set[QThread] = set()

    def on_done(self, result: object) -> None:
        self.threads.add(QThread.currentThread())
        self.results.append(result)

    def on_done_with(self, *arguments: object) -> None:
        self.results.append(arguments)

    def on_failed(self, error: QieError) -> None:
        self.threads.add(QThread.currentThread())
        self.errors.append(error)


def fail(error: Exception) -> None:
    raise error


def test_work_is_done_elsewhere_and_its_result_comes_back(qtbot: QtBot, pool: BackgroundPool) -> None:
    receiver = Receiver()
    pool.run(threading.get_ident, receiver.on_done, receiver.on_failed)
    qtbot.waitUntil(lambda: bool(receiver.results))
    assert receiver.results != [threading.get_ident()]
    assert receiver.threads == {receiver.thread()}


def test_error_comes_back_as_it_is_and_the_unforeseen_worded(qtbot: QtBot, pool: BackgroundPool) -> None:
    receiver = Receiver()
    error = DiskFull("Full.", "Make room.")
    pool.run(lambda: fail(error), receiver.on_done, receiver.on_failed)
    qtbot.waitUntil(lambda: receiver.errors == [error])
    pool.run(lambda: fail(ZeroDivisionError("inner workings")), receiver.on_done, receiver.on_failed)
    qtbot.waitUntil(lambda: len(receiver.errors) == 2)
    assert isinstance(receiver.errors[1], InternalError)
    assert "inner workings" not in receiver.errors[1].message


def test_failure_that_nobody_asked_about_is_told_all_the_same(qtbot: QtBot, pool: BackgroundPool) -> None:
    error = DiskFull("Full.")
    with qtbot.waitSignal(pool.failed_unheard) as told:
        pool.run(lambda: fail(error), Receiver().on_done)
    assert told.args == [error]


def test_nothing_is_delivered_after_the_end(qtbot: QtBot) -> None:
    pool, receiver, gate = BackgroundPool(1), Receiver(), threading.Event()
    pool.run(lambda: gate.wait(5), receiver.on_done)
    pool.run(lambda: 2, receiver.on_done)
    assert not pool.shut_down(0)
    gate.set()
    assert pool.shut_down(5)
    pool.run(lambda: 3, receiver.on_done)
    qtbot.wait(50)
    assert receiver.results == []


@pytest.mark.parametrize("arguments", [(), ("one",), ("one", "two")])
def test_nothing_is_delivered_to_an_object_that_is_gone(
    qtbot: QtBot, pool: BackgroundPool, arguments: tuple[str, ...]
) -> None:
    parent = QObject()
    receiver, gate, other = Receiver(), threading.Event(), Receiver()
    receiver.setParent(parent)
    done: Callable[..., None] = receiver.on_done if not arguments else receiver.on_done_with
    for argument in arguments:
        # Twice, it is the attribute that keeps functools from making one of both.
        done = partial(done, argument)
        done.__dict__["kept"] = True
    pool.run(lambda: gate.wait(5), done)
    receiver.deleteLater()
    qtbot.wait(10)
    gate.set()
    pool.run(lambda: 1, other.on_done)
    qtbot.waitUntil(lambda: other.results == [1])
    qtbot.wait(20)
    assert receiver.results == []


def test_held_pool_begins_when_it_is_released_and_in_order(qtbot: QtBot) -> None:
    pool, receiver = BackgroundPool(1), Receiver()
    pool.hold()
    for number in range(3):
        pool.run(lambda number=number: number, receiver.on_done)
    qtbot.wait(30)
    assert receiver.results == []
    pool.release()
    qtbot.waitUntil(lambda: receiver.results == [0, 1, 2])
    assert pool.shut_down(5)


def test_no_thread_begins_after_a_held_pool_is_released(qtbot: QtBot) -> None:
    # While a library is being loaded the system makes none, and whoever asks for one waits.
    pool, receiver = BackgroundPool(3, name="released"), Receiver()
    pool.hold()
    pool.release()
    begun = {thread for thread in threading.enumerate() if thread.name.startswith("released")}

    pool.run(lambda: threading.current_thread() in begun, receiver.on_done)
    pool.run(lambda: threading.current_thread() in begun, receiver.on_done, soon=True)

    qtbot.waitUntil(lambda: receiver.results == [True, True])
    assert pool.shut_down(5)


def test_what_is_wanted_soon_does_not_wait_for_longer_work(qtbot: QtBot) -> None:
    pool, receiver, gate = BackgroundPool(1), Receiver(), threading.Event()
    pool.run(lambda: gate.wait(5), receiver.on_done)
    pool.run(lambda: "later", receiver.on_done)
    pool.run(lambda: "at once", receiver.on_done, soon=True)
    qtbot.waitUntil(lambda: receiver.results == ["at once"])
    gate.set()
    qtbot.waitUntil(lambda: receiver.results == ["at once", True, "later"])
    assert pool.shut_down(5)


def test_many_results_at_once_leave_turns_to_the_window(qtbot: QtBot, pool: BackgroundPool) -> None:
    taken: list[int] = []
    turns = [0]

    def take(number: int) -> None:
        end = time.thread_time() + 0.004
        while time.thread_time() < end:
            pass
        taken.append(number)

    def note_turn() -> None:
        turns[0] += bool(taken)

    timer = QTimer(interval=0)
    timer.timeout.connect(note_turn)
    for number in range(40):
        pool.run(partial(int, number), take)
    # All of them are there before the first is taken.
    time.sleep(0.1)
    timer.start()
    qtbot.waitUntil(lambda: len(taken) == 40)
    timer.stop()
    assert sorted(taken) == list(range(40))
    assert turns[0] >= 10
