"""Pictures out of a model's range: copies of them, scaled to fit, on a person's word."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from qie_desktop.core.request import size_in_range
from qie_desktop.imaging.embedding import encode
from qie_desktop.imaging.fitting import scaled_to, with_alpha
from qie_desktop.imaging.opening import open_picture, probe
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qie_desktop.core.geometry import Size
    from qie_desktop.core.model import ModelSpec


def scaled_copies(spec: ModelSpec, paths: Sequence[Path], folder: Path) -> list[Path]:
    """Return pictures that the model takes: each path itself, or a copy in `folder` scaled into the range.

    A copy is a PNG, upright and in sRGB, scaled by the least that fits with its ratio kept, and named after
    its original and its size (`photo-384x576.png`); nothing that is in `folder` is overwritten. Every size is
    looked at before the first copy is made. Decodes whole pictures: call it off the GUI thread.

    Raises ImageSizeOutOfRange for a picture that no scale brings into the range, InputImageError naming a
    file that is no picture, StorageError or DiskFull.
    """
    sizes = {path: _wanted_size(spec, path) for path in paths}
    copies = {path: path if size is None else _copied(path, size, folder) for path, size in sizes.items()}
    return [copies[path] for path in paths]


def _wanted_size(spec: ModelSpec, path: Path) -> Size | None:
    """Return the size that a copy must have; None where the picture is in range as it is."""
    size = probe(path).size
    wanted = size_in_range(spec, path.name, size, scale=True)
    return None if wanted == size else wanted


def _copied(path: Path, size: Size, folder: Path) -> Path:
    picture = open_picture(path)
    image = scaled_to(with_alpha(picture.rgb, picture.alpha), size)
    target = _free_path(folder, f"{path.stem}-{size.width}x{size.height}")
    atomic.write_bytes(target, encode(image, "PNG", None))
    return target


def _free_path(folder: Path, stem: str) -> Path:
    names = (f"{stem}.png" if number == 1 else f"{stem}-{number}.png" for number in count(1))
    return next(path for name in names if not (path := folder / name).exists())
