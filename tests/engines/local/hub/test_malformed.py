"""Answers of a hub that make no sense, locks that cannot be taken: named, never an unforeseen failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from qie_desktop.core.download import TaskPhase
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.engines.local.hub.failures import retry_after
from tests.engines.local.hub.conftest import GGUF, GGUFS, Run, assert_whole
from tests.support.hub.repositories import HubFile
from tests.support.hub_server import Fault, HubServer, Trouble


class Odd(HubFile):
    """A file that is listed with something else in one place."""

    changes: dict[str, Any]

    def sibling(self) -> dict[str, Any]:
        return super().sibling() | self.changes


def listed_as(hub: HubServer, **changes: object) -> None:
    repository = hub.repositories[GGUFS]
    files = repository.commits[repository.main]
    files[GGUF] = Odd(GGUF, files[GGUF].content)
    files[GGUF].changes = changes


@pytest.mark.parametrize(
    "changes",
    [
        {"lfs": {"sha256": "0" * 64, "size": "large", "pointerSize": 1}},
        {"lfs": {"sha256": 12, "size": 1, "pointerSize": 1}},
        {"lfs": {"size": 1}},
        {"lfs": [1]},
        {"rfilename": None},
    ],
    ids=["size", "hash", "no-hash", "a-list", "name"],
)
def test_a_listing_that_makes_no_sense_is_named(
    download: Run, hub: HubServer, changes: dict[str, Any]
) -> None:
    listed_as(hub, **changes)
    state = download()
    assert state.error is not None
    assert state.error.code == "hub_unavailable"
    assert "does not answer as the hub does" in state.error.message
    assert hub.served == []


def test_a_commit_that_is_a_path_is_refused(download: Run, hub: HubServer, hub_cache: Path) -> None:
    repository = hub.repositories[GGUFS]
    repository.commits["../../../elsewhere"] = repository.commits.pop(repository.main)
    repository.main = "../../../elsewhere"
    state = download()
    assert state.error is not None
    assert state.error.code == "hub_unavailable"
    assert not list(hub_cache.parent.parent.rglob("elsewhere"))


def test_an_answer_that_cannot_be_unpacked_is_asked_for_again(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    hub.faults.append(Fault(Trouble.STATUS, "api", status=200, headers={"Content-Encoding": "gzip"}))
    assert download().phase is TaskPhase.DONE
    assert_whole(hub, hub_cache)


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("²", None), ("soon", None), ("", None)])
def test_how_long_to_wait_is_a_number_or_nothing(text: str, seconds: float | None) -> None:
    response = httpx2.Response(429, headers=[(b"Retry-After", text.encode("latin-1"))])
    assert retry_after(response) == seconds


def test_a_lock_that_cannot_be_taken_is_named(download: Run, hub: HubServer, hub_cache: Path) -> None:
    repository = hub.repositories[GGUFS]
    etag = repository.commits[repository.main][GGUF].etag
    lock = RepoCache(hub_cache, GGUFS).lock(etag)
    # Whoever runs the tests may write everywhere; nobody can write a folder.
    lock.mkdir(parents=True)
    state = download()
    assert state.error is not None
    assert state.error.code == "storage_failed"
    assert "Cannot lock" in state.error.message
