"""`qie download`: the local model, from the hub onto this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from qie_desktop.cli.cleanup_command import size_text
from qie_desktop.cli.reporting import error_json, out_console, print_json, refusals_reported, show_note
from qie_desktop.cli.task_running import run_in_front, tell_task_end
from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.download import DownloadState, TaskKind, TaskPhase
from qie_desktop.core.model_parts import DownloadChoice, chosen_parts, model_parts
from qie_desktop.engines.local.hub.downloading import Download
from qie_desktop.services.downloads import Downloads, hub_weights, is_downloaded
from qie_desktop.services.machine_memory import memory_needs
from qie_desktop.services.preferences import with_preferences

if TYPE_CHECKING:
    from qie_desktop.cli.front import Front
    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.download import DownloadPlan
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.engines.local.hub.activity import Activity

DEFAULT_MODEL = next(spec.id for spec in CATALOGUE if is_downloaded(spec))


def download(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    quantisation: Annotated[
        str | None,
        typer.Option("--quant", "-q", help="The quantisation; what suits this machine if not given."),
    ] = None,
    text_encoder: Annotated[
        str | None,
        typer.Option("--text-encoder", help="compact or full; what suits this machine if not given."),
    ] = None,
    lightning: Annotated[
        bool, typer.Option("--lightning/--no-lightning", help="With the files for 4 and 8 steps, or without.")
    ] = True,
    model: Annotated[str, typer.Option("--model", help="The model.")] = DEFAULT_MODEL,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be downloaded, without a network.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Download the local model. Ctrl+C pauses; the same command goes on where it stopped."""
    with refusals_reported(as_json=as_json, model=model):
        front: Front = context.obj()
        spec = find_model(model)
        downloads = Downloads(front.folder, front.settings)
        best = downloads.recommended(spec)
        choice = DownloadChoice(
            spec.id, quantisation or best.quantisation, text_encoder or best.text_encoder, lightning
        )
        plan = downloads.plan(choice)
        if dry_run:
            _tell_plan(front, spec, plan, as_json=as_json)
            return
        if not (quiet or as_json) and plan.missing_bytes:
            show_note(f"About {size_text(plan.missing_bytes)} to download into {front.folder.hub_cache}.")
        weights = hub_weights(spec)
        parts = chosen_parts(spec, weights, choice)

        def work(cancel: CancelToken, activity: Activity) -> None:
            Download(front.folder.hub_cache, parts, model_parts(weights), activity).run(cancel)

        begun = DownloadState(TaskKind.DOWNLOAD, choice, tuple(part.id for part in parts), TaskPhase.STARTING)
        state = run_in_front(front, begun, work, quiet=quiet or as_json)
        if state.phase is TaskPhase.DONE:
            _prefer(front, spec, choice)
    tell_task_end(
        state,
        as_json=as_json,
        done=f"{spec.name} {choice.quantisation} is installed: {size_text(state.bytes_total or 0)}, checked.",
        go_on=f"Paused: {size_text(state.bytes_done)} are kept. Go on with the same command.",
    )


def _prefer(front: Front, spec: ModelSpec, choice: DownloadChoice) -> None:
    """Let jobs take the quantisation that has just come, where the one that they would take is not here."""
    taken = str(with_preferences(spec, {}, front.settings).get("quantisation", _default(spec)))
    states = Downloads(front.folder, front.settings).parts(spec)
    if not any(state.is_installed for state in states if state.part.id == taken):
        front.settings.set("local.quantisation", choice.quantisation)
        front.settings.save()


def _default(spec: ModelSpec) -> str:
    parameter = spec.parameter("quantisation")
    return str(parameter.default) if parameter else ""


def _tell_plan(front: Front, spec: ModelSpec, plan: DownloadPlan, *, as_json: bool) -> None:
    choice = plan.choice
    device = str(front.settings.get("local.device"))
    needs = memory_needs(hub_weights(spec), device, text_encoder=choice.text_encoder)
    memory = next(need.text for need in needs if need.quantisation == choice.quantisation)
    if as_json:
        print_json(
            {
                "model": spec.id,
                "quantisation": choice.quantisation,
                "text_encoder": choice.text_encoder,
                "parts": [
                    {
                        "id": state.part.id,
                        "repository": state.part.repo,
                        "revision": state.part.revision,
                        "licence": state.part.licence,
                        "installed": state.is_installed,
                        "missing_bytes": state.missing_bytes,
                    }
                    for state in plan.parts
                ],
                "missing_bytes": plan.missing_bytes,
                "free_bytes": plan.free_bytes,
                "fits_disk": plan.fits_disk,
                "memory": memory,
                "folder": str(front.folder.hub_cache),
                "error": error_json(None),
            }
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Part", "From", "To download"):
        table.add_column(heading)
    for state in plan.parts:
        size = "installed" if state.is_installed else f"about {size_text(state.missing_bytes)}"
        table.add_row(state.part.name, state.part.repo, size)
    console = out_console()
    console.print(table)
    room = "enough" if plan.fits_disk else "not enough"
    console.print(
        f"About {size_text(plan.missing_bytes)} to download; {size_text(plan.free_bytes)} are free on the "
        f"disk: {room}.",
        f"{choice.quantisation} {memory}.",
        sep="\n",
        markup=False,
    )
