"""`qie jobs resume`: finishing what is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from qie_desktop.cli.reporting import (
    LINE_CHARS,
    exit_code,
    job_json,
    out_console,
    plain,
    print_json,
    refusals_reported,
    tell_end,
)
from qie_desktop.cli.run_commands import JsonOption, QuietOption  # noqa: TC001 - typer reads the annotations
from qie_desktop.cli.running import run_side_by_side
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import ExitCode, JobStateError
from qie_desktop.core.model import Place
from qie_desktop.services.recovery import recover, take_up
from qie_desktop.storage.logs import close_log, open_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qie_desktop.cli.front import Front
    from qie_desktop.core.job import Job


def resume(
    context: typer.Context,
    job_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Jobs, or how their ids begin; all where none is named."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Finish cloud jobs that were cut off. They are paid for: it costs nothing more."""
    with refusals_reported(as_json=as_json):
        front: Front = context.obj()
        log = open_log(front.folder.logs)
        try:
            jobs = _taken_up(front, job_ids or [])
            if jobs:
                engine = front.room.engines[Place.CLOUD]
                jobs = run_side_by_side(front, jobs, engine, quiet=quiet)
        finally:
            front.store.claims.drop_all()
            close_log(log)
    _tell(front, jobs, as_json=as_json)
    raise typer.Exit(max(map(exit_code, jobs), default=ExitCode.DONE))


def _taken_up(front: Front, named: Sequence[str]) -> list[Job]:
    """Hold the jobs to finish, the oldest first: the provider does not keep for long what it has made.

    Named ones must be there to be resumed, or none is; of all, what another process has is left alone. Raises
    what else is in the way, such as a missing token.
    """
    found = recover(front.store).resumable
    jobs = [front.store.load(job_id) for job_id in named] if named else found
    taken: dict[str, Job] = {}
    for job in sorted(jobs, key=lambda job: job.created_at):
        if job.job_id in taken:
            continue
        try:
            taken[job.job_id] = take_up(front.store, job.job_id)
        except JobStateError:
            if named:
                raise
        else:
            front.engine_for(find_model(job.request.model_id), job.request)
    return list(taken.values())


def _tell(front: Front, jobs: Sequence[Job], *, as_json: bool) -> None:
    paths = [[front.store.output_path(job, output) for output in job.outputs] for job in jobs]
    if as_json:
        print_json([job_json(job, outputs) for job, outputs in zip(jobs, paths, strict=True)])
        return
    console = out_console()
    if not jobs:
        console.print("There is nothing to resume.")
    for job, outputs in zip(jobs, paths, strict=True):
        if len(jobs) > 1:
            console.print(plain(f"{job.job_id}  {job.request.prompt}", LINE_CHARS))
        tell_end(job, outputs)
