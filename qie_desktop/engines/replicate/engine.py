"""The engine of the cloud models: predictions at Replicate, several at once, on the worker's event loop."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from qie_desktop.core.errors import CredentialsMissing, QieError
from qie_desktop.engines.replicate.cloud_job import CloudJob, ReplicateOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import EngineTask
    from qie_desktop.engines.replicate.rate_limit import RateLimit
    from qie_desktop.engines.replicate.wire import Wire


class ReplicateEngine:
    """Runs jobs at Replicate. All but `readiness` on one event loop.

    `find_token` is asked for every job, on a thread: the Keychain is slow, and the token may change.
    """

    def __init__(
        self,
        find_token: Callable[[], str | None],
        schema_folder: Path,
        options: ReplicateOptions | None = None,
    ) -> None:
        self._find_token = find_token
        self._schema_folder = schema_folder
        self._options = options or ReplicateOptions()
        self._limit: RateLimit | None = None
        self._wires: dict[str, Wire] = {}
        self._twins: dict[str, asyncio.Lock] = {}

    def readiness(self, spec: ModelSpec, request: Request | None = None) -> QieError | None:
        """Return why `spec` cannot run now: no token is known. The Keychain may be asked."""
        del request
        return None if self._find_token() else _no_token(spec)

    async def run(self, task: EngineTask, cancel: CancelToken) -> None:
        """Make the pictures of one job, or finish what an earlier run has begun; see `Engine.run`.

        Raises Unfinished besides where the prediction goes on, or its pictures can still be had.
        """
        # Slow to import, and nothing here needs them before a job runs.
        from qie_desktop.engines.replicate.cloud_run import run  # noqa: PLC0415
        from qie_desktop.engines.replicate.patience import Patience  # noqa: PLC0415
        from qie_desktop.engines.replicate.rate_limit import RateLimit  # noqa: PLC0415
        from qie_desktop.engines.replicate.schemas import Schemas  # noqa: PLC0415
        from qie_desktop.engines.replicate.wire import Wire  # noqa: PLC0415

        token = await asyncio.to_thread(self._find_token)
        if task.spec.cloud is None or token is None:
            raise _no_token(task.spec)
        if token not in self._wires:
            self._wires[token] = Wire(token, self._options.base_url)
        if self._limit is None:
            self._limit = RateLimit()
        deadline = time.monotonic() + self._options.deadline.total_seconds()
        key = json.dumps([task.spec.id, task.request.prompt, task.request.parameters()])
        job = CloudJob(
            task=task,
            cloud=task.spec.cloud,
            wire=self._wires[token],
            patience=Patience(cancel, self._limit, deadline),
            schemas=Schemas(self._schema_folder),
            options=self._options,
            twins=self._twins.setdefault(key, asyncio.Lock()),
            remote=dict(task.remote),
        )
        await run(job)

    async def free(self) -> None:
        """Let go of nothing: predictions run elsewhere."""

    async def close(self) -> None:
        """Close all connections."""
        wires, self._wires = self._wires, {}
        for wire in wires.values():
            await wire.close()


def _no_token(spec: ModelSpec) -> CredentialsMissing:
    return CredentialsMissing(
        f"{spec.name} runs in the cloud and needs a Replicate token.",
        "Set REPLICATE_API_TOKEN, or put the token in Settings or the data folder's .env.",
    )
