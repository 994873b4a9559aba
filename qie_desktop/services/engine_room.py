"""The engines of one data folder, and whether a model can run now: what every front composes itself from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qie_desktop.core.errors import CredentialsMissing, NotReady, QieError
from qie_desktop.core.model import Place
from qie_desktop.engines.local.checkpoint import CheckpointLocator
from qie_desktop.engines.local.engine import LocalEngine, LocalOptions
from qie_desktop.storage.resources import resources_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import Engine
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.secrets import ReplicateToken
    from qie_desktop.storage.settings import Settings


@dataclass(frozen=True, slots=True)
class EngineRoom:
    """The engine for each place where there is one, and whether a token is known (the Keychain may be asked).

    Nothing is loaded before a job runs.
    """

    engines: Mapping[Place, Engine]
    has_token: Callable[[], bool]

    def readiness(self, spec: ModelSpec, request: Request | None = None) -> QieError | None:
        """Return why a model, or this request for it, cannot run now; None when it can.

        Looks at files and tokens: quick, but the Keychain may be asked. Any thread.
        """
        engine = self.engines.get(spec.place)
        if engine is not None:
            return engine.readiness(spec, request)
        if not self.has_token():
            return CredentialsMissing(
                f"{spec.name} runs in the cloud and needs a Replicate token.",
                "Set REPLICATE_API_TOKEN, or edit on this machine: --model starter.",
            )
        return NotReady(
            f"{spec.name} runs in the cloud, which this version cannot reach yet.",
            "Edit on this machine: --model starter.",
        )


def build_engine_room(
    folder: DataFolder,
    settings: Settings,
    token: ReplicateToken,
    checkpoint: Path | None = None,
    gguf: Path | None = None,
) -> EngineRoom:
    """Build the engines as the settings say; `checkpoint` and `gguf` are own weights that come first."""

    def has_token() -> bool:
        return token.find() is not None

    locator = CheckpointLocator(
        resources=resources_folder(),
        hub_cache=folder.huggingface_cache / "hub",
        folder=checkpoint or _path(settings.get("local.checkpoint")),
        transformer=gguf or _path(settings.get("local.transformer")),
    )
    options = LocalOptions(
        device=str(settings.get("local.device")),
        memory_policy=str(settings.get("local.memory_policy")),
        keep_loaded=bool(settings.get("local.keep_loaded")),
    )
    return EngineRoom({Place.LOCAL: LocalEngine(locator, options)}, has_token)


def _path(value: object) -> Path | None:
    return Path(str(value)).expanduser() if value else None
