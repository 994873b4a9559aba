"""How people type: politeness, slips, capitals and full stops around what they wish."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random


@cache
def lists() -> dict[str, Any]:
    """Return the lists of what is not to be acted on, and of what surrounds a wish."""
    return tomllib.loads((Path(__file__).parent / "unknown.toml").read_text("utf-8"))


def typing(text: str, rng: random.Random) -> str:
    """Add politeness, slips, capitals and full stops as people do."""
    if not text:
        return text
    known = lists()
    if rng.random() < 0.2:
        text = rng.choice(known["openings"]) + text
    if rng.random() < 0.12:
        text = text + rng.choice(known["closings"])
    if rng.random() < 0.12:
        parts = text.split(" ")
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(known["fillers"]))
        text = " ".join(parts)
    if rng.random() < 0.12:
        text = _slip(text, rng)
    case = rng.random()
    if case < 0.35:
        text = text[:1].upper() + text[1:]
    elif case < 0.43:
        text = text.upper()
    elif case < 0.5:
        text = text.title()
    return text + rng.choice(("", "", "", "", "", ".", ".", "!", " ", "?"))


def chinese_typing(text: str, rng: random.Random) -> str:
    """Add openings, closings and full stops as people do in Chinese."""
    if rng.random() < 0.25:
        text = rng.choice(lists()["chinese_openings"]) + text
    return text + rng.choice(lists()["chinese_closings"])


def _slip(text: str, rng: random.Random) -> str:
    """Return the text with a letter missing, doubled, wrong, or changed with its neighbour."""
    if len(text) < 6:
        return text
    at, kind = rng.randrange(1, len(text) - 1), rng.random()
    if kind < 0.3:
        return text[:at] + text[at + 1 :]
    if kind < 0.6:
        return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]
    if kind < 0.8:
        return text[:at] + text[at] + text[at:]
    return text[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + text[at + 1 :]
