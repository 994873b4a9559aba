"""Running jobs from the command line: choose, check, run, put the pictures where they are wanted, tell."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from qie_desktop.cli.destination import Destination
from qie_desktop.cli.interrupt import cancelling_on_interrupt
from qie_desktop.cli.progress import ProgressDisplay
from qie_desktop.cli.reporting import (
    error_json,
    exit_code,
    job_json,
    print_json,
    show_error,
    show_note,
    show_warning,
    tell_end,
    usd_text,
)
from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.errors import QieError
from qie_desktop.core.geometry import Size
from qie_desktop.core.model import HubWeights
from qie_desktop.core.request import build_request
from qie_desktop.services.loras import with_loras
from qie_desktop.services.machine_memory import run_note
from qie_desktop.services.model_choice import choose_model
from qie_desktop.services.preferences import with_count, with_preferences, with_ready_quality
from qie_desktop.services.recovery import recover
from qie_desktop.services.run_job import run_job
from qie_desktop.services.scaled_copies import scaled_copies
from qie_desktop.services.spending import require_budget
from qie_desktop.services.submit import submit
from qie_desktop.storage.logs import close_log, open_log

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from qie_desktop.cli.front import Front
    from qie_desktop.core.job import Job
    from qie_desktop.core.model import ModelKind, ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.engines.base import Engine


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed.

    Without `model_id` a model of these kinds is chosen, or the one that own weights are for. `scale`: a
    picture that the model does not take is sent as a scaled copy. `beyond_cap`: the month's cap is no reason
    to stop. `loras` are files, each with its strength after a colon.
    """

    kinds: Collection[ModelKind]
    prompt: str
    images: tuple[Path, ...]
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    model_id: str | None = None
    own_weights: bool = False
    scale: bool = False
    beyond_cap: bool = False
    loras: tuple[str, ...] = ()


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
    options = with_count(spec, with_preferences(spec, wish.options, front.settings))
    options = with_loras(spec, options, wish.loras, front.folder.loras)
    request = build_request(spec.id, wish.prompt, wish.images, options)
    if "quality" not in wish.options:
        wanted = request.value("quality")
        request = with_ready_quality(spec, request, options, front.room.readiness)
        if request.value("quality") != wanted:
            show_warning(f"{wanted} is not installed; this runs with quality={request.value('quality')}.")
    destination = None
    if report.output is not None:
        count = spec.output_count(dict(request.values))
        destination = Destination.checked(report.output, wish.images, count)
    engine = front.engine_for(spec, request)
    log = open_log(front.folder.logs)
    try:
        recover(front.store)
        if not wish.beyond_cap:
            require_budget(request, spec, front.store, front.settings)
        job = _submitted(front, spec, request, scale=wish.scale)
        if not report.quiet:
            _tell_begin(spec, request, job)
            if not wish.own_weights and (note := run_note(spec, request, front.settings)):
                show_note(note)
        run_and_report(front, job, engine, destination, report)
    finally:
        close_log(log)


def run_and_report(
    front: Front, job: Job, engine: Engine, destination: Destination | None, report: Report
) -> None:
    """Run a job that is on disk, tell how it ended, and exit with its status (typer.Exit)."""
    [job] = run_side_by_side(front, [job], engine, quiet=report.quiet)
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
        tell_end(job, paths)
        if problem is not None:
            show_error(problem)
    raise typer.Exit(exit_code(job) if problem is None else problem.exit_code)


def run_side_by_side(front: Front, jobs: Sequence[Job], engine: Engine, *, quiet: bool) -> list[Job]:
    """Run jobs that this process holds, as many at a time as the settings say; return them as they ended.

    Ctrl+C cancels all that have begun. Those that have not are let go, and returned as they are on disk.
    """
    cancel = CancelToken()
    job_ids = [job.job_id for job in jobs]
    with ProgressDisplay(job_ids, quiet=quiet) as display, cancelling_on_interrupt(cancel):
        return asyncio.run(_run(front, jobs, engine, display, cancel))


async def _run(
    front: Front, jobs: Sequence[Job], engine: Engine, display: ProgressDisplay, cancel: CancelToken
) -> list[Job]:
    places = asyncio.Semaphore(int(str(front.settings.get("cloud.max_jobs"))))

    async def run(job: Job) -> Job:
        async with places:
            if len(jobs) > 1 and cancel.cancelled:
                front.store.claims.drop(front.store.folder(job.job_id))
                return job
            return await run_job(job, front.store, engine, display, cancel)

    try:
        return await asyncio.gather(*map(run, jobs))
    finally:
        await engine.close()


def _chosen_model(front: Front, wish: Wish) -> ModelSpec:
    if wish.model_id is not None:
        return find_model(wish.model_id)
    if wish.own_weights:
        return next(spec for spec in CATALOGUE if spec.local and isinstance(spec.local.weights, HubWeights))
    return choose_model(front.settings, front.readiness, wish.kinds)


def _submitted(front: Front, spec: ModelSpec, request: Request, *, scale: bool) -> Job:
    if not scale:
        return submit(front.store, front.settings, request)
    with TemporaryDirectory(prefix="qie-") as folder:
        copies = scaled_copies(spec, request.inputs, Path(folder))
        return submit(front.store, front.settings, request.with_inputs(copies))


def _tell_begin(spec: ModelSpec, request: Request, job: Job) -> None:
    """Tell on standard error what a person may want to know before it is too late to stop it."""
    for given, stored in zip(request.inputs, job.inputs, strict=True):
        size = Size(stored.width, stored.height)
        if stored.source_name != given.name:
            show_note(f"{given.name} is sent as a copy scaled to {size} px, and that is what comes back.")
        elif spec.inputs.ideal_area_px is not None and spec.inputs.is_far_from_ideal(size):
            ideal = spec.inputs.ideal_area_px / 1e6
            show_note(
                f"{given.name} has {size.area_px / 1e6:.1f} megapixels; {spec.name} is best near {ideal:.0f}."
            )
    if job.cost_usd:
        show_note(f"{spec.name} runs in the cloud: about {usd_text(job.cost_usd)}.")
