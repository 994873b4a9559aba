"""What `qie bench` found, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from qie_desktop.cli.reporting import out_console, seconds_text

if TYPE_CHECKING:
    from rich.console import Console

_EXACT_BELOW_S = 10
_WORTH_TELLING_S = 0.1
_PASSES = {1: "one pass a step", 2: "two passes (guidance)"}


def show_model(found: dict[str, Any]) -> None:
    """Print the parts of an edit by an installed model, and what each of its qualities comes to."""
    console = out_console()
    side, working = found["size"], found["working_size"]
    scaled = "" if working == side else f", worked on at {working}\u00d7{working} px"
    quantisation = "" if found["quantisation"] is None else f" ({found['quantisation']})"
    console.print(
        f"{found['name']}{quantisation} on {found['device']}, torch {found['torch']}: "
        f"an edit of {side}\u00d7{side} px{scaled}",
        markup=False,
    )
    ways = found["ways"]
    parts = _table("", *(_PASSES[way["passes"]] for way in ways))
    for heading, key in (
        ("A step", "step_s"),
        ("Reading prompt and picture", "encoding_s"),
        ("Decoding the picture", "decoding_s"),
        ("Loading again for each edit", "loading_again_s"),
        ("All of an edit but its steps", "beside_steps_s"),
    ):
        if key != "loading_again_s" or any(way[key] >= _WORTH_TELLING_S for way in ways):
            parts.add_row(heading, *(_seconds(way[key]) for way in ways))
    console.print(parts)
    console.print(
        f"Loading {_seconds(found['load_s'])}, once. Memory at most {found['peak_gib']:.2f} GiB, "
        f"{found['planned_peak_gib']:.2f} GiB were expected."
    )
    console.print()
    whole = _table("Quality", "steps", "a whole edit", "")
    for estimate in found["estimates"]:
        missing = estimate["missing"]
        whole.add_row(
            estimate["label"],
            str(estimate["steps"]),
            f"about {_seconds(estimate['seconds'])}",
            "" if missing is None else f"not ready: {missing}",
        )
    console.print(whole)
    cached = found["first_block_cache"]
    if cached is not None:
        console.print()
        _show_cached(console, cached)


def show_synthetic(found: dict[str, Any]) -> None:
    """Print the contenders side by side."""
    console = out_console()
    console.print(
        f"{found['device']}, torch {found['torch']}: {found['blocks']} blocks of {found['quant']}, "
        f"an edit of {found['size']}\u00d7{found['size']} px"
    )
    table = _table("", "forward", "guided step", "weights", "peak")
    for row in found["rows"]:
        table.add_row(
            row["name"],
            _time(row["forward_ms"], row["forward_ratio"]),
            _time(row["guided_step_ms"], row["guided_ratio"]),
            f"{row['resident_gib']:.2f} GiB",
            "" if row["peak_gib"] is None else f"{row['peak_gib']:.2f} GiB",
        )
    console.print(table)
    console.print(
        f"A preview {found['preview_ms']:.1f} ms. With first-block caching, where a step reuses one before: "
        f"forward {found['reused_forward_ms']:.0f} ms, guided step {found['reused_guided_step_ms']:.0f} ms."
    )
    cached = found["first_block_cache"]
    if cached is not None:
        _show_cached(console, cached)
        console.print("Of random weights the time says something, the difference does not.", style="dim")


def _show_cached(console: Console, cached: dict[str, Any]) -> None:
    """Print how a run with first-block caching compares with the exact one."""
    psnr = "the same" if cached["psnr_db"] is None else f"PSNR {cached['psnr_db']:.1f} dB"
    times = f"{_seconds(cached['cached_s'])} instead of {_seconds(cached['exact_s'])}"
    console.print(
        f"First-block cache {cached['threshold']}: {times} for {cached['steps']} steps, "
        f"{cached['reused_steps']} of them reused. The {cached['of']} against the exact: {psnr}, "
        f"at most {cached['max_difference']:.3f} of the range off."
    )


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number and heading else "left")
    return table


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < _EXACT_BELOW_S else seconds_text(seconds)


def _time(milliseconds: float, ratio: float | None) -> str:
    return f"{milliseconds:.0f} ms" + ("" if ratio is None else f" ({ratio:.2f}\u00d7)")
