"""What the commands print: results and errors, for people and as JSON."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

import qie_desktop.core.cloud_errors  # noqa: F401 # pyright: ignore[reportUnusedImport] - walked below
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import ErrorInfo, ExitCode, QieError
from qie_desktop.core.job import Job, JobState

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path


PROMPT_CHARS = 48
LINE_CHARS = 80
"""How much is shown of a prompt in a table, and of a job on a line of its own."""

_PIPE_WIDTH = 120
"""How wide tables are where nobody says: in a pipe or a file."""


def out_console() -> Console:
    """Return a console for results, on standard output."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=_PIPE_WIDTH)


def err_console() -> Console:
    """Return a console for progress and errors, on standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def plain(text: str, limit: int | None = None) -> Text:
    """Return `text` as it stands, on one line: no markup, no control characters, at most `limit` long."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
    if limit is not None and len(line) > limit:
        line = line[: limit - 1] + "…"
    return Text(line)


def print_json(data: object) -> None:
    """Print one JSON value on standard output."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2))


def show_error(error: QieError | ErrorInfo) -> None:
    """Print an error and what to do about it on standard error."""
    console = err_console()
    console.print(plain(f"Error: {error.message}"), style="bold red")
    if error.hint:
        console.print(plain(error.hint))


def show_warning(text: str) -> None:
    """Print a warning on standard error."""
    err_console().print(plain(f"Warning: {text}"), style="yellow")


def show_note(text: str) -> None:
    """Print what is merely good to know on standard error."""
    err_console().print(plain(text), style="dim")


def error_json(error: ErrorInfo | None) -> dict[str, str] | None:
    """Return an error as JSON data."""
    return None if error is None else {"code": error.code, "message": error.message, "hint": error.hint}


def tell_end(job: Job, paths: Sequence[Path]) -> None:
    """Print how a job ended: where its pictures are on standard output, an error on standard error."""
    console = out_console()
    for path in paths:
        console.print(str(path), markup=False)
    if job.error is not None:
        show_error(job.error)
    elif job.state is JobState.CANCELLED:
        console.print("Cancelled.")
    elif job.seconds is not None and job.outputs:
        console.print(_summary(job, job.seconds), style="dim")


def _summary(job: Job, seconds: float) -> str:
    size = f"{job.outputs[0].width}×{job.outputs[0].height} px"
    pictures = size if len(job.outputs) == 1 else f"{len(job.outputs)} pictures of {size}"
    facts = [f"{find_model(job.request.model_id).name}: {pictures} in {seconds_text(seconds)}"]
    if job.request.seed is not None:
        facts.append(f"seed {job.request.seed}")
    if job.cost_usd:
        facts.append(cost_text(job.cost_usd))
    return ", ".join(facts)


def cost_text(usd: float) -> str:
    """Return what a job has cost, in words: an estimate always, for the API does not tell."""
    return f"≈ {usd_text(usd)}" if usd else "free"


def usd_text(usd: float) -> str:
    """Return an amount with its cents, and what is less than a cent where there is any: $0.50, $0.025."""
    amount = round(usd, 6)
    return f"${amount:.2f}" if amount == round(amount, 2) else f"${amount:g}"


def seconds_text(seconds: float) -> str:
    """Return a duration in words: 8 s, 3 min 20 s, 1 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def job_json(job: Job, outputs: Sequence[Path]) -> dict[str, Any]:
    """Return how a job ended as JSON data; `outputs` are where its pictures are."""
    first = job.outputs[0] if job.outputs else None
    return {
        "job_id": job.job_id,
        "state": job.state.value,
        "model": job.request.model_id,
        "outputs": [str(path) for path in outputs],
        "width": first.width if first else None,
        "height": first.height if first else None,
        "seed": job.request.seed,
        "seconds": None if job.seconds is None else round(job.seconds, 3),
        "cost_usd": job.cost_usd,
        "error": error_json(job.error),
    }


def refusal_json(model: str | None, error: QieError) -> dict[str, Any]:
    """Return, in the form of `job_json`, that a request never became a job."""
    empty = dict.fromkeys(("width", "height", "seed", "seconds", "cost_usd"))
    return {
        "job_id": None,
        "state": JobState.FAILED.value,
        "model": model,
        "outputs": [],
        **empty,
        "error": error_json(error.info()),
    }


def exit_code(job: Job) -> ExitCode:
    """Return the exit status for how a job ended."""
    if job.state is JobState.SUCCEEDED:
        return ExitCode.DONE
    if job.state is JobState.CANCELLED:
        return ExitCode.CANCELLED
    return error_exit_code(job.error)


def error_exit_code(error: ErrorInfo | None) -> ExitCode:
    """Return the exit status for what went wrong, told or not."""
    return _exit_codes().get(error.code if error else "", ExitCode.FAILED)


def _exit_codes() -> dict[str, ExitCode]:
    """Return the exit status of every error of the tree, by its code."""
    codes: dict[str, ExitCode] = {}
    waiting: list[type[QieError]] = [QieError]
    while waiting:
        kind = waiting.pop()
        codes[kind.code] = kind.exit_code
        waiting += kind.__subclasses__()
    return codes


@contextmanager
def refusals_reported(*, as_json: bool = False, model: str | None = None) -> Generator[None]:
    """Print any QieError, as JSON where that is wanted, and exit with its status (typer.Exit)."""
    try:
        yield
    except QieError as error:
        if as_json:
            print_json(refusal_json(model, error))
        else:
            show_error(error)
        raise typer.Exit(error.exit_code) from error
