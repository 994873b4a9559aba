"""Whole edits with random weights of the real size, and each stage's peak beside what the plan said.

`python -m tests.support.full_size --quant Q4_K_M --text-encoder compact --limit-gb 16`, on a machine with a
CUDA device, some 50 GB of disk and 32 GB of memory. Needs nothing of pytest. Tensors of one shape have the
same weights: for memory it does not matter.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.events import Phase, PhaseName, Step
from qie_desktop.core.memory_plan import StageName
from qie_desktop.core.request import build_request
from qie_desktop.engines.base import EngineTask
from qie_desktop.engines.local.checkpoint import CheckpointLocator
from qie_desktop.engines.local.engine import LocalEngine, LocalOptions
from qie_desktop.engines.local.text_encoder_files import TextEncoderWish
from tests.support.random_blocks import random_rows
from tests.support.tiny_checkpoint import (
    tensor_bytes,
    tensor_type,
    write_configs,
    write_tensors,
)
from tests.support.tiny_models import (
    TRANSFORMER_CONFIG,
    text_encoder_config,
    transformer_shapes,
    weight_std,
)
from tests.support.tiny_text_encoder import REAL_TEXT, REAL_VISION, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Qwen2_5_VLConfig

    from qie_desktop.engines.local.planning import PlannedEdit

MODEL = find_model("qwen-image-edit-2509-gguf")
GB = 1_000_000_000
TRANSFORMER = dict(TRANSFORMER_CONFIG) | {
    "attention_head_dim": 128,
    "axes_dims_rope": [16, 56, 56],
    "joint_attention_dim": 3584,
    "num_attention_heads": 24,
    "num_layers": 60,
}


def build(folder: Path) -> "Qwen2_5_VLConfig":
    """Write all but the weights of transformer and text encoder; returns the latter's config."""
    import torch
    from diffusers import AutoencoderKLQwenImage

    config = text_encoder_config(write_configs(folder, TRANSFORMER), REAL_TEXT, REAL_VISION)
    config.save_pretrained(folder / "text_encoder")
    AutoencoderKLQwenImage().to(torch.bfloat16).save_pretrained(folder / "vae")
    return config


def write_transformer(target: Path, quantisation: str) -> Path:
    """Write the transformer in a quantisation of the tiny checkpoint's. Returns `target`."""
    shapes = transformer_shapes(TRANSFORMER)
    types = {name: tensor_type(name, shape, quantisation) for name, shape in shapes.items()}
    drawn: dict[Any, np.ndarray] = {}

    def tensors() -> "Iterator[np.ndarray]":
        for name, shape in shapes.items():
            key = types[name], shape
            if key not in drawn and types[name].name in {"F32", "F16", "BF16"}:
                drawn[key] = tensor_bytes(name, shape, types[name], 0)
            elif key not in drawn:
                rows = (shape[0], shape[1])
                drawn[key] = random_rows(
                    types[name], rows, weight_std(name, shape), np.random.default_rng(len(drawn))
                )
            yield drawn[key]

    write_tensors(target, {name: (shapes[name], types[name]) for name in shapes}, tensors())
    return target


def write_full_text_encoder(folder: Path, config: "Qwen2_5_VLConfig") -> None:
    """Write the text encoder in bfloat16, with its language head, in several files."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16)
    model = model.to_empty(device="cuda")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(1.0 if "norm" in name else 0.0, weight_std(name, tuple(parameter.shape)))
    model.save_pretrained(folder / "text_encoder")
    del model
    torch.cuda.empty_cache()


def write_compact_text_encoder(folder: Path, config: "Qwen2_5_VLConfig") -> tuple[Path, Path]:
    """Write the text encoder as two GGUF files: Q4_K_M, and its vision tower in F16."""
    import torch
    from transformers import Qwen2_5_VLModel

    with torch.device("meta"):
        shapes = {name: tuple(each.shape) for name, each in Qwen2_5_VLModel(config).state_dict().items()}
    drawn: dict[tuple[int, ...], torch.Tensor] = {}
    weights = {
        name: drawn.setdefault(shape, torch.randn(shape) * weight_std(name, shape))
        if name.startswith("visual.") or len(shape) == 1
        else torch.zeros(1).expand(shape)
        for name, shape in shapes.items()
    }
    files = folder / "language-Q4_K_M.gguf", folder / "mmproj-F16.gguf"
    return write_files(*files, config, weights, "Q4_K_M")


class WatchedEngine(LocalEngine):
    """A local engine that keeps its last plan."""

    planned: "PlannedEdit"

    def _planned(self, *given: Any) -> "PlannedEdit":
        self.planned = super()._planned(*given)
        return self.planned


class Stages:
    """The peak of each stage of a job, from its events, which come on the inference thread."""

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}
        self.steps: list[float] = []
        self._stage = StageName.READING

    def begin(self) -> None:
        """Forget what was taken before a job."""
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        self._stage = StageName.READING

    def see(self, event: object) -> None:
        """Take an event."""
        if isinstance(event, Step):
            self.steps.append(time.monotonic())
        if isinstance(event, Phase):
            self.end()
            match event.name, event.detail:
                case (PhaseName.LOADING, "VAE") | (PhaseName.ENCODING, "pictures"):
                    self._stage = StageName.ENCODING
                case (PhaseName.LOADING, "transformer") | (PhaseName.DENOISING, _):
                    self._stage = StageName.DENOISING
                case PhaseName.DECODING, _:
                    self._stage = StageName.DECODING
                case _:
                    pass

    def end(self) -> None:
        """Count what was taken since the last event for the stage."""
        import torch

        peak = torch.cuda.max_memory_allocated()
        self.peaks[self._stage] = max(peak, self.peaks.get(self._stage, 0))
        torch.cuda.reset_peak_memory_stats()


async def edits(folder: Path, locator: CheckpointLocator, arguments: argparse.Namespace) -> dict[str, object]:
    """Make two edits on one engine, the second with another prompt; returns what they took."""
    limit = int(arguments.limit_gb * GB) if arguments.limit_gb else None
    options = LocalOptions("cuda", memory_policy=arguments.policy, memory_limit_bytes=limit)
    engine = WatchedEngine(locator, options)
    picture = folder / "input.png"
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8))
    small.resize((arguments.size, arguments.size), Image.Resampling.BICUBIC).save(picture)
    seen = Stages()
    try:
        for prompt in ("warmer", "colder, with a hat"):
            values = {"quality": "full", "steps": 3, "seed": 1}
            saved: list[object] = []
            task = EngineTask(
                "job",
                MODEL,
                build_request(MODEL.id, prompt, [picture], values),
                seen.see,
                lambda result, saved=saved: saved.append(result) or picture,
                lambda _: None,
                lambda *_: None,
                {},
                folder,
            )
            seen.begin()
            await engine.run(task, CancelToken())
            seen.end()
            assert saved, "it has made a picture"
    finally:
        await engine.close()
    plan = engine.planned.plan
    stages = {
        stage.name.value: {
            "planned_gb": round(stage.peak_bytes / GB, 2),
            "measured_gb": round(seen.peaks.get(stage.name, 0) / GB, 2),
        }
        for stage in plan.stages
    }
    return {
        "staged": plan.staged,
        "tiled": plan.tile_bytes is not None,
        "area_px": plan.area_px,
        "stages": stages,
        "step_s": round(seen.steps[-1] - seen.steps[-2], 3),
    }


def main() -> int:
    """Build what the arguments say, make the edits, and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quant", default="Q4_K_M")
    parser.add_argument("--text-encoder", default="compact", choices=("compact", "full"))
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--policy", default="auto")
    parser.add_argument("--limit-gb", type=float, action="append", help="all that may be used; several times")
    arguments = parser.parse_args()
    limits = arguments.limit_gb or [None]
    with TemporaryDirectory(prefix="qie-") as name:
        folder = Path(name)
        began = time.monotonic()
        config = build(folder)
        transformer = write_transformer(folder / "transformer" / f"{arguments.quant}.gguf", arguments.quant)
        wish = TextEncoderWish("full")
        if arguments.text_encoder == "full":
            write_full_text_encoder(folder, config)
        else:
            wish = TextEncoderWish("compact", *write_compact_text_encoder(folder, config))
        sys.stderr.write(f"written in {time.monotonic() - began:.0f} s\n")
        locator = CheckpointLocator(folder, folder, folder, transformer, wish)
        for limit in limits:
            arguments.limit_gb = limit
            began = time.monotonic()
            found = asyncio.run(edits(folder, locator, arguments))
            told = {"quant": arguments.quant, "text_encoder": arguments.text_encoder, "limit_gb": limit}
            seconds = {"seconds": round(time.monotonic() - began, 1)}
            sys.stdout.write(json.dumps(told | found | seconds) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
