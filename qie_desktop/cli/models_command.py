"""`qie models`: what there is, what it costs, and what is in the way of using it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from qie_desktop.cli.reporting import error_json, out_console, print_json, refusals_reported
from qie_desktop.core.catalogue import CATALOGUE

if TYPE_CHECKING:
    from qie_desktop.cli.front import Front
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec


def models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """List the models: what they do, where they run, what they cost, and whether they are ready."""
    with refusals_reported(as_json=as_json):
        front: Front = context.obj()
        states = [(spec, front.readiness(spec)) for spec in CATALOGUE]
    if as_json:
        print_json([_as_json(spec, problem) for spec, problem in states])
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
        if problem is None and spec.examples:
            console.print(f"\n{spec.id}: {spec.summary}\n  Try: {' · '.join(spec.examples)}", markup=False)


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
        "ready": problem is None,
        "problem": None if problem is None else error_json(problem.info()),
    }
