"""How long an edit takes on two cores: with everything loaded, and as a whole process of the app."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from training.exported import Model

_CORES = 2
_TIMES = 3
_SIDES_PX = (512, 1024)
_SAMPLE = Path(__file__).parents[1] / "resources" / "sample.jpg"


def loaded(model: Model, sides_px: tuple[int, ...] = _SIDES_PX) -> dict[str, float]:
    """Return the median seconds of an edit of a square picture in four steps: encoding, steps, decoding."""
    before = torch.get_num_threads()
    torch.set_num_threads(_CORES)
    found: dict[str, float] = {}
    for side in sides_px:
        picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        took: list[float] = []
        for _ in range(_TIMES):
            started = time.perf_counter()
            model.edit(picture, model.coder.encode(picture), "make it black and white")
            took.append(time.perf_counter() - started)
        found[f"{side}×{side}, loaded"] = round(median(took), 2)
    torch.set_num_threads(before)
    return found


def whole_process(program: str = "qie") -> dict[str, float]:
    """Return the median seconds of `qie edit` of the sample with the app's starter, where there is `qie`."""
    found = shutil.which(program)
    if found is None:
        return {}
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for index in range(_TIMES):
            output = str(Path(folder) / f"{index}.png")
            started = time.perf_counter()
            subprocess.run(
                [found, "edit", str(_SAMPLE), "sepia", "--model", "starter", "-o", output],
                check=True, capture_output=True,
            )  # fmt: skip
            took.append(time.perf_counter() - started)
    return {"the app, whole process": round(median(took), 2)}
