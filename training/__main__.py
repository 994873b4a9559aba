"""`python -m training STAGE`: prepares, trains, exports and measures the starter model.

Each stage goes on from what is there already; `all` runs them in their order, each in a process of its own.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from training.runs import Budget, tell
from training.workplace import REAL, TOY, Workplace

_SECONDS = {"text": 60.0, "vae": 385.0, "transformer": 1050.0, "settle": math.inf}
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
        "--brief", action="store_true", help="evaluate: what there is time for right after a training"
    )
    said = reading.parse_args()
    if said.stage == "all":
        _run_all(sys.argv[1:])
        return
    compiled = said.device == "cuda" and not said.no_compile
    place = Workplace(said.folder, said.device, TOY if said.toy else REAL, compiled, said.seed)
    _run(said, place, Budget(said.seconds or _SECONDS.get(said.stage, 0), said.steps, said.pause_at))


def _run_all(arguments: list[str]) -> None:
    """Run every stage with what else was said.

    In processes of their own: torch's settings, what it has compiled and memory are not left to the next.
    """
    at, began = arguments.index("all"), time.monotonic()
    for stage in _STAGES:
        command = [*arguments[:at], stage, *arguments[at + 1 :], "--brief"]
        code = subprocess.run([sys.executable, "-m", "training", *command], check=False).returncode
        if code:
            raise SystemExit(code)
        tell(f"all: {stage} done after {time.monotonic() - began:.0f} s")


def _run(said: argparse.Namespace, place: Workplace, budget: Budget) -> None:
    # What a stage needs is imported with it: training runs where transformers and diffusers are missing.
    match said.stage:
        case "prepare":
            from training import prepare

            prepare.prepare(place)
        case "text":
            from training import train_text

            train_text.train(place, budget)
        case "vae":
            from training import train_vae

            train_vae.train(place, budget)
        case "transformer":
            from training import train_transformer

            train_transformer.train(place, budget)
        case "settle":
            from training import settle

            settle.train(place, budget)
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


if __name__ == "__main__":
    main()
