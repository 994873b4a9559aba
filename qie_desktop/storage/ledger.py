"""What was spent: a line for each job that cost something, only ever added to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.errors import StorageError
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spending:
    """What one job cost, by list price or by the price in the settings."""

    at: datetime
    job_id: str
    model_id: str
    usd: float


class Ledger:
    """The file `ledger.jsonl`. Any thread, any number of processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, spending: Spending) -> None:
        """Add a line; of several lines about one job the last holds. Raises StorageError or DiskFull."""
        line = {
            "at": spending.at.isoformat(timespec="milliseconds"),
            "job_id": spending.job_id,
            "model": spending.model_id,
            "usd": round(spending.usd, 6),
        }
        atomic.append_line(self._path, json.dumps(line))

    def entries(self) -> list[Spending]:
        """Return what was spent, oldest first; lines that make no sense are passed over.

        Raises StorageError where the file is there and cannot be read.
        """
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(
                f"{self._path} cannot be read: {error.strerror}.", "See who owns it."
            ) from error
        found = [spending for line in text.splitlines() if (spending := _parsed(line)) is not None]
        return list({spending.job_id: spending for spending in found}.values())


def _parsed(line: str) -> Spending | None:
    try:
        data = cast("dict[str, Any]", json.loads(line))
        at = datetime.fromisoformat(data["at"])
        return Spending(at.astimezone(), str(data["job_id"]), str(data["model"]), float(data["usd"]))
    except (ValueError, KeyError, TypeError):
        return None
