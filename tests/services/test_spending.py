from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.cloud_errors import SpendingCapReached
from qie_desktop.core.job import Job, JobState
from qie_desktop.core.request import build_request
from qie_desktop.services.recovery import recover
from qie_desktop.services.spending import Budget, month_budget, on_the_way_usd, require_budget
from qie_desktop.storage.ledger import Ledger, Spending
from tests.services.test_recovery import left_behind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.settings import Settings

NOVEMBER = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_month_is_summed_and_held_against_its_cap(folder: DataFolder, settings: Settings) -> None:
    assert month_budget(folder, settings, NOVEMBER) == Budget(0, None)
    ledger = Ledger(folder.ledger)
    for month, job_id, usd in ((10, "a", 5.0), (11, "b", 0.03), (11, "c", 0.09), (11, "c", 0.06)):
        ledger.add(Spending(datetime(2026, month, 15, tzinfo=UTC), job_id, "seedream-4", usd))
    with folder.ledger.open("a") as file:
        file.write('nonsense\n[]\n{"at": 3}\n')
    settings.set("cloud.monthly_cap_usd", 0.1)
    budget = month_budget(folder, settings, NOVEMBER)
    assert budget == Budget(0.09, 0.1)
    assert budget.allows(0.01)
    assert not budget.allows(0.02)
    assert budget.allows(0)
    assert Budget(100, None).allows(100)


@pytest.fixture
def require(store: JobStore, settings: Settings, photo: Path) -> Callable[..., None]:
    def require(model_id: str = "qwen-image-edit") -> None:
        request = build_request(model_id, "invert it", [photo])
        require_budget(request, find_model(model_id), store, settings, NOVEMBER)

    return require


def test_run_within_the_cap_is_let_through_and_one_beyond_it_is_not(
    require: Callable[..., None], folder: DataFolder, settings: Settings
) -> None:
    Ledger(folder.ledger).add(Spending(NOVEMBER, "a", "seedream-4", 0.47))
    require()
    settings.set("cloud.monthly_cap_usd", 0.5)
    require()
    Ledger(folder.ledger).add(Spending(NOVEMBER, "b", "seedream-4", 0.001))
    with pytest.raises(SpendingCapReached, match=r"\$0\.50") as caught:
        require()
    assert "--yes" in caught.value.hint
    require("starter")


def test_what_is_on_the_way_counts_and_what_was_never_sent_does_not(
    require: Callable[..., None], store: JobStore, settings: Settings, make: Callable[..., Job]
) -> None:
    settings.set("cloud.monthly_cap_usd", 0.07)
    queued = make("qwen-image-edit")
    require()
    left_behind(store, make("qwen-image-edit"), JobState.RUNNING, remote={"prediction": "p"})
    with pytest.raises(SpendingCapReached):
        require()
    recover(store)
    with pytest.raises(SpendingCapReached):
        require()
    left_behind(store, queued)
    recover(store)
    assert store.load(queued.job_id).state is JobState.INTERRUPTED
    require()


def test_cap_is_reached_to_the_cent_and_the_question_says_what_the_month_would_come_to(
    require: Callable[..., None],
    folder: DataFolder,
    store: JobStore,
    settings: Settings,
    make: Callable[..., Job],
) -> None:
    settings.set("cloud.monthly_cap_usd", 4.02)
    Ledger(folder.ledger).add(Spending(NOVEMBER, "a", "seedream-4", 3.93))
    for _ in range(2):
        make("qwen-image-edit")
    assert on_the_way_usd(store) == pytest.approx(0.06)
    # What floats make of 3.93 + 0.06 + 0.03 is a little more.
    require()
    Ledger(folder.ledger).add(Spending(NOVEMBER, "b", "qwen-image", 0.025))
    with pytest.raises(SpendingCapReached) as held_back:
        require()
    assert held_back.value.message == "This would bring this month to ≈ $4.045; your cap is $4.02."
