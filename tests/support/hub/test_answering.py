"""The loopback hub, asked by the real `huggingface_hub`."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from tests.support.hub_server import Fault, HubServer, Trouble, made_up, made_up_repositories

GGUFS = LOCAL_WEIGHTS.gguf_repo
GGUF = "Qwen-Image-Edit-2509-Q2_K.gguf"


@pytest.fixture
def hub():
    with HubServer(made_up_repositories()) as hub:
        yield hub


def test_the_library_downloads_a_file_from_it(hub: HubServer, tmp_path: Path) -> None:
    from huggingface_hub import hf_hub_download

    path = hf_hub_download(GGUFS, GGUF, cache_dir=tmp_path, endpoint=hub.url)
    assert Path(path).read_bytes() == made_up(GGUF, 300_000)
    assert (
        Path(path).resolve().name
        == hub.repositories[GGUFS].commits[hub.repositories[GGUFS].main][GGUF].sha256
    )


def test_the_library_downloads_a_snapshot_from_it(hub: HubServer, tmp_path: Path) -> None:
    from huggingface_hub import snapshot_download

    base = LOCAL_WEIGHTS.base_repo
    folder = snapshot_download(base, allow_patterns=["tokenizer/*"], cache_dir=tmp_path, endpoint=hub.url)
    assert Path(folder).name == dict(LOCAL_WEIGHTS.revisions)[base]
    assert (Path(folder) / "tokenizer" / "vocab.json").read_bytes() == made_up("vocab", 30_000)


def test_the_library_reads_sizes_and_hashes_from_it(hub: HubServer) -> None:
    from huggingface_hub import HfApi

    info = HfApi(endpoint=hub.url).model_info(GGUFS, files_metadata=True)
    sibling = next(sibling for sibling in info.siblings or [] if sibling.rfilename == GGUF)
    assert sibling.lfs is not None
    assert (sibling.size, sibling.lfs.size) == (300_000, 300_000)
    (found,) = HfApi(endpoint=hub.url).get_paths_info(GGUFS, [GGUF])
    assert found.lfs is not None
    assert found.lfs.sha256 == sibling.lfs.sha256


def test_the_library_knows_its_refusals(hub: HubServer) -> None:
    from huggingface_hub import HfApi, errors

    api = HfApi(endpoint=hub.url)
    with pytest.raises(errors.RevisionNotFoundError):
        api.model_info(GGUFS, revision="0" * 40)
    with pytest.raises(errors.RepositoryNotFoundError):
        api.model_info("no/body")
    hub.repositories[GGUFS].gated = True
    with pytest.raises(errors.GatedRepoError):
        api.model_info(GGUFS)
    assert api.model_info(GGUFS, token=hub.token).sha == hub.repositories[GGUFS].main


def test_ranges_are_served_and_recorded(hub: HubServer) -> None:
    url = f"{hub.url}/{GGUFS}/resolve/main/{GGUF}"
    answer = httpx.get(url, headers={"Range": "bytes=1000-"}, follow_redirects=True, trust_env=False)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == "bytes 1000-299999/300000"
    assert answer.content == made_up(GGUF, 300_000)[1000:]
    assert [(served.name, served.start, served.count) for served in hub.served] == [(GGUF, 1000, 299_000)]
    beyond = httpx.get(url, headers={"Range": "bytes=300000-"}, follow_redirects=True, trust_env=False)
    assert beyond.status_code == 416


def test_a_fault_comes_to_pass_as_often_as_it_says(hub: HubServer) -> None:
    hub.faults.append(Fault(Trouble.CUT, GGUF, times=1, after_bytes=5000))
    url = f"{hub.url}/{GGUFS}/resolve/main/{GGUF}"
    with pytest.raises(httpx.TransportError):
        httpx.get(url, follow_redirects=True, trust_env=False)
    assert httpx.get(url, follow_redirects=True, trust_env=False).content == made_up(GGUF, 300_000)
