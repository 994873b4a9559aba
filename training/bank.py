"""All training pictures on the device, at several scales, and batches of random crops of them."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from training import procedural

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

_SCALES = (1.0, 0.75, 0.55, 0.4, 0.28)
_ENLARGED = 2.0
"""Small photographs are there at this scale too, for large crops."""
_SMALL_PX = 1100
_DRAWN_SCALES = (1.0, 0.6, 2.6)
_LEAST_PX = 64
_DARK = 0.1
"""So many of the crops that are changed are made dark, as a photograph of the night is."""


def _load(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as file:
        return np.array(file.convert("RGB"))


def draw_all(draw: Callable[[int, int], NDArray[np.uint8]], count: int, side: int) -> NDArray[np.uint8]:
    """Return pictures `(count, side, side, 3)` that a function draws of seeds from 0 on, on all cores."""
    with ProcessPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        return np.stack(list(pool.map(draw, range(count), [side] * count, chunksize=4)))


def _drawn(cache: Path, count: int, side: int) -> NDArray[np.uint8]:
    """Return the procedural pictures, kept in a file."""
    if not cache.is_file() or len(np.load(cache, mmap_mode="r")) != count:
        np.save(cache, draw_all(procedural.draw, count, side))
    return np.load(cache)


class PictureBank:
    """Pictures end to end in one tensor, and where each scale of each of them lies."""

    def __init__(self, folder: Path, cache: Path, device: str, drawn: int, drawn_px: int = 512) -> None:
        self._device = device
        photos = [_load(path) for path in sorted(folder.glob("*.jpg"))]
        made = list(_drawn(cache, drawn, drawn_px))
        pieces: list[Tensor] = []
        places: list[tuple[int, int, int]] = []
        weights: list[float] = []
        offset = 0
        for index, picture in enumerate(photos + made):
            whole = torch.from_numpy(picture).to(device).permute(2, 0, 1)[None].float()
            scales = _DRAWN_SCALES
            weight = 0.35 * max(1, len(photos)) / max(1, len(made)) / len(_DRAWN_SCALES)
            if index < len(photos):
                scales = (*_SCALES, _ENLARGED) if max(picture.shape) <= _SMALL_PX else _SCALES
                weight = 1 / len(_SCALES) * (2.0 if max(picture.shape) > _SMALL_PX else 1.0)
            for scale in scales:
                height, width = round(picture.shape[0] * scale), round(picture.shape[1] * scale)
                if min(height, width) < _LEAST_PX:
                    continue
                scaled = whole
                if scale != 1:
                    scaled = functional.interpolate(whole, (height, width), mode="bicubic", antialias=True)
                pixels = scaled[0].clamp(0, 255).round()
                detail = (pixels[:, 1:] - pixels[:, :-1]).abs().mean() + (
                    pixels[..., 1:] - pixels[..., :-1]
                ).abs().mean()
                pieces.append(pixels.to(torch.uint8).permute(1, 2, 0).reshape(-1, 3))
                places.append((offset, height, width))
                enlarged = 0.25 if scale > 1 else 1.0
                weights.append(weight * enlarged * min(1.5, 0.25 + float(detail) / 24))
                offset += height * width
        self._pixels = torch.cat(pieces)
        self._places = torch.tensor(places, device=device)
        self._weights = torch.tensor(weights, device=device)
        self._summed: dict[tuple[int, int], Tensor] = {}
        self.summary = (
            f"{len(photos)} photographs, {len(made)} drawn, {len(places)} scales, {offset / 1e6:.0f} MP"
        )

    def crops(self, count: int, height: int, width: int) -> Tensor:
        """Return random crops `(count, 3, height, width)`, floats from 0 to 1, mostly changed in colour."""
        size = (height, width)
        if size not in self._summed:
            fits = (self._places[:, 1] >= height) & (self._places[:, 2] >= width)
            self._summed[size] = (fits.double() * self._weights).cumsum(0)
        device = self._device
        which = drawn(self._summed[size], count)
        offset, tall, wide = self._places[which].unbind(-1)
        top = (torch.rand(count, device=device) * (tall - height + 1)).long()
        left = (torch.rand(count, device=device) * (wide - width + 1)).long()
        rows = top[:, None] + torch.arange(height, device=device)
        columns = torch.arange(width, device=device).expand(count, -1)
        mirrored = torch.rand(count, 1, device=device) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns) + left[:, None]
        index = offset[:, None, None] + rows[:, :, None] * wide[:, None, None] + columns[:, None, :]
        crops = (
            self._pixels[index.reshape(-1)].view(count, height, width, 3).permute(0, 3, 1, 2).float() / 255
        )
        return _recolour(crops)


def drawn(summed: Tensor, count: int) -> Tensor:
    """Return places drawn by their weights, given the running sum of these.

    As torch.multinomial does, but never asking the device, which would halt it.
    """
    at = torch.rand(count, device=summed.device, dtype=summed.dtype) * summed[-1]
    return torch.searchsorted(summed, at, right=True).clamp_max(len(summed) - 1)


def _recolour(x: Tensor) -> Tensor:
    """Change gamma, saturation, contrast, light and the order of the channels of most pictures."""
    count = x.shape[0]

    def draw(*shape: int) -> Tensor:
        return torch.rand(count, *(shape or (1,)), 1, 1, device=x.device)

    gamma = torch.exp((draw(3) - 0.5) * 0.5 + (draw() - 0.5) * 0.9 * (draw() < 0.7))
    y = x.clamp(1e-4, 1) ** gamma
    grey = 0.299 * y[:, :1] + 0.587 * y[:, 1:2] + 0.114 * y[:, 2:3]
    saturation = torch.where(draw() < 0.1, torch.zeros_like(grey[..., :1, :1]), 0.3 + draw() * 2.3)
    y = grey + (y - grey) * saturation
    middle = y.mean((1, 2, 3), keepdim=True)
    y = middle + (y - middle) * (0.5 + draw() * 0.9) + (draw() - 0.5) * 0.15
    y = y * torch.where(draw() < _DARK, 0.1 + draw() * 0.6, torch.ones_like(middle))
    y = torch.where(draw() < 0.55, y, x)
    order = torch.randperm(3, device=x.device)
    return torch.where(draw() < 0.12, y[:, order], y).clamp(0, 1)
