"""`python -m training STAGE`: prepares, trains, exports and measures the starter model.

Each stage goes on from what is there already; `all` runs them in their order, each in a process of its own.
What was paused, by `--pause-at`, exits with 3.
"""

from __future__ import annotations

import argparse
import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from training.runs import Budget, tell
from training.workplace import REAL, TOY, Workplace

_SECONDS = {"text": 60.0, "vae": 385.0, "transformer": 1050.0, "settle": math.inf}
_PAUSED = 3
_STAGES = ("prepare", "text", "vae", "transformer", "settle", "export", "evaluate")


def main() -> None:
    """Read the command line and run a stage, or all."""
    reading = argparse.ArgumentParser(prog="training", description=__doc__)
    reading.add_argument("stage", choices=(*_STAGES, "all"))
    reading.add_argument(
        "--folder", type=Path, default=Path("build/training"), help="where everything is kept"
    )
    reading.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    reading.add_argument("--seconds", type=float, help="how long the stage trains in all")
    reading.add_argument("--steps", type=int, default=10**9, help="how many steps it takes at most")
    reading.add_argument(
        "--pause-at", type=float, default=math.inf, help="stop after so many seconds, to go on later"
    )
    reading.add_argument(
        "--seed", type=int, default=1, help="another one, in a folder of its own, makes other weights"
    )
    reading.add_argument("--toy", action="store_true", help="a size that only shows that it works")
    reading.add_argument("--no-compile", action="store_true", help="without torch.compile")
    reading.add_argument(
        "--output", type=Path, default=Path("build/training/starter"), help="the exported checkpoint"
    )
    reading.add_argument("--sizes", nargs="*", metavar="WxH", help="evaluate: at these sizes alone")
    reading.add_argument("--pictures", type=int, help="evaluate: on the first so many held-out pictures")
    reading.add_argument("--edit-steps", type=int, help="evaluate: so many steps for each edit")
    reading.add_argument("--names", nargs="*", help="evaluate: these operations alone")
    reading.add_argument(
        "--models", nargs="*", help="evaluate: trained, quantised, exported or several of them"
    )
    reading.add_argument(
        "--brief", action="store_true", help="evaluate: what is exported alone, at three sizes, in one step"
    )
    said = reading.parse_args()
    if said.stage == "all":
        _run_all(said)
        return
    compiled = said.device == "cuda" and not said.no_compile
    place = Workplace(said.folder, said.device, TOY if said.toy else REAL, compiled, said.seed)
    budget = Budget(said.seconds or _SECONDS.get(said.stage, 0), said.steps, said.pause_at)
    if not _run(said, place, budget):
        raise SystemExit(_PAUSED)


def _run_all(said: argparse.Namespace) -> None:
    """Run every stage with what else was said, up to one that fails or is paused.

    In processes of their own: torch's settings, what it has compiled and memory are not left to the next.
    """
    # A process that is told to end takes the stage's along.
    signal.signal(signal.SIGTERM, _end)
    said.brief, began = True, time.monotonic()
    for stage in _STAGES:
        command = [sys.executable, "-m", "training", stage, *_options(said)]
        code = subprocess.run(command, check=False).returncode
        if code:
            raise SystemExit(code)
        tell(f"all: {stage} done after {time.monotonic() - began:.0f} s")


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _options(said: argparse.Namespace) -> list[str]:
    """Return what was said besides the stage, as it is said."""
    found: list[str] = []
    for name, value in vars(said).items():
        if name == "stage" or value is None or value is False:
            continue
        found.append(f"--{name.replace('_', '-')}")
        if value is not True:
            found += map(str, value if isinstance(value, list) else [value])
    return found


def _run(said: argparse.Namespace, place: Workplace, budget: Budget) -> bool:
    """Run one stage. Return whether it is done, not paused."""
    # What a stage needs is imported with it: training runs where transformers and diffusers are missing.
    match said.stage:
        case "prepare":
            from training import prepare

            prepare.prepare(place)
        case "text":
            from training import train_text

            return train_text.train(place, budget)
        case "vae":
            from training import train_vae

            return train_vae.train(place, budget)
        case "transformer":
            from training import train_transformer

            return train_transformer.train(place, budget)
        case "settle":
            from training import settle

            return settle.train(place, budget)
        case "export":
            from training import export

            export.export(place, said.output)
        case _:
            from training import evaluate

            every = evaluate.BRIEF if said.brief else evaluate.Extent()
            sizes = tuple((int(w), int(h)) for w, h in (size.split("x") for size in said.sizes or ()))
            extent = replace(
                every,
                sizes=sizes or every.sizes,
                pictures=said.pictures,
                names=tuple(said.names or every.names),
                models=tuple(said.models or every.models),
                steps=said.edit_steps or every.steps,
            )
            evaluate.report(place, said.output, extent)
    return True


if __name__ == "__main__":
    main()
