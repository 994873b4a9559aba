"""`qie bench`: how fast the local engine is on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qie_desktop.cli.bench_tables import show_model, show_synthetic
from qie_desktop.cli.interrupt import cancelling_on_interrupt
from qie_desktop.cli.progress import ProgressDisplay
from qie_desktop.cli.reporting import out_console, print_json, refusals_reported
from qie_desktop.cli.run_commands import (
    CheckpointOption,
    GgufOption,
    JsonOption,
    ModelOption,
    QuietOption,
    check_there,
)
from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.errors import ExitCode, InvalidRequest
from qie_desktop.core.model import HubWeights, ModelKind, Place
from qie_desktop.engines.local.bench import SyntheticBench, run_synthetic
from qie_desktop.engines.local.engine import LocalEngine
from qie_desktop.engines.local.model_bench import run_model
from qie_desktop.engines.local.timed_edits import JOB_ID, ModelBench
from qie_desktop.services.model_choice import choose_model
from qie_desktop.services.preferences import with_preferences

if TYPE_CHECKING:
    from qie_desktop.cli.front import Front
    from qie_desktop.core.model import ModelSpec

_LOCAL = tuple(spec for spec in CATALOGUE if spec.place is Place.LOCAL)
_BLOCKS = 60


def bench(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    model: ModelOption = None,
    quant: Annotated[
        str | None,
        typer.Option(help="Which quantisation of the model; or, of random weights, a type such as Q4_K."),
    ] = None,
    checkpoint: CheckpointOption = None,
    gguf: GgufOption = None,
    size: Annotated[int, typer.Option(help="The side of the picture in px.")] = 1024,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Random weights of the real size; needs no checkpoint.")
    ] = False,
    blocks: Annotated[
        int | None, typer.Option(help=f"How many random blocks; the model has {_BLOCKS}.")
    ] = None,
    against: Annotated[
        str, typer.Option(help="Whom to compare random weights with: stock (diffusers).")
    ] = "",
    first_block_cache: Annotated[
        str | None,
        typer.Option(
            metavar="THRESHOLD",
            help="Also make a whole run with first-block caching, and hold it against the exact one.",
        ),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure this machine with an installed model: seconds a step, memory, and what an edit will take.

    With --synthetic, one forward of the transformer and one step with guidance on random weights of the real
    size, against diffusers' own.
    """
    cancel = CancelToken()
    with refusals_reported(as_json=as_json, model=model):
        front: Front = context.obj(checkpoint, gguf)
        check_there("checkpoint", checkpoint)
        check_there("gguf", gguf)
        try:
            if synthetic:
                _refuse_beside("--synthetic", model=model, checkpoint=checkpoint, gguf=gguf)
                with cancelling_on_interrupt(cancel):
                    found = _synthetic(front, quant, size, blocks, against, first_block_cache, cancel)
            else:
                _refuse_beside("an installed model", blocks=blocks, against=against or None)
                spec = _chosen(front, model, own_weights=checkpoint is not None or gguf is not None)
                with ProgressDisplay([JOB_ID], quiet=quiet) as display, cancelling_on_interrupt(cancel):
                    found = asyncio.run(
                        _installed(front, spec, quant, size, first_block_cache, display, cancel)
                    )
        except JobCancelled:
            if as_json:
                print_json({"state": "cancelled"})
            else:
                out_console().print("Cancelled.")
            raise typer.Exit(ExitCode.CANCELLED) from None
    if as_json:
        print_json(found)
    elif synthetic:
        show_synthetic(found)
    else:
        show_model(found)


def _refuse_beside(what: str, **options: object) -> None:
    for name, given in options.items():
        if given is not None:
            raise InvalidRequest(name, f"--{name} does not go with {what}.", "See `qie bench --help`.")


def _chosen(front: Front, model: str | None, *, own_weights: bool) -> ModelSpec:
    """Return the model as `qie edit` would choose it among those of this machine."""
    if model is not None:
        return find_model(model)
    if own_weights:
        return next(spec for spec in _LOCAL if spec.local and isinstance(spec.local.weights, HubWeights))
    return choose_model(front.settings, front.readiness, (ModelKind.EDIT, ModelKind.HYBRID), _LOCAL)


def _synthetic(  # noqa: PLR0913, PLR0917 - the options
    front: Front,
    quant: str | None,
    size: int,
    blocks: int | None,
    against: str,
    threshold: str | None,
    cancel: CancelToken,
) -> dict[str, Any]:
    if against not in {"", "stock"}:
        raise InvalidRequest("against", f"{against} is not known here.", "Compare with: stock.")
    return run_synthetic(
        SyntheticBench(
            quant or "Q4_K",
            size,
            _BLOCKS if blocks is None else blocks,
            against == "stock",
            str(front.settings.get("local.device")),
            0.0 if threshold is None else _number(threshold),
        ),
        cancel,
    )


def _number(text: str) -> float:
    """Read a threshold: with random weights any will do."""
    try:
        return float(text)
    except ValueError:
        raise InvalidRequest(
            "first_block_cache", f"{text} is not a threshold.", "0.05 is careful, 0.2 bold."
        ) from None


async def _installed(  # noqa: PLR0913, PLR0917 - the options
    front: Front,
    spec: ModelSpec,
    quant: str | None,
    size: int,
    threshold: str | None,
    display: ProgressDisplay,
    cancel: CancelToken,
) -> dict[str, Any]:
    engine = front.room.engines[Place.LOCAL]
    assert isinstance(engine, LocalEngine)
    options = with_preferences(spec, {} if quant is None else {"quantisation": quant}, front.settings)
    device = str(front.settings.get("local.device"))
    try:
        return await run_model(ModelBench(spec, size, device, options, threshold), engine, display, cancel)
    finally:
        await engine.close()
