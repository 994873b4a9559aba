"""What the models make of their inputs: plain enough to be known again in a test, of the real sizes."""

from __future__ import annotations

import hashlib
import io
import math
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from tests.support.replicate import schemas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.replicate.wire import Json

GRID_PX = 16
AREA_PX = 1024 * 1024
_QWEN_QUALITY = (1328 / 1024) ** 2
_SEEDREAM_AREAS = {"1K": 1, "2K": 4, "4K": 16}
_MOST_SEEDREAM_PICTURES = 15
_EXTENSIONS = {"webp": "WEBP", "jpg": "JPEG", "png": "PNG"}


class BadInput(Exception):
    """What a model says when it fails over its input."""


def decode(content: bytes) -> Image.Image:
    """Read a picture that was sent, as it lies. Raises BadInput in the words of the models."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.copy()
    except UnidentifiedImageError as error:
        raise BadInput(str(error)) from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"image file is truncated or broken: {error}") from error


def output_count(model: str, values: Json, inputs: int) -> int:
    """Return how many pictures come out. Raises BadInput where it would be too many."""
    if model != schemas.SEEDREAM or values.get("sequential_image_generation", "disabled") == "disabled":
        return 1
    count: int = values.get("max_images", 1)
    if inputs + count > _MOST_SEEDREAM_PICTURES:
        raise BadInput(f"Input images ({inputs}) + max_images ({count}) cannot exceed 15.")
    return count


def output_size(
    model: str, values: Json, pictures: Sequence[Image.Image], area_px: int = AREA_PX
) -> tuple[int, int]:
    """Return the size of what comes out, to whole cells of 16 px but for Seedream's custom size.

    It has the ratio asked for, or about that of the first input. `area_px` is what the models mean by a
    megapixel.
    """

    def value(name: str) -> Any:
        return values.get(name, schemas.default(model, name))

    if value("size") == "custom":
        return value("width"), value("height")
    ratio = value("aspect_ratio") or schemas.MATCH_INPUT
    if ratio == schemas.MATCH_INPUT:
        width, height = pictures[0].size if pictures else (1, 1)
    else:
        width, height = map(int, ratio.split(":"))
    area = float(area_px)
    if model == schemas.SEEDREAM:
        area *= _SEEDREAM_AREAS[value("size")]
    if model == schemas.QWEN_IMAGE and value("image_size") == "optimize_for_quality":
        area *= _QWEN_QUALITY
    scale = math.sqrt(area / (width * height))
    return _whole_cells(width * scale), _whole_cells(height * scale)


def output_format(model: str, values: Json) -> str:
    """Return webp, jpg or png; Seedream takes no wish and sends JPEG."""
    return values.get("output_format") or schemas.default(model, "output_format") or "jpg"


def edited(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return what an edit makes of its first picture: the negative of it, at `size`."""
    return ImageOps.invert(picture.convert("RGB").resize(size, Image.Resampling.BICUBIC))


def render(
    values: Json, pictures: Sequence[Image.Image], size: tuple[int, int], index: int = 0
) -> Image.Image:
    """Return one of the outputs: an edit where there are pictures, else a gradient.

    The colours of a gradient come from the prompt, the seed and the index. Of several edits the first is
    `edited`, the others are it in other colours.
    """
    if pictures:
        picture = edited(pictures[0], size)
        return picture if index == 0 else ImageChops.multiply(picture, Image.new("RGB", size, _colour(index)))
    told = f"{values['prompt']}/{values.get('seed')}/{index}"
    gradient = Image.linear_gradient("L").resize(size)
    return ImageOps.colorize(gradient, _colour(told), _colour(told + "/light"))


def encode(picture: Image.Image, extension: str, quality: int = 95) -> bytes:
    """Return a picture as webp, jpg or png."""
    file = io.BytesIO()
    # Compression of a PNG is slow and shows nothing.
    options = {"compress_level": 1} if extension == "png" else {"quality": quality}
    picture.save(file, _EXTENSIONS[extension], **options)
    return file.getvalue()


def _whole_cells(side: float) -> int:
    return max(1, round(side / GRID_PX)) * GRID_PX


def _colour(told: object) -> tuple[int, int, int]:
    red, green, blue = hashlib.sha256(str(told).encode()).digest()[:3]
    return red, green, blue
