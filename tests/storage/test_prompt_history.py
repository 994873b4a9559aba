from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from qie_desktop.storage.prompt_history import PromptHistory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def history(tmp_path: Path) -> PromptHistory:
    return PromptHistory(tmp_path / "data" / "prompts.json")


def test_newest_comes_first_without_duplicates(history: PromptHistory) -> None:
    for prompt in ("one", "two", " one ", "  "):
        history.add(prompt)
    assert history.list() == ["one", "two"]


def test_twenty_are_kept(history: PromptHistory) -> None:
    for number in range(25):
        history.add(f"prompt {number}")
    assert history.list() == [f"prompt {number}" for number in range(24, 4, -1)]


def test_clear_forgets_all(history: PromptHistory) -> None:
    history.add("ünïcode 🙂")
    assert history.list() == ["ünïcode 🙂"]
    history.clear()
    assert history.list() == []


@pytest.mark.parametrize("damage", ["{", '{"a": 1}', "[1,"])
def test_damaged_file_is_kept_aside(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(damage)
    history = PromptHistory(path)
    assert history.list() == []
    assert path.read_text() == damage
    history.add("new")
    assert json.loads(path.read_text()) == ["new"]
    (aside,) = tmp_path.glob("prompts.json.damaged-*")
    assert aside.read_text() == damage


def test_threads_lose_no_prompt(history: PromptHistory) -> None:
    threads = [threading.Thread(target=history.add, args=(f"p{number}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(history.list()) == sorted(f"p{number}" for number in range(16))
