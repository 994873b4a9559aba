"""The frozen vision tower: random weights, and the features that it gives of the training pictures.

The transformer is to hear the instruction and to see the picture in its latents; the tower is there because
the architecture has one.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from training.text_model import WIDTH, config

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from training.tokens import Tokens

_RATIOS = ((1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16), (2, 1), (1, 2), (3, 1), (1, 3))
_CONDITION_PX = 384
MAX_PIXELS = 55 * 55
"""56 × 56 rounds badly."""


def image_processor() -> Any:
    """Return the image processor: pictures to one, two or three cells."""
    from transformers.models.qwen2_vl import image_processing_pil_qwen2_vl as pil

    return pil.Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=MAX_PIXELS)


def text_encoder(tokens: Tokens) -> Any:
    """Return transformers' text encoder with random weights, the same at every call."""
    from transformers import Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(0)
    model: Any = Qwen2_5_VLForConditionalGeneration(config(tokens))
    with torch.no_grad():
        # As loud as the words are at the start.
        model.model.visual.merger.mlp[2].weight.mul_(0.5)
    return model.eval()


@torch.no_grad()
def save_features(path: Path, tokens: Tokens, pictures: list[Path], count: int = 200) -> None:
    """Write the tower's weights, and features of crops of the pictures by their grid of cells."""
    tower, processor, rng = text_encoder(tokens).model.visual, image_processor(), random.Random(0)
    found: dict[str, list[Tensor]] = {}
    for _ in range(count):
        with Image.open(rng.choice(pictures)) as file:
            across, down = rng.choice(_RATIOS)
            side = _CONDITION_PX // max(across, down)
            picture = file.convert("RGB").resize((across * side, down * side))
        image = processor(images=[picture], return_tensors="pt")
        features = tower(image["pixel_values"], grid_thw=image["image_grid_thw"])
        features = getattr(features, "pooler_output", features).reshape(-1, WIDTH)
        _, height, width = image["image_grid_thw"][0].tolist()
        found.setdefault(f"features.{height // 2}x{width // 2}", []).append(features)
    weights = {f"tower.{name}": value.contiguous() for name, value in tower.state_dict().items()}
    save_file({name: torch.stack(values) for name, values in found.items()} | weights, path)


def load_features(path: Path) -> dict[tuple[int, int], Tensor]:
    """Return the features `(count, cells, WIDTH)` for each grid."""
    return {
        (int(down), int(across)): value
        for name, value in load_file(path).items()
        if name.startswith("features.")
        for down, across in [name.removeprefix("features.").split("x")]
    }


def load_tower(path: Path) -> dict[str, Tensor]:
    """Return the tower's weights."""
    return {
        name.removeprefix("tower."): value
        for name, value in load_file(path).items()
        if name.startswith("tower.")
    }
