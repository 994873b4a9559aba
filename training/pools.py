"""Pools of encoded pairs for one size each: a picture, and what several instructions make of it.

Encoding costs as much as a training step, so each pair is used a few times before new ones take its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training.transformer import pack
from training.vae import Vae, in_channels_last

if TYPE_CHECKING:
    import random

    from torch import Tensor

    from training.bank import PictureBank
    from training.conditions import Conditions

_TARGETS = 4
_REUSE = 16
"""Of a batch, so many-th pictures are new at each step."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A size in pixels, the batch that a step takes of it, and how often it is taken."""

    height: int
    width: int
    batch: int
    share: float


BUCKETS = (
    Bucket(256, 256, 256, 0.20),
    Bucket(224, 288, 256, 0.09), Bucket(288, 224, 256, 0.09),
    Bucket(192, 320, 256, 0.04), Bucket(320, 192, 256, 0.04),
    Bucket(64, 1024, 256, 0.05), Bucket(1024, 64, 256, 0.05),
    Bucket(96, 768, 224, 0.03), Bucket(768, 96, 224, 0.03),
    Bucket(512, 512, 52, 0.10), Bucket(416, 608, 52, 0.05), Bucket(608, 416, 52, 0.05),
    Bucket(768, 768, 20, 0.02), Bucket(640, 896, 20, 0.02), Bucket(896, 640, 20, 0.02),
    Bucket(1024, 1024, 9, 0.02), Bucket(832, 1248, 9, 0.015), Bucket(1248, 832, 9, 0.015),
)  # fmt: skip
"""Sides are multiples of 32: on an odd count of tokens the middle, from which positions are counted, lies
elsewhere, so that a mirrored position cannot be told from the position alone. The strips teach far positions
at little cost."""
TOY_BUCKETS = (Bucket(64, 64, 256, 0.5), Bucket(64, 96, 256, 0.5))


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step trains on: latents as tokens, the wanted pixels, and what was asked for."""

    reference: Tensor
    target: Tensor
    pixels: Tensor
    """`(B, 3, H, W)`, bytes."""
    text: Tensor


class LatentCoder:
    """The VAE with its statistics: pixels from 0 to 1 to normalised tokens and back."""

    def __init__(self, weights: dict[str, Tensor], device: str) -> None:
        self.vae = in_channels_last(Vae(), device)
        self.vae.load_state_dict(
            {n.removeprefix("vae."): v for n, v in weights.items() if n.startswith("vae.")}
        )
        self.vae.requires_grad_(requires_grad=False)
        self.mean, self.std = (weights[name].to(device).view(1, -1, 1, 1) for name in ("mean", "std"))
        self.type = torch.bfloat16 if device == "cuda" else torch.float32
        sensitivity = weights["sensitivity"].to(device).clamp(0.15, 6)
        self.channel_weights = (sensitivity / sensitivity.mean()).repeat_interleave(4)

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """Return tokens `(B, N, 64)`, float32."""
        x = (pixels * 2 - 1).to(self.type, memory_format=torch.channels_last)
        return pack((self.vae.encode(x)[0] - self.mean) / self.std)

    def decode(self, latents: Tensor) -> Tensor:
        """Return pixels from about 0 to 1 of normalised latents `(B, 16, h, w)`."""
        x = (latents * self.std + self.mean).to(self.type, memory_format=torch.channels_last)
        return self.vae.decode(x).float() / 2 + 0.5


class Pool:
    """Encoded pairs of one bucket."""

    def __init__(
        self, bucket: Bucket, batch: int, coder: LatentCoder, bank: PictureBank, conditions: Conditions
    ) -> None:
        self.bucket, self._batch, self._coder, self._bank, self._conditions = (
            bucket,
            batch,
            coder,
            bank,
            conditions,
        )
        self._new = max(1, batch // _REUSE)
        self._places = max(batch, 8 * self._new)
        device = coder.mean.device
        height, width = bucket.height, bucket.width
        count = height * width // 256
        self._reference = torch.zeros(self._places, count, 64, device=device, dtype=coder.type)
        self._target = torch.zeros(self._places, _TARGETS, count, 64, device=device, dtype=coder.type)
        self._pixels = torch.zeros(self._places, _TARGETS, 3, height, width, device=device, dtype=torch.uint8)
        self._asked = torch.full((self._places, _TARGETS), -1, device=device)
        self._next = 0

    @torch.no_grad()
    def _refresh(self, rng: random.Random) -> None:
        pictures = self._bank.crops(self._new, self.bucket.height, self.bucket.width)
        asked = rng.choices(range(len(self._conditions.instructions)), self._conditions.weights, k=_TARGETS)
        wanted = [self._conditions.instructions[each].apply(pictures) for each in asked]
        tokens = self._coder.encode(torch.cat([pictures, *wanted])).to(self._coder.type)
        tokens = tokens.unflatten(0, (_TARGETS + 1, self._new))
        places = torch.arange(self._next, self._next + self._new, device=pictures.device) % self._places
        self._next += self._new
        self._reference[places] = tokens[0]
        self._target[places] = tokens[1:].transpose(0, 1)
        self._pixels[places] = (torch.stack(wanted, 1) * 255).round().to(torch.uint8)
        self._asked[places] = torch.tensor(asked, device=pictures.device).expand(self._new, -1)

    def draw(self, rng: random.Random) -> Batch:
        """Return a batch, after putting new pairs in: many at first, a few later."""
        for _ in range(1 if self._next >= self._places else 4):
            self._refresh(rng)
        length = self._conditions.draw_length(rng)
        asked = self._asked.flatten()
        fits = (asked >= 0) & self._conditions.fits(asked.clamp_min(0), length)
        # Where nothing fits, anything is drawn, with its shortest prompt cut off.
        chosen = torch.multinomial(fits.float() + 1e-9, self._batch, replacement=True)
        text = self._conditions.encode(asked[chosen], length, rng)
        return Batch(
            self._reference[chosen // _TARGETS],
            self._target.flatten(0, 1)[chosen],
            self._pixels.flatten(0, 1)[chosen],
            text.to(self._coder.type),
        )
