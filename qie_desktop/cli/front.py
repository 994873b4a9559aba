"""What the commands work with, built once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.errors import CredentialsMissing, NotReady, QieError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qie_desktop.core.model import ModelSpec, Place
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import Engine
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.secrets import ReplicateToken
    from qie_desktop.storage.settings import Settings


@dataclass(frozen=True, slots=True)
class Front:
    """One data folder, its settings and jobs, and the engine for each place where there is one.

    `has_token` is asked for every cloud model and looks only once: the Keychain is slow.
    """

    folder: DataFolder
    settings: Settings
    store: JobStore
    token: ReplicateToken
    has_token: Callable[[], bool]
    engines: Mapping[Place, Engine]

    def readiness(self, spec: ModelSpec, request: Request | None = None) -> QieError | None:
        """Return why a model, or this request for it, cannot run now; None when it can."""
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

    def engine_for(self, spec: ModelSpec, request: Request) -> Engine:
        """Return the engine that can run this request. Raises what `readiness` says is in the way."""
        problem = self.readiness(spec, request)
        if problem is not None:
            raise problem
        return self.engines[spec.place]
