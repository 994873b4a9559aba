"""What the encoders gave, kept by what they were given: another seed or step count needs neither of them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from pathlib import Path

    from PIL import Image
    from torch import Tensor

    from qie_desktop.core.geometry import WorkingPlan
    from qie_desktop.engines.local.inference.device import Device

LIMIT_BYTES = 64 * 2**20
"""An edit of a megapixel in full quality takes some 8 MB: twice 500 tokens of width 3584, and latents."""


class EncodingCache:
    """Tensors by their key; what was used longest ago goes first when there are more than `limit_bytes`.

    They are kept on the CPU, whatever the device: there they are out of the way of the models, outlive a
    model that is let go, and come back, bit for bit, in less than a millisecond. Use it from one thread.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.held_bytes = 0
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[Hashable, tuple[Tensor, ...]] = OrderedDict()

    def get(self, key: Hashable, device: torch.device) -> tuple[Tensor, ...] | None:
        """Return what is kept under a key, on a device, or None."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return tuple(tensor.to(device) for tensor in found)

    def recall(
        self,
        keys: Sequence[Hashable],
        device: torch.device,
        encoder: Callable[[], Callable[[int], tuple[Tensor, ...]]],
    ) -> list[tuple[Tensor, ...]]:
        """Return the tensors of all keys, and keep those that were not here.

        `encoder` is called only where some were not: it gets ready, and returns what makes those of the key
        at an index.
        """
        found = [self.get(key, device) for key in keys]
        encode = encoder() if None in found else None
        made: list[tuple[Tensor, ...]] = []
        for index, (key, known) in enumerate(zip(keys, found, strict=True)):
            tensors = known
            if tensors is None:
                assert encode is not None
                tensors = encode(index)
                self.put(key, *tensors)
            made.append(tensors)
        return made

    def put(self, key: Hashable, *tensors: Tensor) -> None:
        """Keep tensors under a key, unless they alone are too large or one is not finite."""
        self._drop(key)
        finite = all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
        if not finite or _byte_count(tensors) > self._limit_bytes:
            return
        # Copies: a view would keep all that it is a part of.
        self._kept[key] = tuple(tensor.to("cpu", copy=True) for tensor in tensors)
        self.held_bytes += _byte_count(tensors)
        while self.held_bytes > self._limit_bytes:
            self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Let go of everything."""
        self._kept.clear()
        self.held_bytes = 0

    def _drop(self, key: Hashable) -> None:
        self.held_bytes -= _byte_count(self._kept.pop(key, ()))


@dataclass(frozen=True, slots=True)
class Weights:
    """Which files computed something, in which type and where: their names, sizes and times."""

    files: tuple[tuple[str, int, int], ...]
    device: str
    dtype: str

    @classmethod
    def of(cls, device: Device, *places: Path) -> Weights:
        """Look at these files, and at those in these folders."""
        found = [sorted(place.iterdir()) if place.is_dir() else [place] for place in places]
        paths = [path for each in found for path in each if path.is_file()]
        stats = [(path, path.stat()) for path in paths]
        files = tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
        return cls(files, str(device.device), str(device.dtype))


@dataclass(frozen=True, slots=True)
class PromptKey:
    """What the hidden states of a prompt depend on: also the pictures that it speaks of, in their order."""

    weights: Weights
    prompt: str
    multiple: int
    """Of the count of its tokens."""
    pictures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PictureKey:
    """What the latents of a picture depend on."""

    weights: Weights
    picture: bytes
    plan: WorkingPlan


def content_hash(picture: Image.Image) -> bytes:
    """Return a hash of a picture's size, mode and pixels."""
    content = hashlib.sha256(f"{picture.mode} {picture.width} {picture.height} ".encode())
    content.update(picture.tobytes())
    return content.digest()


def _byte_count(tensors: tuple[Tensor, ...]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
