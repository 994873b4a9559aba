"""The last prompts, newest first."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, cast

from qie_desktop.core.job import now
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)

MAX_PROMPTS = 20
"""How many prompts are kept."""


class PromptHistory:
    """A file with the last prompts, without duplicates. Any thread, any number of processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def list(self) -> list[str]:
        """Return the prompts, newest first; none where the file is missing or damaged."""
        return self._read()[0]

    def add(self, prompt: str) -> None:
        """Put a prompt first. Raises StorageError or DiskFull."""
        prompt = prompt.strip()
        if prompt:
            self._change(lambda prompts: [prompt, *(old for old in prompts if old != prompt)])

    def clear(self) -> None:
        """Forget all prompts. Raises StorageError or DiskFull."""
        self._change(lambda _: [])

    def _change(self, change: Callable[[list[str]], list[str]]) -> None:
        with atomic.mapped_errors(self._path, "write"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.locked(self._path.parent):
            prompts, damaged = self._read()
            if damaged:
                aside = atomic.set_aside(self._path, f"{now():%Y%m%d-%H%M%S}")
                _log.warning("The prompt history was damaged; it is kept as %s.", aside)
            text = json.dumps(change(prompts)[:MAX_PROMPTS], ensure_ascii=False, indent=2)
            atomic.write_text(self._path, text + "\n")

    def _read(self) -> tuple[list[str], bool]:
        """Return the prompts, and whether what is there is damaged."""
        try:
            data: object = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return [], False
        except OSError as error:
            _log.warning("The prompt history cannot be read: %s", error)
            return [], False
        except ValueError:
            return [], True
        if not isinstance(data, list):
            return [], True
        found = [item for item in cast("list[object]", data) if isinstance(item, str) and item.strip()]
        return list(dict.fromkeys(found))[:MAX_PROMPTS], False
