"""`qie cleanup`: how much room the jobs take, and making some."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from qie_desktop.cli.reporting import (
    LINE_CHARS,
    PROMPT_CHARS,
    out_console,
    plain,
    refusals_reported,
    show_warning,
)
from qie_desktop.core.errors import ExitCode, InvalidRequest
from qie_desktop.services.cleanup import CleanupPlan, disk_usage, execute_cleanup, plan_cleanup
from qie_desktop.services.keeping import plan_by_rule, rule_of
from qie_desktop.services.recovery import recover

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qie_desktop.cli.front import Front
    from qie_desktop.services.cleanup import JobUsage

_SHOWN = 20
_STEP = 1000
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_DECIMALS = (0, 0, 1, 1, 1)


def cleanup(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    status: Annotated[bool, typer.Option("--status", help="How much room the jobs take.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="The room that each job takes.")] = False,
    hours: Annotated[
        float | None, typer.Option("--hours", min=0, max=1_000_000, help="Delete jobs older than this.")
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Delete jobs that general.keep_jobs no longer keeps.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Delete all finished jobs.")] = False,
    starred: Annotated[bool, typer.Option("--include-starred", help="Starred ones too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Show how much room the jobs take, or delete old ones. Running jobs are never touched."""
    with refusals_reported():
        chosen = [status, listing, hours is not None, expired, everything]
        if sum(chosen) > 1:
            raise InvalidRequest(
                "cleanup", "--status, --list, --hours, --expired and --all exclude each other.", "Choose one."
            )
        front: Front = context.obj()
        recover(front.store)
        usages = disk_usage(front.store)
        if expired:
            rule = rule_of(front.settings)
            plan = CleanupPlan((), usages) if rule is None else plan_by_rule(usages, rule)
            _delete(front, plan, ask=not yes)
            return
        if hours is None and not everything:
            _print_usage(usages, each=listing)
            return
        older_than = None if hours is None else timedelta(hours=hours)
        plan = plan_cleanup(usages, older_than, include_starred=starred)
        _delete(front, plan, ask=not yes)


def _print_usage(usages: Iterable[JobUsage], *, each: bool) -> None:
    usages = list(usages)
    console = out_console()
    if each:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("Job", "State", "Size", "Prompt"):
            table.add_column(heading)
        for usage in usages:
            job = usage.job
            prompt = plain(job.request.prompt, PROMPT_CHARS)
            table.add_row(job.job_id, job.state.value, size_text(usage.byte_count), prompt)
        console.print(table)
    total = sum(usage.byte_count for usage in usages)
    active = sum(usage.active for usage in usages)
    console.print(f"{len(usages)} jobs, {size_text(total)}; {active} queued or running")


def _delete(front: Front, plan: CleanupPlan, *, ask: bool) -> None:
    console = out_console()
    if not plan.goes:
        console.print("Nothing to delete.")
        return
    for usage in plan.goes[:_SHOWN]:
        console.print(plain(f"{usage.job.job_id}  {usage.job.request.prompt}", LINE_CHARS))
    if len(plan.goes) > _SHOWN:
        console.print(f"… and {len(plan.goes) - _SHOWN} more")
    if ask:
        question = f"Delete {len(plan.goes)} jobs for good ({size_text(plan.byte_count)})?"
        typer.confirm(question, abort=True)
    result = execute_cleanup(front.store, plan)
    console.print(f"Deleted {len(result.deleted)} jobs: {size_text(result.byte_count)} are free again.")
    for job_id, error in result.failed:
        show_warning(f"{job_id}: {error.message}")
    if result.failed:
        raise typer.Exit(ExitCode.FAILED)


def size_text(byte_count: int) -> str:
    """Return a size in words, in powers of ten as the Finder counts: 12.3 MB."""
    size, step = float(byte_count), 0
    while size >= _STEP and step < len(_UNITS) - 1:
        size, step = size / _STEP, step + 1
    return f"{size:.{_DECIMALS[step]}f} {_UNITS[step]}"
