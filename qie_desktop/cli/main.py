"""The command line's entry, and the one place where its parts are put together."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import warnings
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer

from qie_desktop import __version__
from qie_desktop.cli.bench_command import bench
from qie_desktop.cli.cleanup_command import cleanup
from qie_desktop.cli.config_commands import config_app
from qie_desktop.cli.doctor_command import doctor
from qie_desktop.cli.download_command import download
from qie_desktop.cli.front import Front
from qie_desktop.cli.jobs_commands import jobs_app
from qie_desktop.cli.models_command import models_app
from qie_desktop.cli.reporting import show_error
from qie_desktop.cli.run_commands import edit, generate
from qie_desktop.core.errors import InternalError, QieError
from qie_desktop.services.engine_room import build_engine_room
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.logs import open_log
from qie_desktop.storage.secrets import ReplicateToken
from qie_desktop.storage.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from qie_desktop.engines.local.text_encoder_files import TextEncoderWish

app = typer.Typer(
    name="qie",
    help="Edit and generate pictures, on this machine or in the cloud.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(edit)
app.command()(generate)
app.add_typer(models_app, name="models")
app.command()(download)
app.add_typer(jobs_app, name="jobs")
app.command()(cleanup)
app.command()(doctor)
app.command()(bench)
app.add_typer(config_app, name="config")


def compose(
    checkpoint: Path | None = None, gguf: Path | None = None, text_encoder: TextEncoderWish | None = None
) -> Front:
    """Build what the commands work with: the data folder of `QIE_HOME`, and the engines that there are.

    `checkpoint`, `gguf` and `text_encoder` are own weights for this run, before those in the settings.
    """
    folder = DataFolder.locate(os.environ)
    settings = Settings.load(folder.config)
    token = ReplicateToken(folder)
    # One look for all cloud models: the Keychain is slow.
    room = build_engine_room(
        folder, settings, cache(token.find), checkpoint=checkpoint, gguf=gguf, text_encoder=text_encoder
    )
    return Front(folder, settings, JobStore(folder), token, room)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qie {__version__}")
        raise typer.Exit


@app.callback()
def qie(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback answers it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Edit and generate pictures, on this machine or in the cloud."""
    context.obj = compose


_SELDOM = (100_000, 50, 100)
"""How many more objects, and how many collections of younger ones, before garbage is collected."""


def main() -> None:
    """Run the command line and exit with the status that the design gives."""
    # Modules live as long as a command does: garbage among the million objects of torch and its kin is
    # looked for seldom.
    gc.set_threshold(*_SELDOM)
    # Nor is it looked for among them once more at the very end, which took more than a second.
    atexit.register(gc.freeze)
    # Pillow warns of oddities in files that it reads all the same.
    warnings.filterwarnings("ignore", module="PIL")
    # The log is a file in the data folder; without it, what is logged is not for the terminal.
    logging.getLogger("qie_desktop").addHandler(logging.NullHandler())
    sys.excepthook = _report_unforeseen
    app()


def _report_unforeseen(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell a person in a sentence what nobody foresaw; the log has the traceback."""
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    folder = DataFolder.locate(os.environ).logs
    with suppress(QieError):
        open_log(folder)
    logging.getLogger("qie_desktop").error("Unforeseen", exc_info=(kind, error, trace))
    show_error(
        InternalError(
            f"Something went wrong that was not foreseen ({kind.__name__}).", f"The details are in {folder}."
        )
    )
