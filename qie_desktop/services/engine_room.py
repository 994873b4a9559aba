"""The engines of one data folder, and whether a model can run now: what every front composes itself from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qie_desktop.core.model import Place
from qie_desktop.engines.local.checkpoint import CheckpointLocator
from qie_desktop.engines.local.engine import LocalEngine, LocalOptions
from qie_desktop.engines.local.text_encoder_files import TextEncoderWish
from qie_desktop.engines.replicate.engine import ReplicateEngine
from qie_desktop.storage.resources import resources_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import Engine
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.settings import Settings


@dataclass(frozen=True, slots=True)
class EngineRoom:
    """The engine for each place. Nothing is loaded before a job runs."""

    engines: Mapping[Place, Engine]

    def readiness(self, spec: ModelSpec, request: Request | None = None) -> QieError | None:
        """Return why a model, or this request for it, cannot run now; None when it can.

        Looks at files and tokens: quick, but the Keychain may be asked. Any thread.
        """
        return self.engines[spec.place].readiness(spec, request)


def build_engine_room(  # noqa: PLR0913 - the composition root's one call
    folder: DataFolder,
    settings: Settings,
    find_token: Callable[[], str | None],
    *,
    checkpoint: Path | None = None,
    gguf: Path | None = None,
    text_encoder: TextEncoderWish | None = None,
    cloud: Engine | None = None,
) -> EngineRoom:
    """Build the engines as the settings say.

    `checkpoint`, `gguf` and `text_encoder` are own weights that come first; `cloud` is the engine of the
    cloud models where there is one already: all its jobs share one rate limit.
    """
    locator = CheckpointLocator(
        resources=resources_folder(),
        hub_cache=folder.huggingface_cache / "hub",
        folder=checkpoint or _path(settings.get("local.checkpoint")),
        transformer=gguf or _path(settings.get("local.transformer")),
        loras=folder.loras,
        text_encoder=text_encoder or _text_encoder(settings),
    )
    options = LocalOptions(
        device=str(settings.get("local.device")),
        memory_policy=str(settings.get("local.memory_policy")),
        keep_loaded=bool(settings.get("local.keep_loaded")),
    )
    engines: dict[Place, Engine] = {
        Place.LOCAL: LocalEngine(locator, options),
        Place.CLOUD: cloud or ReplicateEngine(find_token, folder.schemas),
    }
    return EngineRoom(engines)


def _text_encoder(settings: Settings) -> TextEncoderWish:
    return TextEncoderWish(
        str(settings.get("local.text_encoder")),
        _path(settings.get("local.text_encoder_gguf")),
        _path(settings.get("local.text_encoder_mmproj")),
    )


def _path(value: object) -> Path | None:
    return Path(str(value)).expanduser() if value else None
