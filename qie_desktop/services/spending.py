"""What jobs cost: estimated before a run, by its results after it, and a month's sum against its cap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.cloud_errors import SpendingCapReached
from qie_desktop.core.job import JobState, now
from qie_desktop.storage.ledger import Ledger, Spending

if TYPE_CHECKING:
    from datetime import datetime

    from qie_desktop.core.job import Job
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.settings import Settings


_ON_THE_WAY = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING, JobState.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Budget:
    """What was spent in a month, and the most that may be without asking, if there is such a cap; in USD."""

    spent_usd: float
    cap_usd: float | None

    def allows(self, cost_usd: float) -> bool:
        """Whether a job of this cost stays within the cap; a free one always does."""
        return self.cap_usd is None or cost_usd <= 0 or round(self.spent_usd + cost_usd, 6) <= self.cap_usd


def estimated_cost_usd(request: Request, spec: ModelSpec, settings: Settings) -> float:
    """Return what a run would cost by the price in the settings, or else by list price; 0 where free."""
    own = settings.get(f"cloud.prices.{spec.id}") if spec.price is not None else None
    price = own if isinstance(own, (int, float)) else None
    return spec.estimated_cost_usd(dict(request.values), price)


def final_cost_usd(job: Job) -> float | None:
    """Return what a job cost that was estimated at `job.cost_usd`.

    By the images that the provider has counted, or else by the results that the job has.

    None where nothing came of it: what the provider charges then cannot be known.
    """
    if not job.cost_usd:
        return job.cost_usd
    images = job.measured.get("billed_images", len(job.outputs))
    if not images:
        return None
    specs = [spec for spec in CATALOGUE if spec.id == job.request.model_id]
    asked_for = specs[0].output_count(dict(job.request.values)) if specs else len(job.outputs)
    return round(job.cost_usd / asked_for * images, 6)


def record_spending(folder: DataFolder, job: Job) -> None:
    """Note in the ledger what an ended job cost, if anything. Raises StorageError or DiskFull."""
    if job.cost_usd:
        at = job.finished_at or now()
        Ledger(folder.ledger).add(Spending(at, job.job_id, job.request.model_id, job.cost_usd))


def month_budget(folder: DataFolder, settings: Settings, at: datetime | None = None) -> Budget:
    """Return the spending of the calendar month, in local time, that `at` (now, where None) is in.

    Raises StorageError.
    """
    here = (at or now()).astimezone()
    spent = sum(
        spending.usd
        for spending in Ledger(folder.ledger).entries()
        if (spending.at.astimezone().year, spending.at.astimezone().month) == (here.year, here.month)
    )
    cap = settings.get("cloud.monthly_cap_usd")
    return Budget(round(spent, 6), float(cap) if isinstance(cap, (int, float)) else None)


def on_the_way_usd(store: JobStore) -> float:
    """Return the estimates of all jobs that are queued, run or wait to be resumed. Raises StorageError."""
    return sum(
        job.cost_usd or 0.0
        for job in store.list(states=_ON_THE_WAY)
        # What was cut off before anything was sent costs nothing.
        if job.state is not JobState.INTERRUPTED or any(job.remote.values())
    )


def require_budget(
    request: Request, spec: ModelSpec, store: JobStore, settings: Settings, at: datetime | None = None
) -> None:
    """Check that a run stays within the month's cap, what is queued and running included.

    Raises SpendingCapReached, and StorageError.
    """
    cost = estimated_cost_usd(request, spec, settings)
    budget = month_budget(store.data_folder, settings, at)
    cap = budget.cap_usd
    if cap is None or cost <= 0:
        return
    budget = Budget(budget.spent_usd + on_the_way_usd(store), cap)
    if budget.allows(cost):
        return
    raise SpendingCapReached(
        f"This would bring this month to ≈ {_usd(budget.spent_usd + cost)}; your cap is {_usd(cap)}.",
        "Run it all the same with --yes, or raise cloud.monthly_cap_usd.",
    )


def _usd(amount: float) -> str:
    """Return an amount: cents, and tenths of a cent where there are any."""
    return f"${f'{amount:.3f}'.removesuffix('0')}"
