"""Cancelling."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from qie_desktop.core.cancel import CancelToken, JobCancelled


def _cancel_soon(token: CancelToken) -> threading.Timer:
    timer = threading.Timer(0.05, token.cancel)
    timer.start()
    return timer


def test_a_new_token_is_not_cancelled():
    token = CancelToken()
    assert not token.cancelled
    token.raise_if_cancelled()


def test_a_cancelled_token_stays_so_and_says_so():
    token = CancelToken()
    token.cancel()
    token.cancel()
    assert token.cancelled
    with pytest.raises(JobCancelled):
        token.raise_if_cancelled()


def test_waiting_ends_at_once_when_the_token_is_set_already():
    token = CancelToken()
    token.cancel()
    began = time.monotonic()
    assert token.wait(60)
    assert asyncio.run(token.wait_async(60))
    assert time.monotonic() - began < 1


def test_waiting_ends_as_soon_as_another_thread_cancels():
    token, began = CancelToken(), time.monotonic()
    timer = _cancel_soon(token)
    assert token.wait(60)
    assert time.monotonic() - began < 2
    timer.join()


def test_the_event_loop_waits_no_longer_than_another_thread_takes_to_cancel():
    token, began = CancelToken(), time.monotonic()
    timer = _cancel_soon(token)
    assert asyncio.run(token.wait_async(60))
    assert time.monotonic() - began < 2
    timer.join()


def test_waiting_in_vain_says_so():
    token, began = CancelToken(), time.monotonic()
    assert not token.wait(0.02)
    assert not asyncio.run(token.wait_async(0.02))
    assert time.monotonic() - began >= 0.04


def test_the_event_loop_turns_while_it_is_waited():
    async def count_while_waiting() -> int:
        token, turns = CancelToken(), 0
        waiting = asyncio.create_task(token.wait_async(60))
        while turns < 10:
            turns += 1
            await asyncio.sleep(0)
        token.cancel()
        assert await waiting
        return turns

    assert asyncio.run(count_while_waiting()) == 10


def test_many_threads_see_one_cancel():
    token, seen = CancelToken(), []
    threads = [threading.Thread(target=lambda: seen.append(token.wait(60))) for _ in range(8)]
    for thread in threads:
        thread.start()
    token.cancel()
    for thread in threads:
        thread.join(5)
    assert seen == [True] * 8


def test_cancelling_is_no_error_of_the_tree():
    from qie_desktop.core.errors import QieError

    assert not issubclass(JobCancelled, QieError)
