"""Downloads in a process of their own, as the window starts and watches them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.download import DownloadState, TaskKind, TaskPhase
from qie_desktop.core.download_errors import DownloadRunning
from qie_desktop.core.errors import InvalidRequest, ModelNotInstalled
from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from qie_desktop.core.model_parts import DownloadChoice
from qie_desktop.engines.local.hub.task_file import TaskFile
from qie_desktop.services.downloads import Downloads
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.settings import Settings
from tests.support.hub_server import Fault, HubServer, Trouble, made_up_repositories

MODEL = find_model("qwen-image-edit-2509-gguf")
CHOICE = DownloadChoice(MODEL.id, "Q5_K_S", "compact", lightning=False)
GGUF = "Qwen-Image-Edit-2509-Q5_K_S.gguf"
MB = 1_000_000


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.delenv("HF_HOME", raising=False)
    with HubServer(made_up_repositories(2 * MB)) as hub:
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.fixture
def downloads(hub: HubServer, folder: DataFolder, settings: Settings) -> Iterator[Downloads]:
    downloads = Downloads(folder, settings)
    yield downloads
    downloads.pause()


def ended(downloads: Downloads, timeout_s: float = 30) -> DownloadState:
    return wait(downloads, lambda state: not state.is_running, timeout_s)


def wait(
    downloads: Downloads, condition: Callable[[DownloadState], bool], timeout_s: float = 30
) -> DownloadState:
    deadline = time.monotonic() + timeout_s
    while (state := downloads.state()) is None or not condition(state):
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
    return state


def installed(downloads: Downloads) -> set[str]:
    return {state.part.id for state in downloads.parts(MODEL) if state.is_installed}


def test_before_anything_there_is_no_state(downloads: Downloads) -> None:
    assert downloads.state() is None
    assert installed(downloads) == set()
    with pytest.raises(ModelNotInstalled):
        downloads.resume()
    with pytest.raises(ModelNotInstalled):
        downloads.verify(MODEL.id)


def test_a_plan_tells_the_size_and_the_room_without_a_network(downloads: Downloads, hub: HubServer) -> None:
    plan = downloads.plan(CHOICE)
    assert [state.part.id for state in plan.parts] == ["base", "text-encoder-compact", "Q5_K_S"]
    assert plan.missing_bytes == pytest.approx(20.5e9, rel=0.02)
    assert plan.free_bytes > 0
    assert plan.fits_disk == (plan.missing_bytes + plan.spare_bytes <= plan.free_bytes)
    assert hub.asked == []
    with pytest.raises(InvalidRequest):
        downloads.plan(DownloadChoice(MODEL.id, "Q9"))


def test_what_is_recommended_can_be_planned(downloads: Downloads) -> None:
    choice = downloads.recommended(MODEL)
    assert choice.quantisation in dict(LOCAL_WEIGHTS.gguf_gb)
    assert downloads.plan(choice).missing_bytes > 0


def test_a_download_runs_by_itself_and_tells_how_far_it_is(downloads: Downloads, hub: HubServer) -> None:
    hub.set_rate(2 * MB)
    downloads.start(CHOICE)
    state = downloads.state()
    assert state is not None
    assert state.is_running
    wait(downloads, lambda state: state.phase is TaskPhase.DOWNLOADING and state.bytes_done > MB)
    hub.set_rate(None)
    state = ended(downloads)
    assert state.phase is TaskPhase.DONE
    assert state.bytes_done == state.bytes_total
    assert state.choice == CHOICE
    assert installed(downloads) == {"base", "text-encoder-compact", "Q5_K_S"}
    assert downloads.plan(CHOICE).is_installed


def test_a_second_download_is_refused_while_one_runs(downloads: Downloads, hub: HubServer) -> None:
    hub.set_rate(MB)
    downloads.start(CHOICE)
    with pytest.raises(DownloadRunning):
        downloads.start(CHOICE)
    with pytest.raises(DownloadRunning):
        downloads.delete(downloads.deletion(MODEL.id, ["base"]))


def test_pause_within_a_second_and_resume(downloads: Downloads, hub: HubServer) -> None:
    hub.set_rate(MB)
    downloads.start(CHOICE)
    wait(downloads, lambda state: state.phase is TaskPhase.DOWNLOADING and state.bytes_done > MB)
    asked = time.monotonic()
    downloads.pause()
    # As quick as the rest of the machine lets it be; on its own it is under a second.
    assert time.monotonic() - asked < 2
    state = downloads.state()
    assert state is not None
    assert state.phase is TaskPhase.PAUSED
    assert state.is_resumable
    hub.set_rate(None)
    downloads.resume()
    assert ended(downloads).phase is TaskPhase.DONE
    assert sum(served.count for served in hub.served if served.name == GGUF) < 2.1 * MB


def test_a_process_that_was_killed_is_seen_and_can_be_resumed(
    downloads: Downloads, hub: HubServer, folder: DataFolder
) -> None:
    hub.set_rate(MB)
    downloads.start(CHOICE)
    wait(downloads, lambda state: state.bytes_done > MB)
    pid = TaskFile(folder.downloads).runner()
    assert pid
    os.kill(pid, signal.SIGKILL)
    state = ended(downloads)
    assert state.phase is TaskPhase.INTERRUPTED
    assert state.is_resumable
    assert "Q5_K_S" not in installed(downloads)
    hub.set_rate(None)
    downloads.resume()
    assert ended(downloads).phase is TaskPhase.DONE


def test_what_goes_wrong_there_is_told_here(downloads: Downloads, hub: HubServer) -> None:
    hub.faults.append(Fault(Trouble.LOGIN_PAGE, "api"))
    downloads.start(CHOICE)
    state = ended(downloads)
    assert state.phase is TaskPhase.FAILED
    assert state.error is not None
    assert state.error.code == "captive_portal"
    assert state.is_resumable


def test_discarding_leaves_no_half_files(downloads: Downloads, hub: HubServer, folder: DataFolder) -> None:
    hub.set_rate(MB)
    downloads.start(CHOICE)
    wait(downloads, lambda state: state.bytes_done > MB)
    downloads.discard()
    assert downloads.state() is None
    assert not list(folder.hub_cache.rglob("*.incomplete"))


def test_verify_in_the_background_finds_damage(downloads: Downloads, hub: HubServer) -> None:
    downloads.start(CHOICE)
    ended(downloads)
    path = next(state.path for state in downloads.parts(MODEL) if state.part.id == "Q5_K_S")
    assert path is not None
    path.write_bytes(bytes(2 * MB))
    downloads.verify(MODEL.id)
    state = ended(downloads)
    assert state.task is TaskKind.VERIFY
    assert state.error is not None
    assert state.error.code == "file_damaged"
    damaged = {state.part.id: state.damaged for state in downloads.parts(MODEL) if state.damaged}
    assert damaged == {"Q5_K_S": (GGUF,)}
    downloads.start(CHOICE)
    assert ended(downloads).phase is TaskPhase.DONE
    assert "Q5_K_S" in installed(downloads)


def test_a_deletion_tells_beforehand_what_becomes_free(downloads: Downloads, hub: HubServer) -> None:
    downloads.start(CHOICE)
    ended(downloads)
    deletion = downloads.deletion(MODEL.id, ["Q5_K_S"])
    assert deletion.byte_count == 2 * MB
    assert downloads.delete(deletion) == 2 * MB
    assert installed(downloads) == {"base", "text-encoder-compact"}
    with pytest.raises(InvalidRequest):
        downloads.deletion(MODEL.id, ["Q5"])


def test_looking_is_quick(downloads: Downloads, hub: HubServer, tmp_path: Path) -> None:
    downloads.start(CHOICE)
    ended(downloads)
    began = time.perf_counter()
    for _ in range(50):
        downloads.state()
    assert (time.perf_counter() - began) / 50 < 0.01


def test_what_a_killed_process_has_left_in_the_lock_is_nobody_to_stop(folder: DataFolder) -> None:
    """Its id may be another program's by the time that the next one takes the lock."""
    task = TaskFile(folder.downloads)
    task.release(task.acquire())
    (folder.downloads / "lock").write_text(str(os.getppid()))
    handle = task.acquire()
    try:
        assert task.runner() == 0
    finally:
        task.release(handle)
