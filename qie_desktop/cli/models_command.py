"""`qie models`: what there is, what it costs, and what is in the way of using it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from qie_desktop.cli.cleanup_command import size_text
from qie_desktop.cli.download_command import DEFAULT_MODEL
from qie_desktop.cli.reporting import error_json, out_console, print_json, refusals_reported
from qie_desktop.cli.task_running import run_in_front, tell_task_end
from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.download import DownloadState, TaskKind, TaskPhase
from qie_desktop.core.errors import ModelNotInstalled
from qie_desktop.core.model_parts import DownloadChoice, find_parts
from qie_desktop.engines.local.hub.verification import Verification
from qie_desktop.services.downloads import Downloads, hub_weights, is_downloaded
from qie_desktop.services.machine_memory import memory_needs

if TYPE_CHECKING:
    from qie_desktop.cli.front import Front
    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.engines.local.hub.activity import Activity


models_app = typer.Typer(
    help="The models: what there is, what is installed; check and delete what was downloaded.",
    invoke_without_command=True,
    no_args_is_help=False,
)


@models_app.callback()
def models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """List the models: what they do, where they run, what they cost, and whether they are ready."""
    if context.invoked_subcommand is not None:
        return
    with refusals_reported(as_json=as_json):
        front: Front = context.obj()
        states = [(spec, front.readiness(spec)) for spec in CATALOGUE]
        weights = {spec.id: _weights(front, spec) for spec in CATALOGUE if is_downloaded(spec)}
    if as_json:
        print_json([_as_json(spec, problem) | weights.get(spec.id, {}) for spec, problem in states])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Model", "Kind", "Where", "Price", "Time", "Status"):
        table.add_column(heading, no_wrap=heading == "Model")
    for spec, problem in states:
        price = "free" if spec.price is None else f"≈ ${spec.price.usd_per_output:g}"
        time = "" if spec.typical_seconds is None else "–".join(map(str, spec.typical_seconds)) + " s"
        status = "ready" if problem is None else _reason(problem)
        table.add_row(spec.id, spec.kind.value, spec.place.value, price, time, status)
    console = out_console()
    console.print(table)
    for spec, problem in states:
        if spec.id in weights:
            _print_weights(spec, weights[spec.id])
        if problem is None and spec.examples:
            console.print(f"\n{spec.id}: {spec.summary}\n  Try: {' · '.join(spec.examples)}", markup=False)
        if problem is None and spec.understands:
            console.print(f"  Understands: {' · '.join(spec.understands)}", markup=False)
            if spec.understands_also:
                console.print(f"  {spec.understands_also}", markup=False)


def _weights(front: Front, spec: ModelSpec) -> dict[str, Any]:
    """Return what of a model is on this machine, as JSON data."""
    downloads = Downloads(front.folder, front.settings)
    needs = {
        need.quantisation: need
        for need in memory_needs(hub_weights(spec), str(front.settings.get("local.device")))
    }
    state = downloads.state()
    return {
        "parts": [
            {
                "id": part.part.id,
                "name": part.part.name,
                "kind": part.part.kind.value,
                "installed": part.is_installed,
                "bytes": part.byte_count,
                "missing_bytes": part.missing_bytes,
                "path": str(part.path) if part.path else None,
                "damaged": list(part.damaged),
                "memory": needs[part.part.id].text if part.part.id in needs else None,
                "fits": needs[part.part.id].fit.value if part.part.id in needs else None,
                "fit_text": needs[part.part.id].fit_text if part.part.id in needs else None,
            }
            for part in downloads.parts(spec)
        ],
        "download": _download_json(state) if state and state.choice.model_id == spec.id else None,
    }


def _download_json(state: DownloadState) -> dict[str, Any]:
    return {
        "task": state.task.value,
        "state": state.phase.value,
        "parts": list(state.part_ids),
        "file": state.file,
        "bytes_done": state.bytes_done,
        "bytes_total": state.bytes_total,
        "seconds_left": state.seconds_left,
        "error": error_json(state.error),
    }


def _print_weights(spec: ModelSpec, weights: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Part", "Size", "State", "Memory"):
        table.add_column(heading, no_wrap=True)
    for part in weights["parts"]:
        size = size_text(part["bytes"] if part["installed"] else part["bytes"] + part["missing_bytes"])
        table.add_row(part["id"], size, _part_state(part), part["fit_text"] or "")
    console = out_console()
    console.print(f"\n{spec.id}:", markup=False)
    console.print(table)
    for part in weights["parts"]:
        if part["installed"]:
            console.print(f"{part['id']}: {part['path']}", markup=False)
    going = weights["download"]
    if going and going["state"] != TaskPhase.DONE.value:
        total = f" of {size_text(going['bytes_total'])}" if going["bytes_total"] else ""
        console.print(f"{going['task']} {going['state']}: {size_text(going['bytes_done'])}{total}")


def _part_state(part: dict[str, Any]) -> str:
    if part["installed"]:
        return "installed"
    if part["damaged"]:
        return "damaged: download again"
    return f"{size_text(part['bytes'])} here" if part["bytes"] else "not installed"


@models_app.command()
def verify(
    context: typer.Context,
    parts: Annotated[
        list[str] | None, typer.Argument(help="Parts, such as Q5_K_S; all that are installed if none.")
    ] = None,
    model: Annotated[str, typer.Option("--model", help="The model.")] = DEFAULT_MODEL,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Read downloaded files again and compare them with the hashes that the hub told. Needs no network."""
    with refusals_reported(as_json=as_json, model=model):
        front: Front = context.obj()
        spec = find_model(model)
        wanted = find_parts(spec, hub_weights(spec), parts or ())
        states = Downloads(front.folder, front.settings).parts(spec)
        there = {state.part.id for state in states if state.is_installed or state.damaged}
        chosen = [part for part in wanted if parts or part.id in there]
        if not chosen:
            raise ModelNotInstalled(f"Nothing of {spec.name} is installed.", "Get it with `qie download`.")

        def work(cancel: CancelToken, activity: Activity) -> None:
            Verification(front.folder.hub_cache, chosen, activity).run(cancel)

        choice = DownloadChoice(spec.id, "")
        begun = DownloadState(TaskKind.VERIFY, choice, tuple(part.id for part in chosen), TaskPhase.STARTING)
        state = run_in_front(front, begun, work, quiet=quiet or as_json)
    names = ", ".join(part.id for part in chosen)
    tell_task_end(
        state,
        as_json=as_json,
        done=f"{names}: {size_text(state.bytes_total or 0)} read, all as published.",
        go_on="Stopped: not all was read.",
    )


@models_app.command(name="delete")
def delete_command(
    context: typer.Context,
    parts: Annotated[list[str], typer.Argument(help="Parts, such as Q5_K_S or text-encoder-full.")],
    model: Annotated[str, typer.Option("--model", help="The model.")] = DEFAULT_MODEL,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete downloaded parts. Asks, and says how much is freed; other tools' files are never touched."""
    with refusals_reported(model=model):
        front: Front = context.obj()
        downloads = Downloads(front.folder, front.settings)
        deletion = downloads.deletion(model, parts)
        console = out_console()
        if not deletion.files:
            console.print("Nothing to delete: nothing of it was downloaded from here.")
            return
        names = ", ".join(part.name for part in deletion.parts)
        if not yes:
            typer.confirm(f"Delete {names} ({size_text(deletion.byte_count)} become free)?", abort=True)
        console.print(f"Deleted {names}: {size_text(downloads.delete(deletion))} are free again.")


_REASONS = {"credentials_missing": "needs a Replicate token", "model_not_installed": "not installed"}


def _reason(problem: QieError) -> str:
    return _REASONS.get(problem.code, "not ready")


def _as_json(spec: ModelSpec, problem: QieError | None) -> dict[str, Any]:
    return {
        "id": spec.id,
        "name": spec.name,
        "kind": spec.kind.value,
        "place": spec.place.value,
        "summary": spec.summary,
        "price_usd": spec.price.usd_per_output if spec.price else 0.0,
        "typical_seconds": spec.typical_seconds,
        "inputs": [spec.inputs.minimum, spec.inputs.maximum],
        "parameters": [parameter.name for parameter in spec.parameters],
        "understands": list(spec.understands),
        "ready": problem is None,
        "problem": None if problem is None else error_json(problem.info()),
    }
