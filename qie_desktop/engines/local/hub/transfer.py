"""One file from the hub into its cache: resumed where it stopped, checked, and renamed when it is whole.

`huggingface_hub` 2 does not go on with half a file: every download has a temporary file of its own, which is
removed when it fails. So the bytes are fetched here, through the library's own client and headers, over plain
HTTP (without `hf_xet`, of whose resuming nothing is documented), from `/{repo}/resolve/{commit}/{name}`, and
written to `blobs/{etag}.incomplete`, as earlier releases of the library did.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from qie_desktop.core.download_errors import FileDamaged, HubUnavailable
from qie_desktop.engines.local.hub.failures import (
    TryAgain,
    endpoint,
    mapped_failures,
    raise_for,
    refuse_web_page,
)
from qie_desktop.engines.local.hub.listing import request_headers, timeouts
from qie_desktop.engines.local.hub.partial import PartialFile, size_of
from qie_desktop.engines.local.hub.patience import Patience
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx2

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.hub.cache import RepoCache
    from qie_desktop.engines.local.hub.patience import Notices
    from qie_desktop.engines.local.hub.records import FileRecord

_OK, _PARTIAL, _RANGE_REFUSED = 200, 206, 416
_LOCK_POLL_S = 0.25
_TRIES = 2


class Transfer:
    """A file that is to come, of a commit. `counted`: how many of its bytes are counted as there already."""

    def __init__(self, cache: RepoCache, commit: str, file: FileRecord, counted: int) -> None:
        self._cache = cache
        self._commit = commit
        self.file = file
        self._counted = counted

    @property
    def repo(self) -> str:
        """The repository that it is of."""
        return self._cache.repo

    def run(self, cancel: CancelToken, notices: Notices) -> None:
        """Fetch the file, or what is missing of it, and show it in the snapshot.

        Raises JobCancelled, DownloadErrors, DiskFull and StorageError; what has come stays.
        """
        blob = self._cache.blob(self.file.etag)
        with self._alone(cancel, notices), atomic.mapped_errors(blob, "write"):
            # They are there already where another commit has them, or another program has just fetched them.
            if size_of(blob) != self.file.size or self.file.damaged:
                self._fetch(cancel, notices)
            notices.came(self.file.size - self._counted, received=False)
            self._counted = self.file.size
            self._cache.link(self._commit, self.file.name, self.file.etag)

    def _fetch(self, cancel: CancelToken, notices: Notices) -> None:
        path = self._cache.partial(self.file.etag)
        notices.came(min(size_of(path), self.file.size) - self._counted, received=False)
        self._counted = min(size_of(path), self.file.size)

        def count(change: int, received: bool) -> None:
            self._counted += change
            notices.came(change, received=received)

        with PartialFile(path, self.file, count) as partial:
            if partial.size:
                notices.checking(self.file.name)
            partial.read_in(lambda _count: cancel.raise_if_cancelled())
            for _ in range(_TRIES):
                self._complete(partial, cancel, notices)
                if partial.is_right():
                    path.replace(self._cache.blob(self.file.etag))
                    return
                # Wrong bytes: no telling which. All of it is fetched again, once.
                partial.restart()
        raise FileDamaged(
            f"{self.file.name} came twice with other bytes than {self._cache.repo} says that it has.",
            "Something on the way changes it: try another network, or later.",
        )

    def _complete(self, partial: PartialFile, cancel: CancelToken, notices: Notices) -> None:
        patience = Patience(cancel, notices)
        while partial.missing:
            cancel.raise_if_cancelled()
            notices.fetching(self.file.name)
            try:
                self._receive(partial, cancel, patience)
            except TryAgain as trouble:
                patience.wait(trouble)

    def _receive(self, partial: PartialFile, cancel: CancelToken, patience: Patience) -> None:
        """Write what one answer brings. Raises TryAgain where it breaks off."""
        before = partial.size
        with mapped_failures(self._cache.repo), self._answer(before) as response:
            if before and response.status_code in {_RANGE_REFUSED, _OK}:
                # The server does not know how to go on: all of it comes again.
                partial.restart()
            if response.status_code == _RANGE_REFUSED:
                return
            self._check_answer(response, partial.size)
            for piece in response.iter_raw():
                cancel.raise_if_cancelled()
                partial.write(piece)
                patience.renew()
                if not partial.missing:
                    return
        if partial.size <= before:
            raise TryAgain(HubUnavailable(f"Nothing comes of {self.file.name}.", "Try later."))

    @contextlib.contextmanager
    def _answer(self, size: int) -> Generator[httpx2.Response]:
        from huggingface_hub.utils import get_session  # noqa: PLC0415 - only when something is downloaded

        headers = request_headers() | {"Accept-Encoding": "identity"}
        if size:
            headers["Range"] = f"bytes={size}-"
        path = f"{self._cache.repo}/resolve/{self._commit}/{quote(self.file.name)}"
        with get_session().stream(
            "GET", f"{endpoint()}/{path}", headers=headers, timeout=timeouts(), follow_redirects=True
        ) as response:
            if response.status_code != _RANGE_REFUSED or not size:
                raise_for(response, self._cache.repo, self.file.name)
            yield response

    def _check_answer(self, response: httpx2.Response, size: int) -> None:
        """Refuse what cannot be this file, before any of it is written."""
        refuse_web_page(response)
        whole = f"bytes {size}-{self.file.size - 1}/{self.file.size}"
        told = response.headers.get("Content-Range") if response.status_code == _PARTIAL else None
        length = response.headers.get("Content-Length")
        if (told is not None and told != whole) or (length and int(length) != self.file.size - size):
            raise FileDamaged(
                f"{self.file.name} comes in another size than {self._cache.repo} says that it has.",
                "It may just be changing on the hub: try again later.",
            )

    @contextlib.contextmanager
    def _alone(self, cancel: CancelToken, notices: Notices) -> Generator[None]:
        """Hold the lock that every program takes that writes this blob, waiting for it if need be."""
        from filelock import Timeout  # noqa: PLC0415 - comes with huggingface_hub
        from huggingface_hub.utils import WeakFileLock  # noqa: PLC0415

        path = self._cache.lock(self.file.etag)
        with atomic.mapped_errors(path, "lock"):
            path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as held:
            while True:
                try:
                    held.enter_context(WeakFileLock(path, timeout=_LOCK_POLL_S))
                    break
                except Timeout:
                    notices.waiting("another program is downloading it")
                    cancel.raise_if_cancelled()
                except OSError as error:
                    atomic.raise_mapped(error, path, "lock")
            yield
