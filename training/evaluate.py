"""Measures a model on the held-out sources: how near each edit comes to the exact operation.

The numbers are written as JSON and as a page, with a contact sheet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from training import seconds, wordings
from training.exactness import shift_px, step_255, tint_255
from training.exported import Model, from_folder, from_training
from training.instructions import NAMES, Instruction, Step, Strength
from training.operations import OPERATIONS
from training.report import SHIFT, TINT, contact_sheet, page
from training.runs import psnr_db, tell
from training.transformer import unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from training.workplace import Workplace

SIZES = (
    (256, 256), (320, 224), (224, 320), (512, 512), (608, 416), (416, 608), (768, 768), (928, 608),
    (608, 928), (1024, 1024), (1184, 896), (896, 1184), (1280, 864), (864, 1280), (1216, 800), (800, 1216),
    (1280, 736), (736, 1280), (832, 1248),
)  # fmt: skip
"""Widths and heights in pixels."""
_STEPS = 4
"""Of each edit. The app takes one by default."""
_RAMPS = (
    ((0.1, 0.1, 0.1), (0.9, 0.9, 0.9)),
    ((0.35, 0.55, 0.85), (0.75, 0.85, 0.95)),
    ((0.05, 0.05, 0.25), (0.9, 0.45, 0.15)),
)
"""From the left to the right: grey, a sky and a dusk."""
_RAMP_PX = 512
_WITH_EDGES = {
    "posterise", "threshold", "pixelate", "sketch", "emboss", "rotate-left", "rotate-right",
    "cinematic-bars", "white-border",
}  # fmt: skip
"""What these make of a ramp has steps, or none."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured.

    A size, one model and one step take less than ten seconds on an H200; all of it takes hours on two cores.
    """

    sizes: tuple[tuple[int, int], ...] = SIZES
    pictures: int | None = None
    names: tuple[str, ...] = NAMES
    models: tuple[str, ...] = ("trained", "quantised", "exported")
    steps: int = _STEPS
    further: bool = True
    """Whether ramps, strengths, pairs and other counts of steps are measured besides, or on a CPU seconds."""


BRIEF = Extent(((256, 256), (512, 512), (768, 768)), models=("exported",), steps=1, further=False)
"""What there is time for right after a training."""


def held_out(place: Workplace, width: int, height: int, limit: int | None = None) -> Tensor:
    """Return the held-out pictures, or the first few, scaled to cover the size and cut to it."""
    found: list[Tensor] = []
    for path in sorted((place.pictures / "evaluation").glob("*.jpg"))[:limit]:
        with Image.open(path) as file:
            picture = file.convert("RGB")
        scale = max(width / picture.width, height / picture.height)
        across, down = max(width, round(picture.width * scale)), max(height, round(picture.height * scale))
        picture = picture.resize((across, down), Image.Resampling.LANCZOS)
        left, top = (across - width) // 2, (down - height) // 2
        numbers = np.array(picture.crop((left, top, left + width, top + height)), np.float32) / 255
        found.append(torch.from_numpy(numbers).permute(2, 0, 1))
    return torch.stack(found).to(place.device)


def prompt_for(name: str) -> str:
    """Return the plainest wording of an operation."""
    if name == NAMES[0]:
        return "leave it as it is"
    return wordings.words()[name].phrases[0].replace("{it}", "it")


@torch.no_grad()
def measure(model: Model, pictures: Tensor, names: tuple[str, ...], steps: int = _STEPS) -> dict[str, float]:
    """Return the mean PSNR in dB for each operation, and as `vae` that of reconstruction alone.

    Besides, as `SHIFT`, how far the result of any operation is moved against the exact one, and as `TINT` the
    largest difference of a picture's mean colour where nothing is asked for.
    """
    height, width = pictures.shape[-2:]
    share = max(1, (8 * 512 * 512) // (width * height))
    parts = [(part, model.coder.encode(part)) for part in pictures.split(share)]

    def mean(make: Callable[[Tensor, Tensor], Tensor]) -> float:
        return round(float(torch.cat([make(part, reference) for part, reference in parts]).mean()), 2)

    def rebuilt(part: Tensor, reference: Tensor) -> Tensor:
        return psnr_db(model.coder.decode(unpack(reference, height // 8, width // 8)), part)

    found = {"vae": mean(rebuilt)}
    shifts: list[float] = []
    for name in names:
        levels: list[Tensor] = []
        for part, reference in parts:
            wanted = Instruction((Step(name),)).apply(part)
            edited = model.edit(part, reference, prompt_for(name), steps)
            levels.append(psnr_db(edited, wanted))
            shifts.append(float(shift_px(edited, wanted).abs().max()))
            if name == NAMES[0]:
                found[TINT] = round(max(found.get(TINT, 0.0), float(tint_255(edited, wanted).max())), 2)
        found[name] = round(float(torch.cat(levels).mean()), 2)
    return found | {SHIFT: max(shifts)}


def _graded(model: Model, pictures: Tensor) -> dict[str, float]:
    """Return the PSNR of strengths, and of a few pairs."""
    reference = model.coder.encode(pictures)
    found: dict[str, float] = {}
    asked: list[tuple[str, Instruction]] = []
    for name, operation in OPERATIONS.items():
        if operation.graded:
            asked.append((f"slightly {prompt_for(name)}", Instruction((Step(name, Strength.SLIGHT),))))
            asked.append((f"strongly {prompt_for(name)}", Instruction((Step(name, Strength.STRONG),))))
    for first, second in (
        ("black-and-white", "vignette"),
        ("mirror", "sepia"),
        ("warmer", "white-border"),
        ("blur", "night"),
    ):
        prompt = f"{prompt_for(first)} and {prompt_for(second)}"
        asked.append((prompt, Instruction((Step(first), Step(second)))))
    for prompt, instruction in asked:
        found[prompt] = round(
            float(psnr_db(model.edit(pictures, reference, prompt), instruction.apply(pictures)).mean()), 2
        )
    return found


@torch.no_grad()
def measure_ramps(model: Model, names: tuple[str, ...], device: str, steps: int) -> dict[str, float]:
    """Return how banded smooth ramps become by each operation that keeps them smooth, as `step_255` says."""
    ends = torch.tensor(_RAMPS, device=device)[..., None, None]
    share = torch.linspace(0, 1, _RAMP_PX, device=device).expand(1, _RAMP_PX, _RAMP_PX)
    pictures = torch.stack([first + (last - first) * share for first, last in ends])
    reference = model.coder.encode(pictures)
    found: dict[str, float] = {}
    for name in names:
        if name not in _WITH_EDGES:
            edited = model.edit(pictures, reference, prompt_for(name), steps)
            steps_255 = step_255(edited, Instruction((Step(name),)).apply(pictures))
            found[name] = round(float(steps_255.max()), 2)
    return found


def report(place: Workplace, output: Path, extent: Extent) -> None:
    """Measure what training left, before and after quantisation, and what lies in `output`, where it does.

    Whatever is done is in `evaluation.json` and `evaluation.md` at once, beside what was measured earlier.
    """
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    models: dict[str, Callable[[], Model]] = {}
    if place.settled("transformer").is_file():
        models["trained"] = lambda: from_training(place, quantised=False)
        models["quantised"] = lambda: from_training(place, quantised=True)
    if (output / "transformer" / "starter.gguf").is_file():
        models["exported"] = lambda: from_folder(output, place)
    results: dict[str, dict[str, dict[str, float]]] = {}
    if _results(place).is_file():
        results = json.loads(_results(place).read_text("utf-8"))
    for label in extent.models:
        if label not in models:
            continue
        model = models[label]()
        found = results.setdefault(label, {})
        for width, height in extent.sizes:
            pictures = held_out(place, width, height, extent.pictures)
            size = f"{width}×{height}" + ("" if extent.steps == _STEPS else f", {extent.steps} steps")
            found[size] = measure(model, pictures, extent.names, extent.steps)
            tell(f"{label} {size}: {json.dumps(found[size])}")
            _write(place, results)
        if extent.further:
            _further(model, found, place, extent, exported=label == "exported")
            _write(place, results)
        first = held_out(place, *extent.sizes[0], 1)
        reference = model.coder.encode(first)
        sheet = place.folder / f"contact-sheet-{label}.jpg"
        contact_sheet(sheet, first, partial(_edited, model, first, reference, extent.steps), extent.names)


def _further(
    model: Model, found: dict[str, dict[str, float]], place: Workplace, extent: Extent, *, exported: bool
) -> None:
    found["ramps"] = measure_ramps(model, extent.names, place.device, extent.steps)
    if place.device == "cuda":
        pictures = held_out(place, 512, 512, extent.pictures)
        for steps in (1, 2):
            found[f"512×512, {steps} steps"] = measure(model, pictures, extent.names, steps)
        found["graded"] = _graded(model, pictures)
    else:
        squares = tuple(width for width, height in extent.sizes if width == height)
        found["seconds"] = found.get("seconds", {}) | seconds.loaded(model, squares)
        found["seconds"] |= seconds.whole_process() if squares and exported else {}


def _edited(model: Model, pictures: Tensor, reference: Tensor, steps: int, name: str) -> Tensor:
    return model.edit(pictures, reference, prompt_for(name), steps)


def _results(place: Workplace) -> Path:
    return place.folder / "evaluation.json"


def _write(place: Workplace, results: dict[str, dict[str, dict[str, float]]]) -> None:
    _results(place).write_text(json.dumps(results, indent=1, ensure_ascii=False), "utf-8")
    (place.folder / "evaluation.md").write_text(page(results), "utf-8")
