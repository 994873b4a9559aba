"""A download of several parts: what the hub has of them, what is there of that, and the rest fetched."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.download_errors import HubChanged, HubFileMissing
from qie_desktop.core.errors import InternalError, QieError
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.engines.local.hub.failures import TryAgain, host
from qie_desktop.engines.local.hub.installed import InstalledParts, bytes_there
from qie_desktop.engines.local.hub.listing import list_repository
from qie_desktop.engines.local.hub.patience import Patience
from qie_desktop.engines.local.hub.records import Records, RepoRecord
from qie_desktop.engines.local.hub.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qie_desktop.core.model_parts import ModelPart
    from qie_desktop.engines.local.hub.activity import Activity
    from qie_desktop.engines.local.hub.records import FileRecord

logger = logging.getLogger(__name__)

STREAMS = 3
"""So many files come at a time: one stream rarely fills a line."""
_TRIES_AT_FIRST = 3


class Download:
    """Brings parts into a cache. `known` are all parts of the model: their sizes are recorded on the way."""

    def __init__(
        self, hub_cache: Path, parts: Sequence[ModelPart], known: Sequence[ModelPart], activity: Activity
    ) -> None:
        self._hub_cache = hub_cache
        self._parts = parts
        self._known = known
        self._activity = activity
        self._records = Records(hub_cache)

    def run(self, cancel: CancelToken) -> None:
        """Fetch what is missing. A repository that changes meanwhile is looked at once more.

        Where all of it is here, nobody is asked. Raises JobCancelled, DownloadErrors, DiskFull and
        StorageError. Blocks; any thread.
        """
        look = InstalledParts(self._hub_cache)
        states = [look.state(part) for part in self._parts]
        if all(state.is_installed for state in states):
            size = sum(state.byte_count for state in states)
            self._activity.measure(size, size)
            return
        try:
            self._fetch(self.plan(cancel), cancel)
        except HubChanged as error:
            logger.info("Once more: %s", error.message)
            self._fetch(self.plan(cancel), cancel)
        for repo in {part.repo for part in self._parts}:
            record = self._records.read().get(repo)
            if record is not None:
                # A convenience for other tools; nothing here depends on it.
                with contextlib.suppress(OSError):
                    RepoCache(self._hub_cache, repo).set_main(record.commit)

    def plan(self, cancel: CancelToken) -> list[Transfer]:
        """Ask the hub what the parts consist of, note it, and return what is to come. Raises DiskFull."""
        transfers: list[Transfer] = []
        total = done = 0
        for repo in dict.fromkeys(part.repo for part in self._parts):
            record = self._listing(repo, cancel)
            cache = RepoCache(self._hub_cache, repo)
            ours: list[str] = []
            for part in self._parts:
                if part.repo != repo:
                    continue
                for name in part.select(record.files):
                    file = record.files[name]
                    there = bytes_there(cache, record.commit, file)
                    total, done = total + file.size, done + there
                    if file.damaged or cache.size(record.commit, name) != file.size:
                        transfers.append(Transfer(cache, record.commit, file, there))
                        ours += [name] if there < file.size else []
            # Noted before it is there: whatever happens, what came from here is known as such.
            self._records.mark(repo, ours, fetched=True)
        self._activity.expect(total, done)
        return transfers

    def _listing(self, repo: str, cancel: CancelToken) -> RepoRecord:
        before = self._records.read().get(repo)
        revision = next(part.revision for part in self._parts if part.repo == repo)
        patience = Patience(cancel, self._activity, _TRIES_AT_FIRST)
        while True:
            cancel.raise_if_cancelled()
            try:
                listed = list_repository(repo, revision, before.commit if before else None)
                break
            except TryAgain as trouble:
                patience.wait(trouble)
        for part in self._parts:
            missing = part.unmatched(listed.files) if part.repo == repo else []
            if missing:
                raise HubFileMissing(
                    f"{repo} on {host()} has no {' and no '.join(missing)}.",
                    "It may have been renamed: look for a newer version of this app.",
                )
        merged = self._merged(repo, listed, before)
        self._records.change(repo, lambda _record: merged)
        return merged

    def _merged(self, repo: str, listed: RepoRecord, before: RepoRecord | None) -> RepoRecord:
        """Return what the hub lists of this model's parts, with what is known of the same bytes here."""
        names = {name for part in self._known if part.repo == repo for name in part.select(listed.files)}
        files = {name: file for name, file in listed.files.items() if name in names}
        for name, file in files.items():
            old = before.files.get(name) if before else None
            if old is not None and old.etag == file.etag:
                files[name] = replace(file, fetched=old.fetched, damaged=old.damaged)
        if before is None:
            return RepoRecord(listed.commit, files)
        older = {before.commit, *before.older} - {listed.commit}
        gone = [
            file
            for name, file in before.files.items()
            if file.fetched and not _is_same(file, files.get(name))
        ]
        superseded = dict.fromkeys((*before.superseded, *gone))
        return RepoRecord(listed.commit, files, tuple(sorted(older)), tuple(superseded))

    def _fetch(self, transfers: list[Transfer], cancel: CancelToken) -> None:
        """Fetch files on a few threads. The first error, or the person's word, ends them all."""
        queue, errors, stop = deque(transfers), deque[QieError](), _EitherToken(cancel)

        def work() -> None:
            while not stop.cancelled:
                try:
                    transfer = queue.popleft()
                except IndexError:
                    return
                try:
                    transfer.run(stop, self._activity)
                    if transfer.file.damaged:
                        self._records.mark(transfer.repo, [transfer.file.name], damaged=False)
                except JobCancelled:
                    return
                except QieError as error:
                    errors.append(error)
                except Exception:
                    logger.exception("Downloading %s", transfer.file.name)
                    errors.append(
                        InternalError("Something went wrong that was not foreseen.", "See the log.")
                    )
                if errors:
                    stop.cancel()

        # Daemons: a thread that waits for a dead connection must not keep the process from ending.
        threads = [threading.Thread(target=work, daemon=True) for _ in transfers[:STREAMS]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        cancel.raise_if_cancelled()


def _is_same(file: FileRecord, other: FileRecord | None) -> bool:
    return other is not None and other.etag == file.etag


class _EitherToken(CancelToken):
    """Set with another token, or by itself."""

    def __init__(self, other: CancelToken) -> None:
        super().__init__()
        self._other = other

    @property
    def cancelled(self) -> bool:
        """Whether either is set."""
        return super().cancelled or self._other.cancelled

    def raise_if_cancelled(self) -> None:
        """Raise `JobCancelled` when either is set."""
        if self.cancelled:
            raise JobCancelled

    def wait(self, timeout_s: float) -> bool:
        """Wait for either."""
        left_s = timeout_s
        while left_s > 0 and not self._other.cancelled:
            if super().wait(min(left_s, self._POLL_S)):
                return True
            left_s -= self._POLL_S
        return self.cancelled
