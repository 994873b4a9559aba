"""A server that leaves nothing behind, and a client of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.support.replicate.asking import plain_client
from tests.support.replicate_server import ReplicateServer

SMALL_AREA_PX = 128 * 128


@pytest.fixture
def server() -> Iterator[ReplicateServer]:
    threads = set(threading.enumerate())
    with ReplicateServer(area_px=SMALL_AREA_PX) as server:
        yield server
    assert set(threading.enumerate()) == threads


@pytest.fixture
def client(server: ReplicateServer) -> Iterator[httpx.Client]:
    with plain_client(server) as client:
        yield client
