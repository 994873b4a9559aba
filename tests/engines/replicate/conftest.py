from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.replicate.cloud import Cloud
from tests.support.replicate_server import ReplicateServer

SMALL_AREA_PX = 128 * 128


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "0.01")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[ReplicateServer]:
    with ReplicateServer(area_px=SMALL_AREA_PX) as server:
        yield server
        assert server.leaked_tokens == []


@pytest.fixture
def cloud(tmp_path: Path, server: ReplicateServer) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path / "home", server)
    yield cloud
    assert cloud.leftovers() == []
    cloud.store.close()
