"""What counts as installed, and what deleting takes away."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.download import DownloadState, PartState, TaskPhase
from qie_desktop.core.errors import ModelNotInstalled, QieError
from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from qie_desktop.core.model_parts import DownloadChoice, find_parts, model_parts
from qie_desktop.engines.local.checkpoint import CheckpointLocator
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.engines.local.hub.deletion import delete, plan_deletion
from qie_desktop.engines.local.hub.installed import InstalledParts
from qie_desktop.engines.local.hub.records import Records
from tests.engines.local.hub.conftest import MODEL, cancel_when, sent_bytes
from tests.support.hub_server import HubServer, made_up

BASE, GGUFS = LOCAL_WEIGHTS.base_repo, LOCAL_WEIGHTS.gguf_repo
GGUF = "Qwen-Image-Edit-2509-Q5_K_S.gguf"
Run = Callable[..., DownloadState]


def part_states(hub_cache: Path) -> dict[str, PartState]:
    look = InstalledParts(hub_cache)
    return {part.id: look.state(part) for part in model_parts(LOCAL_WEIGHTS)}


def problem(hub_cache: Path, quantisation: str = "Q5_K_S") -> QieError | None:
    return CheckpointLocator(hub_cache, hub_cache).problem(MODEL, quantisation)


def test_nothing_is_installed_in_an_empty_cache(hub_cache: Path) -> None:
    states = part_states(hub_cache)
    assert not any(state.is_installed for state in states.values())
    assert states["Q5_K_S"].missing_bytes == pytest.approx(14.1e9, rel=0.01)
    assert isinstance(problem(hub_cache), ModelNotInstalled)


@pytest.mark.parametrize(
    "name",
    ["text_encoder/model-00002-of-00002.safetensors", "vae/config.json", "tokenizer/merges.txt"],
)
def test_a_half_downloaded_model_is_not_offered(download: Run, hub_cache: Path, name: str) -> None:
    download()
    assert problem(hub_cache) is None
    snapshot = RepoCache(hub_cache, BASE).snapshots()[0]
    (snapshot / name).unlink()
    part = "text-encoder-full" if name.startswith("text_encoder") else "base"
    assert not part_states(hub_cache)[part].is_installed
    assert problem(hub_cache) is not None


def test_a_file_that_was_cut_short_is_not_offered(download: Run, hub_cache: Path) -> None:
    download()
    path = part_states(hub_cache)["Q5_K_S"].path
    assert path is not None
    with path.open("r+b") as file:
        file.truncate(1000)
    assert not part_states(hub_cache)["Q5_K_S"].is_installed
    assert isinstance(problem(hub_cache), ModelNotInstalled)
    assert download().phase is TaskPhase.DONE
    assert part_states(hub_cache)["Q5_K_S"].is_installed


def test_a_cache_of_another_tool_counts_without_any_record(download: Run, hub_cache: Path) -> None:
    download()
    (hub_cache.parent / "qwen-image-editor.json").unlink()
    states = part_states(hub_cache)
    assert {name for name, state in states.items() if state.is_installed} == {
        "base",
        "text-encoder-full",
        "Q5_K_S",
        "lightning",
    }
    assert problem(hub_cache) is None
    snapshot = RepoCache(hub_cache, BASE).snapshots()[0]
    (snapshot / "text_encoder" / "model-00001-of-00002.safetensors").unlink()
    assert not part_states(hub_cache)["text-encoder-full"].is_installed


def test_a_complete_older_snapshot_is_used_while_the_branch_is_half_there(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    download()
    cache = RepoCache(hub_cache, BASE)
    newer = "1" * 40
    (cache.snapshot(newer) / "vae").mkdir(parents=True)
    (cache.snapshot(newer) / "vae" / "config.json").write_text("{}")
    (cache.folder / "refs" / "main").write_text(newer)
    assert part_states(hub_cache)["base"].is_installed
    assert problem(hub_cache) is None


def test_only_another_quantisation_is_taken_where_none_is_asked_for(download: Run, hub_cache: Path) -> None:
    download(DownloadChoice(MODEL.id, "Q2_K", "full"))
    locator = CheckpointLocator(hub_cache, hub_cache)
    assert locator.locate(MODEL).transformer.name == "Qwen-Image-Edit-2509-Q2_K.gguf"
    assert isinstance(locator.problem(MODEL, "Q8_0"), ModelNotInstalled)


def test_damaged_records_are_no_records(download: Run, hub_cache: Path) -> None:
    download()
    (hub_cache.parent / "qwen-image-editor.json").write_text('{"schema": 1, "repositories": []')
    assert Records(hub_cache).read() == {}
    assert part_states(hub_cache)["base"].is_installed


def test_deleting_frees_what_it_said(download: Run, hub_cache: Path) -> None:
    download()
    plan = plan_deletion(hub_cache, find_parts(MODEL, LOCAL_WEIGHTS, ["Q5_K_S"]))
    assert plan.byte_count == 300_000
    assert delete(hub_cache, plan) == 300_000
    assert not part_states(hub_cache)["Q5_K_S"].is_installed
    assert not RepoCache(hub_cache, GGUFS).folder.exists()
    assert part_states(hub_cache)["base"].is_installed


def test_deleting_leaves_what_another_tool_downloaded(download: Run, hub: HubServer, hub_cache: Path) -> None:
    from huggingface_hub import hf_hub_download

    hf_hub_download(GGUFS, GGUF, cache_dir=hub_cache, endpoint=hub.url)
    download()
    assert plan_deletion(hub_cache, find_parts(MODEL, LOCAL_WEIGHTS, ["Q5_K_S"])).files == ()


def test_deleting_leaves_bytes_that_another_snapshot_shows(download: Run, hub_cache: Path) -> None:
    download()
    cache = RepoCache(hub_cache, GGUFS)
    path = part_states(hub_cache)["Q5_K_S"].path
    assert path is not None
    theirs = cache.snapshot("2" * 40) / GGUF
    theirs.parent.mkdir(parents=True)
    theirs.symlink_to(path.resolve())
    plan = plan_deletion(hub_cache, find_parts(MODEL, LOCAL_WEIGHTS, ["Q5_K_S"]))
    assert plan.byte_count == 0
    assert delete(hub_cache, plan) == 0
    assert theirs.read_bytes() == made_up(GGUF, 300_000)


def test_deleting_one_of_two_files_with_the_same_bytes_keeps_them(download: Run, hub_cache: Path) -> None:
    """The tokenizer's and the processor's vocabulary are one blob, and only whole parts are deleted."""
    download()
    plan = plan_deletion(hub_cache, find_parts(MODEL, LOCAL_WEIGHTS, ["text-encoder-full"]))
    delete(hub_cache, plan)
    assert part_states(hub_cache)["base"].is_installed
    snapshot = RepoCache(hub_cache, BASE).snapshots()[0]
    assert (snapshot / "processor" / "vocab.json").read_bytes() == made_up("vocab", 30_000)


def test_deleting_takes_half_downloaded_files_too(download: Run, hub: HubServer, hub_cache: Path) -> None:
    hub.set_rate(200_000)
    cancel = CancelToken()
    thread = cancel_when(cancel, lambda: sent_bytes(hub, [GGUF]) > 60_000)
    assert download(cancel=cancel).phase is TaskPhase.PAUSED
    thread.join()
    partial = list(RepoCache(hub_cache, GGUFS).blobs.glob("*.incomplete"))
    count = sum(path.stat().st_size for path in partial)
    plan = plan_deletion(hub_cache, find_parts(MODEL, LOCAL_WEIGHTS, ["Q5_K_S"]))
    assert plan.byte_count == count > 0
    delete(hub_cache, plan)
    assert not list(RepoCache(hub_cache, GGUFS).folder.rglob("*.incomplete"))


def test_a_disk_without_links_takes_files_in_their_place(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    """As on exFAT; other tools that are told to make no links leave the same."""
    download()
    for cache in (RepoCache(hub_cache, BASE), RepoCache(hub_cache, GGUFS)):
        for pointer, blob in list(cache.pointers()):
            pointer.unlink()
            shutil.copyfile(blob, pointer)
        shutil.rmtree(cache.blobs)
    states = part_states(hub_cache)
    assert states["Q5_K_S"].is_installed
    assert states["base"].is_installed
    hub.forget()
    assert download().phase is TaskPhase.DONE
    assert hub.served == []
    plan = plan_deletion(hub_cache, find_parts(MODEL, LOCAL_WEIGHTS, ["Q5_K_S"]))
    assert delete(hub_cache, plan) == 300_000


def test_a_cache_that_is_reached_through_a_link_keeps_what_others_show(
    download: Run, hub_cache: Path, tmp_path: Path
) -> None:
    download()
    through = tmp_path / "through"
    through.symlink_to(hub_cache.parent)
    cache = RepoCache(through / "hub", GGUFS)
    pointer = next(pointer for pointer, _ in cache.pointers())
    theirs = cache.snapshot("2" * 40) / GGUF
    theirs.parent.mkdir(parents=True)
    theirs.symlink_to(pointer.resolve())
    parts = find_parts(MODEL, LOCAL_WEIGHTS, ["Q5_K_S"])
    assert plan_deletion(through / "hub", parts).byte_count == 0
    theirs.unlink()
    theirs.parent.rmdir()
    plan = plan_deletion(through / "hub", parts)
    assert plan.byte_count == 300_000
    assert delete(through / "hub", plan) == 300_000


def test_deleting_takes_what_a_newer_commit_has_superseded(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    download()
    hub.repositories[GGUFS].push({GGUF: made_up("newer", 310_000)}, squash=True)
    path = part_states(hub_cache)["Q5_K_S"].path
    assert path is not None
    path.unlink()
    assert download().phase is TaskPhase.DONE
    plan = plan_deletion(hub_cache, find_parts(MODEL, LOCAL_WEIGHTS, ["Q5_K_S"]))
    assert plan.byte_count == 610_000
    assert delete(hub_cache, plan) == 610_000
    assert not RepoCache(hub_cache, GGUFS).folder.exists()


def test_what_is_here_is_downloaded_without_a_network(download: Run, hub: HubServer) -> None:
    download()
    hub.forget()
    state = download()
    assert state.phase is TaskPhase.DONE
    assert state.bytes_done == state.bytes_total
    assert hub.asked == []
