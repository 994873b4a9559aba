"""Getting a local model onto this machine: what it would take, and a process of its own that does it.

The process outlives the window. It is the command line's own `qie download`, detached; how far it is stands
in a file of the data folder, which any process may read. Nothing here imports `huggingface_hub`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.download import DownloadPlan, DownloadState, TaskKind, TaskPhase
from qie_desktop.core.errors import ModelNotInstalled, StorageError
from qie_desktop.core.model import HubWeights
from qie_desktop.core.model_parts import DownloadChoice, PartKind, chosen_parts, find_parts, model_parts
from qie_desktop.engines.local.hub.activity import free_bytes, spare_bytes
from qie_desktop.engines.local.hub.deletion import delete, delete_partials, plan_deletion
from qie_desktop.engines.local.hub.installed import InstalledParts
from qie_desktop.engines.local.hub.task_file import TaskFile
from qie_desktop.services.machine_memory import memory_needs, recommended
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qie_desktop.core.download import Deletion, PartState
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.settings import Settings

LOCK_HANDLE = "QIE_DOWNLOAD_LOCK"
"""The environment variable that tells a started process which of its handles holds the lock."""
_LOG = "downloads.log"
_PAUSE_S = 5.0
_POLL_S = 0.05


class Downloads:
    """The downloads of one data folder. A call takes milliseconds; `pause` and `discard` up to a second."""

    def __init__(self, folder: DataFolder, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._task = TaskFile(folder.downloads)

    def state(self) -> DownloadState | None:
        """Return how far the download, or check, is that runs or ran last; None where there is none."""
        return self._task.read()

    def parts(self, spec: ModelSpec) -> tuple[PartState, ...]:
        """Return every part of a model and how it is on this machine."""
        look = InstalledParts(self._folder.hub_cache)
        return tuple(look.state(part) for part in model_parts(hub_weights(spec)))

    def plan(self, choice: DownloadChoice) -> DownloadPlan:
        """Return what a choice would bring, told without a network. Raises InvalidRequest."""
        spec = find_model(choice.model_id)
        look = InstalledParts(self._folder.hub_cache)
        states = tuple(look.state(part) for part in chosen_parts(spec, hub_weights(spec), choice))
        missing = sum(state.missing_bytes for state in states)
        return DownloadPlan(choice, states, free_bytes(self._folder.hub_cache), spare_bytes(missing))

    def recommended(self, spec: ModelSpec) -> DownloadChoice:
        """Return what is best on this machine, as its memory goes; the smallest where nothing fits."""
        needs = memory_needs(hub_weights(spec), str(self._settings.get("local.device")))
        parameter = spec.parameter("quantisation")
        best = recommended(needs, str(parameter.default) if parameter else "") or needs[0]
        return DownloadChoice(spec.id, best.quantisation, best.text_encoder)

    def start(self, choice: DownloadChoice) -> None:
        """Start the download in a process of its own.

        Raises InvalidRequest, DownloadRunning and StorageError. What goes wrong later is told by `state`:
        that there is no room for it too, before the first byte, once the hub has said how large it is.
        """
        plan = self.plan(choice)
        part_ids = tuple(state.part.id for state in plan.parts)
        self._spawn(DownloadState(TaskKind.DOWNLOAD, choice, part_ids, TaskPhase.STARTING))

    def resume(self) -> None:
        """Go on with what was paused, failed or was interrupted. Raises as `start`, and ModelNotInstalled."""
        state = self.state()
        if state is None:
            raise ModelNotInstalled("There is no download to go on with.", "Choose what to download.")
        if state.task is TaskKind.VERIFY:
            self._spawn(DownloadState(state.task, state.choice, state.part_ids, TaskPhase.STARTING))
        else:
            self.start(state.choice)

    def verify(self, model_id: str, part_ids: Sequence[str] = ()) -> None:
        """Read installed parts again in a process of its own, all where none is named.

        Raises ModelNotInstalled where there is nothing to read, InvalidRequest, and as `start`.
        """
        spec = find_model(model_id)
        wanted = [part.id for part in find_parts(spec, hub_weights(spec), part_ids)]
        there = [state.part.id for state in self.parts(spec) if state.is_installed or state.damaged]
        ids = tuple(part_id for part_id in there if part_id in wanted)
        if not ids:
            raise ModelNotInstalled(f"Nothing of {spec.name} is installed.", "Get it with `qie download`.")
        choice = DownloadChoice(spec.id, "")
        self._spawn(DownloadState(TaskKind.VERIFY, choice, ids, TaskPhase.STARTING))

    def pause(self) -> None:
        """Stop what runs and keep what has come. Returns when it has stopped: within a second."""
        deadline_s = time.monotonic() + _PAUSE_S
        asked = False
        while (pid := self._task.runner()) is not None:
            late = time.monotonic() > deadline_s
            if pid and (late or not asked):
                asked = True
                try:
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                except ProcessLookupError:
                    return
            time.sleep(_POLL_S)

    def discard(self) -> None:
        """Stop what runs, delete what has come of half-downloaded files, and forget it."""
        self.pause()
        state = self.state()
        if state is not None and state.task is TaskKind.DOWNLOAD:
            spec = find_model(state.choice.model_id)
            delete_partials(self._folder.hub_cache, chosen_parts(spec, hub_weights(spec), state.choice))
        self._task.clear()

    def deletion(self, model_id: str, part_ids: Sequence[str]) -> Deletion:
        """Return what deleting parts would do. Raises InvalidRequest for a part that there is not."""
        spec = find_model(model_id)
        return plan_deletion(self._folder.hub_cache, find_parts(spec, hub_weights(spec), part_ids))

    def delete(self, deletion: Deletion) -> int:
        """Delete, and return how many bytes are free again. Raises DownloadRunning and StorageError."""
        handle = self._task.acquire()
        try:
            return delete(self._folder.hub_cache, deletion)
        finally:
            self._task.release(handle)

    def _spawn(self, state: DownloadState) -> None:
        handle = self._task.acquire()
        try:
            self._task.write(state)
            process = self._started(command_of(state), handle)
            self._task.note_pid(handle, process.pid)
        finally:
            # The process has it now, and holds the lock as long as it lives.
            os.close(handle)
        # A child that has ended is to be asked for; nothing waits for the thread.
        threading.Thread(target=process.wait, daemon=True).start()

    def _started(self, command: Sequence[str], handle: int) -> subprocess.Popen[bytes]:
        log = self._folder.logs / _LOG
        environment = os.environ | {"QIE_HOME": str(self._folder.home), LOCK_HANDLE: str(handle)}
        with atomic.mapped_errors(log, "write"):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as output:
                try:
                    return subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        env=environment,
                        pass_fds=(handle,),
                        start_new_session=True,
                    )
                except OSError as error:
                    raise StorageError(f"The download could not be started: {error}.") from error


def is_downloaded(spec: ModelSpec) -> bool:
    """Whether a model's weights come from the hub."""
    return spec.local is not None and isinstance(spec.local.weights, HubWeights)


def hub_weights(spec: ModelSpec) -> HubWeights:
    """Return a model's weights on the hub. Raises ModelNotInstalled for one that is not downloaded."""
    weights = spec.local.weights if spec.local else None
    if not isinstance(weights, HubWeights):
        raise ModelNotInstalled(f"{spec.name} is not downloaded.", "It is used as it is.")
    return weights


def command_of(state: DownloadState) -> list[str]:
    """Return the command that does a task; in the bundle the program is its own command line."""
    module = [] if getattr(sys, "frozen", False) else ["-m", "qie_desktop"]
    choice = state.choice
    if state.task is TaskKind.VERIFY:
        return [
            sys.executable,
            *module,
            "models",
            "verify",
            *state.part_ids,
            "--model",
            choice.model_id,
            "--quiet",
        ]
    lightning = "--lightning" if choice.lightning else "--no-lightning"
    options = [
        "--model",
        choice.model_id,
        "--quant",
        choice.quantisation,
        "--text-encoder",
        choice.text_encoder,
    ]
    return [sys.executable, *module, "download", *options, lightning, "--quiet"]


def quantisation_parts(spec: ModelSpec) -> tuple[str, ...]:
    """Return the ids of the parts that are quantisations, in their order."""
    parts = model_parts(hub_weights(spec))
    return tuple(part.id for part in parts if part.kind is PartKind.TRANSFORMER)
