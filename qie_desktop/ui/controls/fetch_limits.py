"""How much is fetched from the web."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much is fetched, for how long in all, and through how many redirects."""

    max_bytes: int = 50 * MB
    seconds: float = 20.0
    redirects: int = 5
