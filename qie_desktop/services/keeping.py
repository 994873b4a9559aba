"""How long finished jobs are kept, by the setting `general.keep_jobs`, and noting which pictures were saved.

The setting is "forever" unless the person has changed it: nothing goes but by their word.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from qie_desktop.core.errors import QieError
from qie_desktop.core.job import now
from qie_desktop.services.cleanup import CleanupPlan, JobUsage, is_starred
from qie_desktop.services.recovery import can_resume
from qie_desktop.storage.job_files import index_of
from qie_desktop.storage.legacy_metadata import LegacyJob

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from qie_desktop.core.job import Job
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.settings import Settings

KEEP_SETTING: Final = "general.keep_jobs"
FOREVER: Final = "forever"
_FOR_30_DAYS: Final = "30-days"
_UNTIL_SAVED: Final = "until-saved"
_REASONS: Final = {
    _FOR_30_DAYS: "finished more than 30 days ago",
    _UNTIL_SAVED: "all pictures saved",
}
_PAGE = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeepRule:
    """Which jobs are no longer kept at a time. `keep` is the setting's value, and not "forever"."""

    keep: str
    at: datetime

    @property
    def reason(self) -> str:
        """Why a job goes, in a few words."""
        return _REASONS[self.keep]

    def lets_go(self, job: Job) -> bool:
        """Whether a job is kept no longer.

        Never one with a star, one of the earlier web version, one that has not ended or that can be resumed.
        "Until saved" lets only jobs go that have pictures: all of them saved.
        """
        if isinstance(job, LegacyJob) or is_starred(job) or not job.state.is_terminal or can_resume(job):
            return False
        if self.keep == _UNTIL_SAVED:
            return bool(job.outputs) and all(output.saved for output in job.outputs)
        return self.at - (job.finished_at or job.created_at) > timedelta(days=30)


def rule_of(settings: Settings, at: datetime | None = None) -> KeepRule | None:
    """Return what the settings say; None where everything is kept."""
    keep = str(settings.get(KEEP_SETTING))
    return KeepRule(keep, at or now()) if keep in _REASONS else None


def no_longer_kept(store: JobStore, rule: KeepRule) -> list[Job]:
    """Return the jobs that are kept no longer, newest first. Reads all jobs: off the GUI thread."""
    found: list[Job] = []
    offset = 0
    while page := store.list(limit=_PAGE, offset=offset):
        found += [job for job in page if rule.lets_go(job)]
        offset += len(page)
    return found


def plan_by_rule(usages: Iterable[JobUsage], rule: KeepRule) -> CleanupPlan:
    """Plan that those jobs go that are kept no longer, and that no living process holds."""
    usages = tuple(usages)
    goes = tuple(usage for usage in usages if not usage.active and rule.lets_go(usage.job))
    gone = {usage.job.job_id for usage in goes}
    return CleanupPlan(goes, tuple(usage for usage in usages if usage.job.job_id not in gone))


def note_saved(store: JobStore, job_id: str, index: int) -> None:
    """Note that the person has saved result number `index` of a job elsewhere. For any thread.

    What cannot be noted is logged, and costs nothing: the job is kept.
    """

    def change(job: Job) -> Job:
        outputs = tuple(
            replace(output, saved=True) if index_of(output.name) == index else output
            for output in job.outputs
        )
        return replace(job, outputs=outputs)

    try:
        if not isinstance(store.load(job_id), LegacyJob):
            store.update(job_id, change)
    except QieError as error:
        _log.warning("That result %d of job %s was saved could not be noted: %s", index, job_id, error)
