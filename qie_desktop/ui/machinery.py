"""What works behind the window, and how all of it ends."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Slot

from qie_desktop.core.model import Place
from qie_desktop.storage.logs import close_log
from qie_desktop.ui.background import BackgroundPool
from qie_desktop.ui.job_runner import JobRunner
from qie_desktop.ui.session import Session
from qie_desktop.ui.wording import worded_for_window

if TYPE_CHECKING:
    import logging

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import Engine
    from qie_desktop.services.engine_room import EngineRoom
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.secrets import ReplicateToken
    from qie_desktop.storage.settings import Settings
    from qie_desktop.ui.look.appearance import Appearance
    from qie_desktop.ui.session import Jobs
    from qie_desktop.ui.worker import EngineWorker

_LOCAL_PREFIX = "local."
_LOCAL_BUT_NOT_THE_ENGINE = frozenset({"local.quantisation"})


class Machinery(QObject):
    """The engines, threads and files of one window. Background work begins with `background.release`.

    What only jobs need is imported and built when it is needed, and not before the window is painted.
    Ended by `shut_down`, once.
    """

    def __init__(
        self,
        folder: DataFolder,
        settings: Settings,
        store: JobStore,
        token: ReplicateToken,
        log: logging.Handler | None = None,
    ) -> None:
        super().__init__()
        self._folder = folder
        self._settings = settings
        self._store = store
        self._token = token
        self._log = log
        self._lock = threading.Lock()
        self._room: EngineRoom | None = None
        self._cloud: Engine | None = None
        self._worker: EngineWorker | None = None
        self.background = BackgroundPool(parent=self)
        self.background.hold()
        self.runner = JobRunner(store, settings, self.readiness, self._make_worker, self)
        # To the checker a class has Signals; what an instance has are SignalInstances.
        jobs = cast("Jobs", self.runner)
        self.session = Session(folder, settings, store, token, jobs, self.background, self.readiness)
        self.appearance: Appearance | None = None

    def readiness(self, spec: ModelSpec, request: Request | None = None) -> QieError | None:
        """Return why a model, or this request for it, cannot run now, in the window's words. Any thread."""
        return worded_for_window(self._engine_room().readiness(spec, request), spec)

    @Slot(str, object)
    def on_setting_changed(self, key: str, value: object) -> None:
        """Let a changed setting take effect: the theme at once, the local engine's from the next job on."""
        if key == "general.theme" and self.appearance is not None:
            self.appearance.set_theme(str(value))
        if key.startswith(_LOCAL_PREFIX) and key not in _LOCAL_BUT_NOT_THE_ENGINE:
            with self._lock:
                self._room = None
            if self._worker is not None:
                self._worker.use_engines(self._engine_room().engines)

    def follow_palette(self) -> None:
        """Look as the system's colours are now."""
        if self.appearance is not None:
            self.appearance.follow()

    def shut_down(self, timeout_s: float) -> bool:
        """End all threads and close all files; return whether every thread has ended in time.

        Where one has not, an engine or the system does not let go: the process can only be ended hard.
        """
        deadline = time.monotonic() + timeout_s
        self.runner.stop()
        self.background.shut_down()
        ended = self.runner.wait(timeout_s)
        ended = self.background.shut_down(max(0.0, deadline - time.monotonic())) and ended
        self._store.close()
        if self._log is not None:
            close_log(self._log)
            self._log = None
        return ended

    def _engine_room(self) -> EngineRoom:
        """Return the engines; they are built when they are first asked for, which is off the GUI thread."""
        from qie_desktop.services.engine_room import build_engine_room  # noqa: PLC0415

        with self._lock:
            if self._room is None:
                find_token = self._token.find
                self._room = build_engine_room(self._folder, self._settings, find_token, cloud=self._cloud)
                self._cloud = self._room.engines[Place.CLOUD]
            return self._room

    def _make_worker(self) -> EngineWorker:
        from qie_desktop.engines.loading import load_cloud_engine, load_local_engine  # noqa: PLC0415
        from qie_desktop.ui.worker import EngineWorker  # noqa: PLC0415

        engines = self._engine_room().engines
        load = {Place.LOCAL: load_local_engine, Place.CLOUD: load_cloud_engine}
        self._worker = EngineWorker(self._store, engines, self._max_cloud_jobs, load)
        return self._worker

    def _max_cloud_jobs(self) -> int:
        return int(self._settings.get("cloud.max_jobs") or 1)
