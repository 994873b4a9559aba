"""Downloads from a real HTTP server: what comes, how far it is, and going on with it."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.download import DownloadState, TaskPhase
from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from qie_desktop.core.model_parts import DownloadChoice, model_parts
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.engines.local.hub.installed import InstalledParts
from qie_desktop.engines.local.hub.records import Records
from tests.engines.local.hub.conftest import (
    ALL,
    BASE,
    GGUF,
    GGUFS,
    MODEL,
    Run,
    assert_whole,
    cancel_when,
    installed,
    sent_bytes,
)
from tests.support.hub_server import Fault, HubServer, Trouble, made_up


def test_everything_that_is_needed_comes_and_nothing_else(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    assert download().phase is TaskPhase.DONE
    assert_whole(hub, hub_cache)
    names = {served.name for served in hub.served}
    assert GGUF in names
    assert "transformer/diffusion_pytorch_model.safetensors" not in names
    assert "README.md" not in names
    assert not any("Q8_0" in name or "mmproj" in name for name in names)


def test_a_commit_is_pinned_for_every_file(download: Run, hub: HubServer) -> None:
    download()
    resolved = {
        asked.path.split("/resolve/")[1].split("/")[0] for asked in hub.asked if "resolve" in asked.path
    }
    assert resolved == {hub.repositories[repo].main for repo in (BASE, GGUFS, LOCAL_WEIGHTS.lora_repo)}
    assert dict(LOCAL_WEIGHTS.revisions)[BASE] in resolved


def test_the_compact_text_encoder_comes_with_the_folders_configuration(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    state = download(DownloadChoice(MODEL.id, "Q2_K", "compact", lightning=False))
    assert state.phase is TaskPhase.DONE
    assert installed(hub_cache) == {"base", "text-encoder-compact", "Q2_K"}
    snapshot = RepoCache(hub_cache, BASE).snapshots()[0]
    assert (snapshot / "text_encoder" / "config.json").is_file()
    assert not list(snapshot.rglob("model-0000*"))


def test_nothing_is_fetched_twice(download: Run, hub: HubServer) -> None:
    download()
    hub.forget()
    assert download().phase is TaskPhase.DONE
    assert hub.served == []


def test_huggingface_hub_finds_what_was_downloaded(download: Run, hub: HubServer, hub_cache: Path) -> None:
    from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download

    download()
    hub.forget()
    found = hf_hub_download(GGUFS, GGUF, cache_dir=hub_cache, local_files_only=True)
    assert Path(found).read_bytes() == made_up(GGUF, 300_000)
    folder = snapshot_download(
        BASE, allow_patterns=["vae/*"], cache_dir=hub_cache, local_files_only=True, endpoint=hub.url
    )
    assert Path(folder, "vae", "config.json").is_file()
    assert {repo.repo_id for repo in scan_cache_dir(hub_cache).repos} == {
        BASE,
        GGUFS,
        LOCAL_WEIGHTS.lora_repo,
    }
    assert scan_cache_dir(hub_cache).warnings == []
    assert hub.asked == []


def test_what_another_tool_has_downloaded_counts_and_is_not_fetched(
    download: Run, hub: HubServer, hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import hf_hub_download

    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    hf_hub_download(GGUFS, GGUF, cache_dir=hub_cache, endpoint=hub.url)
    assert installed(hub_cache) == {"Q5_K_S"}
    hub.forget()
    download()
    assert_whole(hub, hub_cache)
    assert sent_bytes(hub, [GGUF]) == 0
    # And so it is not ours to delete.
    assert not Records(hub_cache).read()[GGUFS].files[GGUF].fetched


def test_a_change_on_the_hub_in_mid_download_is_no_mix(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    """The branch moves on: every file is still that of the commit that the download began with."""
    hub.set_rate(400_000)
    before = hub.repositories[GGUFS].main
    cancel = CancelToken()
    thread = cancel_when(cancel, lambda: sent_bytes(hub, [GGUF]) > 50_000)
    assert download(cancel=cancel).phase is TaskPhase.PAUSED
    thread.join()
    hub.repositories[GGUFS].push({GGUF: made_up("newer", 300_000)})
    hub.set_rate(None)
    assert download().phase is TaskPhase.DONE
    assert [folder.name for folder in RepoCache(hub_cache, GGUFS).snapshots()] == [before]
    assert_whole(hub, hub_cache)


def test_a_commit_that_is_gone_in_mid_download_gives_way_to_the_new_one_whole(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    hub.set_rate(400_000)
    repository = hub.repositories[BASE]
    shard = "text_encoder/model-00001-of-00002.safetensors"
    thread = cancel_when(
        CancelToken(),
        lambda: (
            sent_bytes(hub) > 0 and repository.push({shard: made_up("newer", 100_000)}, squash=True) != ""
        ),
    )
    state = download()
    thread.join()
    assert state.phase is TaskPhase.DONE, state.error
    assert installed(hub_cache) == ALL
    snapshot = InstalledParts(hub_cache).snapshot(
        [part for part in model_parts(LOCAL_WEIGHTS) if part.repo == BASE]
    )
    assert snapshot is not None
    assert snapshot.name == repository.main
    files = repository.commits[snapshot.name]
    for path in snapshot.rglob("*"):
        if path.is_file():
            file = files[path.relative_to(snapshot).as_posix()]
            assert path.read_bytes() == file.read(0, file.size)


def test_pause_takes_less_than_a_second_and_keeps_what_has_come(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    hub.set_rate(200_000)
    cancel = CancelToken()
    thread = cancel_when(cancel, lambda: sent_bytes(hub, [GGUF]) > 60_000)
    asked_at: list[float] = []
    state = download(cancel=cancel, on_state=lambda _: asked_at.append(time.monotonic()))
    thread.join()
    assert state.phase is TaskPhase.PAUSED
    assert 0 < state.bytes_done < (state.bytes_total or 0)
    assert "Q5_K_S" not in installed(hub_cache)
    hub.set_rate(None)
    assert download().phase is TaskPhase.DONE
    assert sent_bytes(hub, [GGUF]) <= 300_000 + 64 * 1024
    assert_whole(hub, hub_cache)


def test_pause_does_not_wait_for_a_connection_that_says_nothing(download: Run, hub: HubServer) -> None:
    hub.faults.append(Fault(Trouble.STALL, GGUF, after_bytes=20_000))
    cancel = CancelToken()
    paused_at: list[float] = []
    thread = cancel_when(
        cancel, lambda: any(served.count >= 20_000 for served in hub.served if served.name == GGUF)
    )
    watch = cancel_when(CancelToken(), lambda: cancel.cancelled and not paused_at.append(time.monotonic()))
    state = download(cancel=cancel)
    ended_at = time.monotonic()
    thread.join()
    watch.join()
    assert state.phase is TaskPhase.PAUSED
    assert ended_at - paused_at[0] < 1.0


def test_a_damaged_half_is_found_and_fetched_again(download: Run, hub: HubServer, hub_cache: Path) -> None:
    hub.set_rate(200_000)
    cancel = CancelToken()
    thread = cancel_when(cancel, lambda: sent_bytes(hub, [GGUF]) > 60_000)
    download(cancel=cancel)
    thread.join()
    partial = RepoCache(hub_cache, GGUFS).partial(hashlib.sha256(made_up(GGUF, 300_000)).hexdigest())
    partial.write_bytes(b"\0" * partial.stat().st_size)
    hub.set_rate(None)
    assert download().phase is TaskPhase.DONE
    assert_whole(hub, hub_cache)


def test_rate_and_time_left_are_told(download: Run, hub: HubServer) -> None:
    hub.set_rate(100_000)
    states: list[DownloadState] = []
    download(on_state=states.append)
    told = [state for state in states if state.bytes_per_second and state.seconds_left]
    assert told
    assert all(0 <= state.bytes_done <= (state.bytes_total or 0) for state in states)
    # Three files at a time.
    assert 50_000 < (told[-1].bytes_per_second or 0) < 400_000


def test_names_that_lead_out_of_the_folder_are_not_taken(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    repository = hub.repositories[BASE]
    repository.commits[repository.main]["vae/../../../../evil"] = repository.commits[repository.main][
        "README.md"
    ]
    assert download().phase is TaskPhase.DONE
    assert not list(hub_cache.parent.parent.rglob("evil"))
