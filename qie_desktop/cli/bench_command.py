"""`qie bench`: how fast the local engine is on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from qie_desktop.cli.reporting import out_console, print_json, refusals_reported
from qie_desktop.cli.run_commands import JsonOption  # noqa: TC001 - typer reads the annotations
from qie_desktop.core.errors import InvalidRequest
from qie_desktop.engines.local.bench import SyntheticBench, run_synthetic

if TYPE_CHECKING:
    from qie_desktop.cli.front import Front


def bench(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Random weights of the real size; needs no checkpoint.")
    ] = False,
    blocks: Annotated[int, typer.Option(help="How many blocks; the model has 60.")] = 60,
    quant: Annotated[str, typer.Option(help="The type of the weights, such as Q4_K.")] = "Q4_K",
    size: Annotated[int, typer.Option(help="The side of the picture in px.")] = 1024,
    against: Annotated[str, typer.Option(help="Whom to compare with: stock (diffusers).")] = "",
    as_json: JsonOption = False,
) -> None:
    """Measure one forward of the transformer and one step with guidance, side by side."""
    with refusals_reported(as_json=as_json):
        if not synthetic:
            raise InvalidRequest("synthetic", "Only random weights can be measured yet.", "Add --synthetic.")
        if against not in {"", "stock"}:
            raise InvalidRequest("against", f"{against} is not known here.", "Compare with: stock.")
        front: Front = context.obj()
        device = str(front.settings.get("local.device"))
        found = run_synthetic(SyntheticBench(quant, size, blocks, against == "stock", device))
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    console = out_console()
    console.print(
        f"{found['device']}, torch {found['torch']}: {found['blocks']} blocks of {found['quant']}, "
        f"an edit of {found['size']}\u00d7{found['size']} px"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "forward", "guided step", "weights", "peak"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in found["rows"]:
        table.add_row(
            row["name"],
            _time(row["forward_ms"], row["forward_ratio"]),
            _time(row["guided_step_ms"], row["guided_ratio"]),
            f"{row['resident_gib']:.2f} GiB",
            "" if row["peak_gib"] is None else f"{row['peak_gib']:.2f} GiB",
        )
    console.print(table)


def _time(milliseconds: float, ratio: float | None) -> str:
    return f"{milliseconds:.0f} ms" + ("" if ratio is None else f" ({ratio:.2f}\u00d7)")
