"""`qie jobs`: look at what was made, delete it, run it again, finish what was cut off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from qie_desktop.cli.destination import Destination
from qie_desktop.cli.reporting import (
    LINE_CHARS,
    PROMPT_CHARS,
    cost_text,
    job_json,
    out_console,
    plain,
    print_json,
    refusals_reported,
    show_error,
    show_note,
    show_warning,
)
from qie_desktop.cli.resume_command import resume
from qie_desktop.cli.run_commands import (  # noqa: TC001 - typer reads the annotations
    JsonOption,
    OutputOption,
    QuietOption,
    YesOption,
)
from qie_desktop.cli.running import Report, run_and_report
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import StorageError
from qie_desktop.engines.local.text_encoder_files import TextEncoderWish
from qie_desktop.services.recovery import recover
from qie_desktop.services.retry import resumes, retry_or_resume
from qie_desktop.services.spending import month_budget, require_budget
from qie_desktop.storage.logs import close_log, open_log

if TYPE_CHECKING:
    from rich.console import Console

    from qie_desktop.cli.front import Front
    from qie_desktop.core.job import Job

jobs_app = typer.Typer(help="What was made: list, show, delete, run again, finish.", no_args_is_help=True)
jobs_app.command()(resume)

_NAME_WIDTH = 16

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A job, or how its id begins.")]


@jobs_app.command("list")
def list_jobs(
    context: typer.Context,
    search: Annotated[str, typer.Argument(help="Words of the prompt or the model.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000_000, help="How many at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List jobs, the newest first."""
    with refusals_reported(as_json=as_json):
        front: Front = context.obj()
        recover(front.store)
        jobs = front.store.list(search, limit=limit)
        total = front.store.count(search)
    if as_json:
        print_json([job_json(job, _outputs(front, job)) for job in jobs])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Job", "State", "Model", "Pictures", "Prompt"):
        table.add_column(heading, overflow="fold")
    for job in jobs:
        prompt = plain(job.request.prompt, PROMPT_CHARS)
        table.add_row(job.job_id, job.state.value, plain(job.request.model_id), str(len(job.outputs)), prompt)
    console = out_console()
    console.print(table)
    if total > len(jobs):
        console.print(f"{total - len(jobs)} more: --limit {total}", style="dim")
    _tell_month(front, console)


@jobs_app.command()
def show(context: typer.Context, job_id: IdArgument, as_json: JsonOption = False) -> None:
    """Show everything that is known of a job."""
    with refusals_reported(as_json=as_json):
        front: Front = context.obj()
        job = front.store.load(job_id)
    outputs = _outputs(front, job)
    if as_json:
        more = {"request": job.request.to_json(), "measured": job.measured, "prediction": _prediction(job)}
        print_json(job_json(job, outputs) | more)
        return
    facts = {
        "Job": job.job_id,
        "State": job.state.value,
        "Model": job.request.model_id,
        "Prompt": job.request.prompt,
        "Made": f"{job.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
        "Took": "" if job.seconds is None else f"{job.seconds:.1f} s",
        "Cost": "" if job.cost_usd is None else cost_text(job.cost_usd),
        "Prediction": _prediction(job) or "",
        **{name: str(value) for name, value in job.request.parameters().items()},
    }
    lines = [(name, value) for name, value in facts.items() if value.strip()]
    folder = front.store.folder(job.job_id)
    lines += [("Input", f"{folder / item.name} ({item.width}×{item.height})") for item in job.inputs]
    lines += [
        ("Output", f"{path} ({output.width}×{output.height})")
        for path, output in zip(outputs, job.outputs, strict=True)
    ]
    console = out_console()
    for name, value in lines:
        console.print(plain(value).join([Text(f"{name:<{_NAME_WIDTH}} "), Text()]))
    if job.error is not None:
        show_error(job.error)


@jobs_app.command()
def delete(
    context: typer.Context,
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Jobs, or how their ids begin.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete jobs for good, with their pictures."""
    with refusals_reported():
        front: Front = context.obj()
        recover(front.store)
        jobs = [front.store.load(job_id) for job_id in job_ids]
        console = out_console()
        for job in jobs:
            console.print(plain(f"{job.job_id}  {job.request.prompt}", LINE_CHARS))
        if not yes:
            typer.confirm(f"Delete {_count(len(jobs), 'job')} for good?", abort=True)
        front.store.delete(job.job_id for job in jobs)
        console.print(f"Deleted {_count(len(jobs), 'job')}.")


@jobs_app.command("retry")
def retry_job(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    job_id: IdArgument,
    new_seed: Annotated[bool, typer.Option("--new-seed", help="Draw another seed.")] = False,
    output: OutputOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run a job again, as a new one; a cloud job that was cut off is finished instead, at no further cost."""
    with refusals_reported(as_json=as_json):
        front: Front = context.obj()
        recover(front.store)
        old = front.store.load(job_id)
        # With the weights that it was made with, where these were somebody's own.
        used = [Path(old.remote[name]) for name in ("checkpoint", "transformer") if name in old.remote]
        if len(used) == 2 and all(path.exists() for path in used):  # noqa: PLR2004 - a folder and a file
            front = context.obj(*used, TextEncoderWish.again(old.remote))
        spec = find_model(old.request.model_id)
        engine = front.engine_for(spec, old.request)
        destination = None
        if output is not None:
            count = spec.output_count(dict(old.request.values))
            destination = Destination.checked(output, old.request.inputs, count)
        log = open_log(front.folder.logs)
        try:
            if not resumes(old, new_seed=new_seed) and not yes:
                require_budget(old.request, spec, front.store, front.settings)
            job = retry_or_resume(front.store, front.settings, old.job_id, new_seed=new_seed)
            if job.job_id == old.job_id and not quiet:
                show_note(f"Job {job.job_id} is paid for already: it is finished, not run again.")
            run_and_report(front, job, engine, destination, Report(output, as_json=as_json, quiet=quiet))
        finally:
            close_log(log)


def _tell_month(front: Front, console: Console) -> None:
    try:
        budget = month_budget(front.folder, front.settings)
    except StorageError as error:
        # A ledger that cannot be read is no reason to hide the jobs.
        show_warning(error.message)
        return
    cap = "" if budget.cap_usd is None else f" of ${budget.cap_usd:.2f}"
    console.print(f"This month: ≈ ${budget.spent_usd:.2f}{cap}", style="dim")


def _prediction(job: Job) -> str | None:
    """Return the id that a cloud job has at the provider, once it is known."""
    return job.remote.get("prediction") or None


def _outputs(front: Front, job: Job) -> list[Path]:
    return [front.store.output_path(job, output) for output in job.outputs]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
