"""Running a download, or a check, in this process: its lock, Ctrl+C, and how it ended."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from qie_desktop.cli.download_progress import DownloadDisplay
from qie_desktop.cli.reporting import error_exit_code, error_json, print_json, show_error
from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.download import TaskPhase
from qie_desktop.core.errors import ExitCode, QieError
from qie_desktop.engines.local.hub.task import run_task
from qie_desktop.engines.local.hub.task_file import TaskFile
from qie_desktop.services.downloads import LOCK_HANDLE
from qie_desktop.storage.logs import open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from qie_desktop.cli.front import Front
    from qie_desktop.core.download import DownloadState
    from qie_desktop.engines.local.hub.activity import Activity

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_in_front(
    front: Front,
    state: DownloadState,
    work: Callable[[CancelToken, Activity], None],
    *,
    quiet: bool,
) -> DownloadState:
    """Do a task to its end, or until Ctrl+C. Raises DownloadRunning where there is another."""
    file = TaskFile(front.folder.downloads)
    inherited = os.environ.pop(LOCK_HANDLE, "")
    handle = int(inherited) if inherited.isdigit() else file.acquire()
    file.note_pid(handle, os.getpid())
    with suppress(QieError):
        open_log(front.folder.logs)
    cancel = CancelToken()
    try:
        with pausing_on_interrupt(cancel), DownloadDisplay(quiet=quiet) as display:
            return run_task(work, state, front.folder.hub_cache, file, cancel, display)
    finally:
        with suppress(OSError):
            file.release(handle)


def tell_task_end(state: DownloadState, *, as_json: bool, done: str, go_on: str) -> None:
    """Print how a task ended and exit with its status (typer.Exit) unless it is done."""
    if as_json:
        print_json(
            {
                "task": state.task.value,
                "state": state.phase.value,
                "model": state.choice.model_id,
                "parts": list(state.part_ids),
                "bytes_done": state.bytes_done,
                "bytes_total": state.bytes_total,
                "error": error_json(state.error),
            }
        )
    elif state.phase is TaskPhase.DONE:
        typer.echo(done)
    elif state.error is not None:
        show_error(state.error)
    else:
        typer.echo(go_on, err=True)
    if state.phase is TaskPhase.PAUSED:
        _exit(ExitCode.CANCELLED)
    if state.phase is not TaskPhase.DONE:
        _exit(error_exit_code(state.error))


def _exit(code: ExitCode) -> None:
    raise typer.Exit(code)


@contextmanager
def pausing_on_interrupt(cancel: CancelToken) -> Generator[None]:
    """While this lasts, SIGINT and SIGTERM pause. Main thread only. A second one ends the process at once."""

    def on_signal(_number: int, _frame: object) -> None:
        if cancel.cancelled:
            os._exit(ExitCode.CANCELLED)
        cancel.cancel()
        if sys.stderr.isatty():
            # Not through rich: the signal may have come in the middle of its writing.
            os.write(sys.stderr.fileno(), b"\nPausing...\n")

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
