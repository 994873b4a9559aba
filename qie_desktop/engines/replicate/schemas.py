"""Which inputs a model takes at the moment: asked of the API, and kept for a day.

Providers add and drop inputs. What the model no longer has is not sent; where its schema cannot be had, all
that the catalogue knows is.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.errors import StorageError
from qie_desktop.engines.replicate.refusals import Refusal
from qie_desktop.engines.replicate.wire import NotSent, Unanswered, Wire
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.model import CloudSpec

_log = logging.getLogger(__name__)

_DAY_S = 24 * 3600.0
_PATH = ("latest_version", "openapi_schema", "components", "schemas", "Input", "properties")


class Schemas:
    """The names of each model's inputs, in a folder with a file for each model."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def input_names(self, cloud: CloudSpec, wire: Wire) -> frozenset[str] | None:
        """Return the inputs that the model takes, or None where that is not known. Never fails."""
        path = self._folder / f"{cloud.owner}--{cloud.name}.json"
        kept = _read(path)
        if kept is not None and time.time() - kept[1] < _DAY_S:
            return kept[0]
        try:
            document = await wire.get(f"/v1/models/{cloud.owner}/{cloud.name}")
            names = _names(document)
        except (NotSent, Unanswered, Refusal, ValueError) as error:
            _log.info("The schema of %s/%s could not be had: %s", cloud.owner, cloud.name, error)
            return kept[0] if kept is not None else None
        with suppress(StorageError):
            atomic.write_text(path, json.dumps({"inputs": sorted(names)}))
        return names


def _names(document: object) -> frozenset[str]:
    for key in _PATH:
        if not isinstance(document, dict):
            break
        document = cast("dict[str, Any]", document).get(key)
    if not isinstance(document, dict) or not document:
        raise ValueError("no schema in the answer")
    return frozenset(cast("dict[str, Any]", document))


def _read(path: Path) -> tuple[frozenset[str], float] | None:
    """Return what was kept and when, in seconds since the epoch."""
    try:
        names: object = json.loads(path.read_text(encoding="utf-8"))["inputs"]
        at = path.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(names, list) or not names:
        return None
    return frozenset(str(name) for name in cast("list[object]", names)), at
