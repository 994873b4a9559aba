"""Running one job from the command line: choose, check, run, put the pictures where they are wanted, tell."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from qie_desktop.cli.destination import Destination
from qie_desktop.cli.interrupt import cancelling_on_interrupt
from qie_desktop.cli.progress import ProgressDisplay, seconds_text
from qie_desktop.cli.reporting import (
    error_json,
    exit_code,
    job_json,
    out_console,
    print_json,
    show_error,
    show_warning,
)
from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.errors import QieError
from qie_desktop.core.job import Job, JobState
from qie_desktop.core.model import HubWeights
from qie_desktop.core.request import build_request
from qie_desktop.services.model_choice import choose_model
from qie_desktop.services.preferences import with_preferences, with_ready_quality
from qie_desktop.services.recovery import recover
from qie_desktop.services.run_job import run_job
from qie_desktop.services.submit import submit
from qie_desktop.storage.logs import close_log, open_log

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from qie_desktop.cli.front import Front
    from qie_desktop.core.model import ModelKind, ModelSpec
    from qie_desktop.engines.base import Engine


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed.

    Without `model_id` a model of these kinds is chosen, or the one that own weights are for.
    """

    kinds: Collection[ModelKind]
    prompt: str
    images: tuple[Path, ...]
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    model_id: str | None = None
    own_weights: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Where the pictures go besides the job's folder, and how the end is told."""

    output: Path | None = None
    as_json: bool = False
    quiet: bool = False


def fulfil(front: Front, wish: Wish, report: Report) -> None:
    """Make a job of a wish, run it and report.

    Raises QieError as long as there is no job, and typer.Exit with the status at its end.
    """
    for problem in front.settings.problems:
        show_warning(problem)
    spec = _chosen_model(front, wish)
    options = with_preferences(spec, wish.options, front.settings)
    request = build_request(spec.id, wish.prompt, wish.images, options)
    if "quality" not in wish.options:
        wanted = request.value("quality")
        request = with_ready_quality(spec, request, options, front.room.readiness)
        if request.value("quality") != wanted:
            show_warning(f"{wanted} is not installed; this runs with quality={request.value('quality')}.")
    destination = None if report.output is None else Destination.checked(report.output, wish.images)
    engine = front.engine_for(spec, request)
    log = open_log(front.folder.logs)
    try:
        recover(front.store)
        job = submit(front.store, front.settings, request)
        run_and_report(front, job, engine, destination, report)
    finally:
        close_log(log)


def run_and_report(
    front: Front, job: Job, engine: Engine, destination: Destination | None, report: Report
) -> None:
    """Run a job that is on disk, tell how it ended, and exit with its status (typer.Exit)."""
    cancel = CancelToken()
    with ProgressDisplay(quiet=report.quiet) as display, cancelling_on_interrupt(cancel):
        job = asyncio.run(_run(front, job, engine, display, cancel))
    paths = [front.store.output_path(job, output) for output in job.outputs]
    problem: QieError | None = None
    if destination is not None and paths:
        try:
            paths = destination.put(front.store, job)
        except QieError as error:
            problem = error
    if report.as_json:
        told = job_json(job, paths)
        print_json(told if problem is None else told | {"error": error_json(problem.info())})
    else:
        _tell(job, paths)
        if problem is not None:
            show_error(problem)
    raise typer.Exit(exit_code(job) if problem is None else problem.exit_code)


async def _run(front: Front, job: Job, engine: Engine, display: ProgressDisplay, cancel: CancelToken) -> Job:
    try:
        return await run_job(job, front.store, engine, display, cancel)
    finally:
        await engine.close()


def _chosen_model(front: Front, wish: Wish) -> ModelSpec:
    if wish.model_id is not None:
        return find_model(wish.model_id)
    if wish.own_weights:
        return next(spec for spec in CATALOGUE if spec.local and isinstance(spec.local.weights, HubWeights))
    return choose_model(front.settings, front.readiness, wish.kinds)


def _tell(job: Job, paths: list[Path]) -> None:
    console = out_console()
    for path in paths:
        console.print(str(path), markup=False)
    if job.error is not None:
        show_error(job.error)
    elif job.state is JobState.CANCELLED:
        console.print("Cancelled.")
    elif job.seconds is not None and job.outputs:
        size = f"{job.outputs[0].width}×{job.outputs[0].height}"
        name = find_model(job.request.model_id).name
        console.print(
            f"{name}: {size} px in {seconds_text(job.seconds)}, seed {job.request.seed}", style="dim"
        )
