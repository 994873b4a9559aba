"""What the commands work with, built once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import Engine
    from qie_desktop.services.engine_room import EngineRoom
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.secrets import ReplicateToken
    from qie_desktop.storage.settings import Settings


@dataclass(frozen=True, slots=True)
class Front:
    """One data folder, its settings and jobs, and the engines."""

    folder: DataFolder
    settings: Settings
    store: JobStore
    token: ReplicateToken
    room: EngineRoom

    def readiness(self, spec: ModelSpec) -> QieError | None:
        """Return why a model cannot run now; None when it can."""
        return self.room.readiness(spec)

    def engine_for(self, spec: ModelSpec, request: Request) -> Engine:
        """Return the engine that can run this request. Raises what is in the way."""
        problem = self.room.readiness(spec, request)
        if problem is not None:
            raise problem
        return self.room.engines[spec.place]
