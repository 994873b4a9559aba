"""Pictures and files that the tests of this folder share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pillow_heif import register_heif_opener

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _ramp(width: int, height: int) -> Image.Image:
    """Smooth, so that lossy formats keep it well, and different in each corner."""
    across = np.linspace(20, 235, width)[None, :].repeat(height, 0)
    down = np.linspace(20, 235, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([across, down, 255 - (across + down) / 2], -1).round().astype(np.uint8))


def _difference(one: Image.Image, other: Image.Image) -> float:
    assert (one.mode, one.size) == (other.mode, other.size)
    return float(np.abs(np.asarray(one).astype(float) - np.asarray(other)).mean())


@pytest.fixture(scope="session", autouse=True)
def heif_can_be_written() -> None:
    register_heif_opener()


@pytest.fixture
def ramp() -> Callable[[int, int], Image.Image]:
    """A picture that tells left from right and top from bottom."""
    return _ramp


@pytest.fixture
def difference() -> Callable[[Image.Image, Image.Image], float]:
    """The mean absolute difference of two pictures, in levels."""
    return _difference


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a picture into a file of this format with Pillow's options."""

    def write(image: Image.Image, format: str, name: str = "", **options: object) -> Path:  # noqa: A002
        path = tmp_path / (name or f"picture.{format.lower()}")
        image.save(path, format, **options)
        return path

    return write
