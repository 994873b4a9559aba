"""The page and the contact sheet of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from PIL import Image

from training.instructions import NAMES, Instruction, Step
from training.operations import FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor

SHIFT, TINT = "farthest shift, px", "tint of unchanged, 1/255"
"""What is measured besides PSNR: against the exact result in pixels, and where nothing was asked for."""
_TILE_PX = 160
_ACROSS = 8


def page(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return Markdown: for each model a table of instructions by sizes, in dB, and the means."""
    parts: list[str] = []
    for label, by_size in results.items():
        sizes = [size for size in by_size if size not in {"ramps", "graded", "seconds"}]
        rows = ("vae", *NAMES, SHIFT, TINT)
        names = [name for name in rows if any(name in by_size[size] for size in sizes)]
        lines = [f"### {label}", "", "| dB | " + " | ".join(sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
        for name in names:
            cells = (f"{by_size[size][name]:.1f}" if name in by_size[size] else "" for size in sizes)
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        for title, wanted in (("mean of the first 23", FIRST), ("mean of the others", NAMES[len(FIRST) :])):
            chosen = (by_size[size] for size in sizes)
            means = [_mean([found[name] for name in wanted if name in found]) for found in chosen]
            if any(means):
                lines.append(f"| **{title}** | " + " | ".join(means) + " |")
        if "ramps" in by_size:
            lines += ["", "The largest step in a smooth ramp, 1/255: "]
            lines.append(" · ".join(f"{name} {value:.1f}" for name, value in by_size["ramps"].items()))
        if "graded" in by_size:
            lines += ["", "Strengths and pairs at 512×512: "]
            lines.append(" · ".join(f"{prompt} {value:.1f}" for prompt, value in by_size["graded"].items()))
        if "seconds" in by_size:
            lines += ["", "Seconds on two cores, four steps: "]
            lines.append(" · ".join(f"{what} {value:.2f}" for what, value in by_size["seconds"].items()))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.1f}" if values else ""


def contact_sheet(path: Path, picture: Tensor, edit: Callable[[str], Tensor], names: tuple[str, ...]) -> None:
    """Write a sheet: of each instruction what is exact and, below it, what the model makes of a picture.

    `picture` and what `edit` returns for a name are `(1, 3, H, W)`.
    """
    rows = -(-len(names) // _ACROSS)
    sheet = Image.new("RGB", (_ACROSS * _TILE_PX, rows * 2 * _TILE_PX), "white")
    for index, name in enumerate(names):
        exact = Instruction((Step(name),)).apply(picture)
        for below, each in enumerate((exact, edit(name))):
            place = (index % _ACROSS * _TILE_PX, (index // _ACROSS * 2 + below) * _TILE_PX)
            sheet.paste(_image(each).resize((_TILE_PX, _TILE_PX), Image.Resampling.LANCZOS), place)
    sheet.save(path, quality=88)


def _image(picture: Tensor) -> Image.Image:
    numbers = (picture[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(numbers)
