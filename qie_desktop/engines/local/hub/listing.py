"""What the hub has: a repository's commit, and its files with sizes and hashes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from qie_desktop import __version__
from qie_desktop.core.download_errors import HubChanged, HubUnavailable
from qie_desktop.core.model_parts import MAIN
from qie_desktop.engines.local.hub.failures import endpoint, mapped_failures, refuse_web_page
from qie_desktop.engines.local.hub.hashing import is_hash
from qie_desktop.engines.local.hub.records import FileRecord, RepoRecord

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub.hf_api import ModelInfo

APP = "qwen-image-editor"
_CONNECT_S, _READ_S = 10.0, 20.0


def prepare_library() -> None:
    """Say before it is imported what `huggingface_hub` is to leave be: it tells nobody what runs it."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def request_headers() -> dict[str, str]:
    """Return the headers of a request to the hub, with the person's token where there is one."""
    prepare_library()
    from huggingface_hub.utils import build_hf_headers  # noqa: PLC0415 - only when something is downloaded

    return build_hf_headers(library_name=APP, library_version=__version__)


def timeouts() -> httpx2.Timeout:
    """Return how long an answer, and each piece of it, may take."""
    import httpx2  # noqa: PLC0415

    return httpx2.Timeout(_READ_S, connect=_CONNECT_S)


def list_repository(repo: str, revision: str, known: str | None = None) -> RepoRecord:
    """Ask the hub for the files of a revision; the record has its commit.

    `known` is the commit that a download began with, which comes first. A commit that the hub no longer has
    gives way to the revision, and that, if it is a commit too, to `main`: contents are found again by their
    hashes. Raises TryAgain and DownloadErrors.
    """
    candidates = list(dict.fromkeys(filter(None, (known, revision, MAIN))))
    for candidate in candidates:
        try:
            return _ask(repo, candidate)
        except HubChanged:
            if candidate == candidates[-1]:
                raise
    raise AssertionError("there is always main")


def _ask(repo: str, revision: str) -> RepoRecord:
    prepare_library()
    from huggingface_hub.hf_api import ModelInfo  # noqa: PLC0415
    from huggingface_hub.utils import get_session, hf_raise_for_status  # noqa: PLC0415

    url = f"{endpoint()}/api/models/{repo}/revision/{revision}"
    # As `HfApi.model_info` does it, which does not show the answer that a login page would be.
    with mapped_failures(repo):
        response = get_session().get(
            url, headers=request_headers(), params={"blobs": True}, timeout=timeouts()
        )
        hf_raise_for_status(response)
    refuse_web_page(response)
    try:
        return _record(ModelInfo(**response.json()))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise _no_hub(repo) from error


def _record(info: ModelInfo) -> RepoRecord:
    """Return what a listing tells. Raises ValueError, TypeError and the like where it is none."""
    commit = info.sha or ""
    if not is_hash(commit):
        # It names a folder of the cache.
        raise ValueError(f"{commit} is not a commit")
    files: dict[str, FileRecord] = {}
    for sibling in info.siblings or []:
        etag, size = sibling.blob_id, sibling.size
        if sibling.lfs is not None:
            etag, size = sibling.lfs.sha256, sibling.lfs.size
        if etag and is_hash(etag) and size is not None and int(size) >= 0 and _is_plain(sibling.rfilename):
            files[sibling.rfilename] = FileRecord(sibling.rfilename, int(size), etag)
    return RepoRecord(commit, files)


def _is_plain(name: str) -> bool:
    """Whether a name stays in the folder that it is put into, whoever made it up."""
    return not name.startswith("/") and ".." not in name.split("/") and "\0" not in name


def _no_hub(repo: str) -> HubUnavailable:
    return HubUnavailable(
        f"{endpoint()} does not answer as the hub does when it is asked for {repo}.",
        "If HF_ENDPOINT is set, see that it is the address of a mirror of the hub.",
    )
