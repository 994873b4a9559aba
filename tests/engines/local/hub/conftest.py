"""The local model's repositories with made-up bytes, on a loopback hub, and downloads of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.download import DownloadState, TaskKind, TaskPhase
from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from qie_desktop.core.model_parts import DownloadChoice, chosen_parts, model_parts
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.engines.local.hub.downloading import Download
from qie_desktop.engines.local.hub.installed import InstalledParts
from qie_desktop.engines.local.hub.task import run_task
from qie_desktop.engines.local.hub.task_file import TaskFile
from tests.support.hub_server import HubServer, made_up_repositories

Run = Callable[..., DownloadState]
MODEL = find_model("qwen-image-edit-2509-gguf")
BASE, GGUFS = LOCAL_WEIGHTS.base_repo, LOCAL_WEIGHTS.gguf_repo
GGUF = "Qwen-Image-Edit-2509-Q5_K_S.gguf"
ALL = {"base", "text-encoder-full", "Q5_K_S", "lightning"}
CHOICE = DownloadChoice(MODEL.id, "Q5_K_S", "full")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub that this process is led to, with no proxy and no token on the way."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_mine_0123456789")
    with HubServer(made_up_repositories()) as hub:
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        yield hub
        assert hub.tokens_at_the_store == []


@pytest.fixture
def hub_cache(tmp_path: Path) -> Path:
    return tmp_path / "huggingface_cache" / "hub"


@pytest.fixture
def download(hub: HubServer, hub_cache: Path, tmp_path: Path) -> Callable[..., DownloadState]:
    """Downloads a choice to its end, or until a token is set, and returns how it ended."""

    def download(
        choice: DownloadChoice = CHOICE,
        cancel: CancelToken | None = None,
        on_state: Callable[[DownloadState], None] | None = None,
    ) -> DownloadState:
        parts = chosen_parts(MODEL, LOCAL_WEIGHTS, choice)
        begun = DownloadState(TaskKind.DOWNLOAD, choice, tuple(part.id for part in parts), TaskPhase.STARTING)
        known = model_parts(LOCAL_WEIGHTS)
        return run_task(
            lambda cancel, activity: Download(hub_cache, parts, known, activity).run(cancel),
            begun,
            hub_cache,
            TaskFile(tmp_path / "downloads"),
            cancel or CancelToken(),
            on_state,
        )

    return download


def cancel_when(cancel: CancelToken, condition: Callable[[], bool]) -> threading.Thread:
    """Set a token as soon as something holds."""

    def watch() -> None:
        while not condition():
            if cancel.wait(0.01):
                return
        cancel.cancel()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def sent_bytes(hub: HubServer, names: Sequence[str] = ()) -> int:
    """How many bytes of files have been sent, of all or of some."""
    return sum(served.count for served in hub.served if not names or served.name in names)


def installed(hub_cache: Path) -> set[str]:
    look = InstalledParts(hub_cache)
    return {part.id for part in model_parts(LOCAL_WEIGHTS) if look.state(part).is_installed}


def assert_whole(hub: HubServer, hub_cache: Path) -> None:
    """Every file of the choice is there with the hub's own bytes."""
    assert installed(hub_cache) == ALL
    for repository in hub.repositories.values():
        cache = RepoCache(hub_cache, repository.name)
        for folder in cache.snapshots():
            for path in folder.rglob("*"):
                if path.is_file():
                    name = path.relative_to(folder).as_posix()
                    file = repository.commits[folder.name][name]
                    assert path.read_bytes() == file.read(0, file.size), name
                    assert path.resolve().name == file.etag
    assert not list(hub_cache.rglob("*.incomplete"))
