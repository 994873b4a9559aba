"""Pictures with something to be seen in them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def make_photo(path: Path, size: tuple[int, int], mode: str = "RGB") -> Path:
    """Put a picture on disk in which every corner is different; as RGBA it fades out from its middle."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    around = Image.radial_gradient("L").resize(size)
    image = Image.merge("RGB", (across, down, around))
    if mode == "RGBA":
        image.putalpha(around)
    image.save(path)
    return path
