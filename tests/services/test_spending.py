from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from qie_desktop.services.spending import Budget, month_budget
from qie_desktop.storage.ledger import Ledger, Spending

if TYPE_CHECKING:
    from qie_desktop.storage.data_folder import DataFolder
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
