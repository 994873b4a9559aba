"""The jobs on disk. The folders are the truth; the index over them follows."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

from qie_desktop.core.errors import JobDamaged, JobNotFound, JobStateError, StorageError, did_you_mean
from qie_desktop.core.job import Job, JobState, now
from qie_desktop.imaging.opening import probe
from qie_desktop.storage import atomic, job_folders
from qie_desktop.storage.index import Filter, IndexDamaged, IndexEntry, JobIndex
from qie_desktop.storage.job_files import (
    copy_inputs,
    index_of,
    thumbnail_name,
    with_output,
    write_output_files,
)
from qie_desktop.storage.job_metadata import (
    METADATA_NAME,
    parse_metadata,
    read_metadata,
    to_document,
    write_metadata,
)
from qie_desktop.storage.legacy_metadata import LegacyJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from qie_desktop.core.job import Output
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.imaging.opening import PictureInfo
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.job_files import NewOutput

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")
_BATCH = 500
_ROUNDS = 3


class JobStore:
    """The jobs of one data folder. Any thread, any number of processes; nothing is opened before it is used.

    Every method that writes raises StorageError or DiskFull when it cannot; every one that takes an id raises
    JobNotFound for one that is not there. A folder that cannot be read is left alone, and named in the log.
    """

    def __init__(self, folder: DataFolder) -> None:
        self.data_folder = folder
        self.claims = job_folders.Claims()
        self._jobs = folder.jobs
        self._index = JobIndex(folder.index, self._mark_stale)
        self._lock = threading.RLock()
        self._unreadable: dict[str, int] = {}
        self._fresh = False
        self._compared = False

    def create(
        self,
        request: Request,
        spec: ModelSpec,
        infos: Sequence[PictureInfo] | None = None,
        cost_usd: float | None = None,
    ) -> Job:
        """Put a new, queued job on disk, with copies of its inputs and a seed drawn, and hold it.

        `infos` are what `probe` says of the inputs, where that is known already. Raises InputImageError for
        an input that is no picture.
        """
        request = request.with_seed(spec)
        infos = [probe(path) for path in request.inputs] if infos is None else infos
        at = now()
        with job_folders.new_folder(self._jobs, at) as draft:
            inputs = copy_inputs(draft.path, request.inputs, infos)
            request = request.with_inputs([draft.final / item.name for item in inputs])
            job = Job(draft.job_id, JobState.QUEUED, request, at, inputs=inputs, cost_usd=cost_usd)
            write_metadata(draft.path, job)
        self.claims.adopt(draft)
        self._put(job)
        return job

    def load(self, job_id: str) -> Job:
        """Return a job by its id, or the beginning of it where only one begins so.

        Raises JobNotFound, or JobDamaged naming what is wrong.
        """
        return read_metadata(self._jobs / self._resolved(job_id))

    def save(self, job: Job) -> None:
        """Put the job on disk as it stands here. Use `update` where anything else may change it too."""
        folder = self.folder(job.job_id)
        with atomic.locked(folder):
            write_metadata(folder, job)
        self._put(job)

    def update(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        """Change a job as it is on disk now, and return it; nobody else can change it in between."""
        folder = self.folder(job_id)
        with atomic.locked(folder):
            job = change(read_metadata(folder))
            write_metadata(folder, job)
        self._put(job)
        return job

    def folder(self, job_id: str) -> Path:
        """Return the folder of the job with exactly this id."""
        folder = self._jobs / job_folders.checked_id(job_id)
        if not folder.is_dir():
            raise self._not_found(job_id)
        return folder

    def output_path(self, job: Job, output: Output) -> Path:
        """Return where a result is."""
        return self._jobs / job.job_id / output.name

    def thumbnail_path(self, job: Job, output: Output) -> Path:
        """Return where a result's thumbnail is, or the result itself where it has none."""
        path = self._jobs / job.job_id / thumbnail_name(output.name)
        return path if path.is_file() else self.output_path(job, output)

    def write_output(self, job: Job, made: NewOutput) -> Output:
        """Write a result with its thumbnail and the request inside, and note it in the job on disk."""
        output = write_output_files(self.folder(job.job_id), job, made)
        self.update(job.job_id, lambda current: with_output(current, output))
        return output

    def star(self, job_id: str, starred: bool, index: int | None = None) -> Job:
        """Star a job's result number `index`, or all of them, or take the star away; return the job."""

        def change(job: Job) -> Job:
            return replace(
                job,
                outputs=tuple(
                    replace(output, starred=starred) if index in {None, index_of(output.name)} else output
                    for output in job.outputs
                ),
            )

        return self.update(job_id, change)

    def delete(self, job_ids: Iterable[str]) -> None:
        """Delete jobs for good, on a person's word. Raises JobStateError for one that is queued or runs."""
        for job_id in job_ids:
            folder = self.folder(job_id)
            if self.claims.held_by_anyone(folder):
                raise JobStateError(f"Job {job_id} has not ended.", "Cancel it first.")
            job_folders.remove_folder(folder)
            self.forget([job_id])

    def forget(self, job_ids: Iterable[str]) -> None:
        """Take jobs whose folders were moved elsewhere (to the Trash) out of the listing."""
        self._index.remove(job_ids)

    def list(
        self,
        search: str = "",
        *,
        starred: bool = False,
        states: Iterable[JobState] = (),
        limit: int = -1,
        offset: int = 0,
    ) -> list[Job]:
        """Return a page of jobs, newest first: those with all words of `search` in prompt or model.

        The first call compares the index with the folders: call it off the GUI thread.
        """
        wanted = Filter(search, starred, tuple(state.value for state in states))
        found = self._asked(lambda: self._index.documents(wanted, limit, offset))
        return [self._from_index(job_id, text) for job_id, text in found]

    def glance(self, limit: int) -> list[Job]:
        """Return some of the newest jobs from their folders, without the index.

        Making the index of ten thousand jobs takes seconds, and comparing it with their folders a tenth of
        one, in which these can be shown. Empty where `list` answers at once.
        """
        names = job_folders.names(self._jobs)
        if self._compared or len(names) <= 2 * limit:
            return []
        jobs: list[Job] = []
        for name in sorted(names, reverse=True)[:limit]:
            with contextlib.suppress(JobDamaged):
                jobs.append(read_metadata(self._jobs / name))
        return sorted(jobs, key=lambda job: job.created_at, reverse=True)

    def count(self, search: str = "", *, starred: bool = False, states: Iterable[JobState] = ()) -> int:
        """Return how many jobs `list` would return without a limit."""
        wanted = Filter(search, starred, tuple(state.value for state in states))
        return self._asked(lambda: self._index.count(wanted))

    def refresh(self) -> None:
        """Bring the index up to date with the folders, whoever has changed them."""
        with self._lock:
            self._fresh = True
            try:
                # Again until nothing has changed: a job may be saved while it is being read here.
                for _ in range(_ROUNDS):
                    if not self._refresh_changed():
                        break
                self._compared = True
            except BaseException:
                self._fresh = False
                raise

    def close(self) -> None:
        """Close the index and hold no job any longer."""
        self._index.close()
        self.claims.drop_all()

    def _mark_stale(self) -> None:
        self._fresh = self._compared = False

    def _asked(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask the index when it is up to date: again where asking has found it damaged, or made it anew."""
        for _ in range(_ROUNDS):
            with self._lock:
                if not self._fresh:
                    self.refresh()
            with contextlib.suppress(IndexDamaged):
                answer = ask()
                if self._fresh:
                    return answer
        return ask()

    def _refresh_changed(self) -> bool:
        known = self._index.times()
        on_disk = job_folders.job_ids(self._jobs)
        changed = [
            job_id
            for job_id, mtime_ns in on_disk.items()
            if mtime_ns != known.get(job_id) and mtime_ns != self._unreadable.get(job_id)
        ]
        gone = [job_id for job_id in known if job_id not in on_disk]
        for start in range(0, len(changed), _BATCH):
            batch = changed[start : start + _BATCH]
            entries = [entry for job_id in batch if (entry := self._entry(job_id, on_disk[job_id]))]
            self._index.put(entries)
            read = {entry.job.job_id for entry in entries}
            gone += [job_id for job_id in batch if job_id not in read and job_id in known]
        if gone:
            self._index.remove(gone)
        return bool(changed)

    def _entry(self, job_id: str, mtime_ns: int) -> IndexEntry | None:
        try:
            return _entry(read_metadata(self._jobs / job_id), mtime_ns)
        except JobDamaged as error:
            self._unreadable[job_id] = mtime_ns
            _log.warning("%s %s", error.message, error.hint)
            return None

    def _put(self, job: Job) -> None:
        """Note a job in the index. It is on disk already, so a failing index fails nothing: it catches up."""
        try:
            mtime_ns = (self._jobs / job.job_id / METADATA_NAME).stat().st_mtime_ns
            self._index.put([_entry(job, mtime_ns)])
        except (OSError, StorageError) as error:
            self._fresh = False
            _log.warning("Job %s could not be put into the index: %s", job.job_id, error)

    def _from_index(self, job_id: str, text: str) -> Job:
        document = json.loads(text)
        job = parse_metadata(document, self._jobs / job_id)
        return _as_legacy(job) if document.get("legacy") else job

    def _resolved(self, job_id: str) -> str:
        if (self._jobs / job_folders.checked_id(job_id)).is_dir():
            return job_id
        found = [known for known in job_folders.job_ids(self._jobs) if known.startswith(job_id)]
        if len(found) > 1:
            raise JobNotFound(f"{len(found)} jobs begin with {job_id}.", "Type more of the id.")
        if not found:
            raise self._not_found(job_id)
        return found[0]

    def _not_found(self, job_id: str) -> JobNotFound:
        hint = did_you_mean(job_id, job_folders.job_ids(self._jobs))
        near = hint.startswith("Did")
        return JobNotFound(f"There is no job {job_id}.", hint if near else "See `qie jobs list`.")


def _entry(job: Job, mtime_ns: int) -> IndexEntry:
    legacy = isinstance(job, LegacyJob)
    document = to_document(job) | ({"legacy": True} if legacy else {})
    return IndexEntry(job, json.dumps(document), mtime_ns, legacy)


def _as_legacy(job: Job) -> LegacyJob:
    return LegacyJob(**{field.name: getattr(job, field.name) for field in fields(job)})
