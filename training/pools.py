"""Pools of encoded pairs for one size each: a picture, and what several instructions make of it.

Encoding costs as much as a training step, so each pair is used a few times before new ones take its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training.bank import drawn
from training.operations import MOVING
from training.transformer import pack
from training.vae import Vae, in_channels_last, own_weights

if TYPE_CHECKING:
    import random

    from torch import Tensor

    from training.bank import PictureBank
    from training.conditions import Conditions, Length

_TARGETS = 4
_REUSE = 32
"""Of a batch, so many-th pictures are new at each step."""
_AT_FIRST = 8
"""So many times new pictures are put in before the first step."""
_PLACED = (*MOVING, "vignette", "cinematic-bars", "white-border")
"""What depends on where in the picture something is. Other instructions hold at sizes not trained much."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A size in pixels, the batch that a step takes of it, how often, and from which part of the time on."""

    height: int
    width: int
    batch: int
    share: float
    begins: float = 0.0
    placed: float = 1.0
    """How much more often than elsewhere instructions are taken that depend on the place."""


_SMALL = (
    Bucket(256, 256, 192, 0.26), Bucket(256, 384, 128, 0.08, 0.0, 1.5), Bucket(384, 256, 128, 0.08, 0.0, 1.5),
    Bucket(224, 320, 168, 0.02, 0.0, 2), Bucket(320, 224, 168, 0.02, 0.0, 2),
    Bucket(288, 352, 120, 0.02, 0.0, 2), Bucket(352, 288, 120, 0.02, 0.0, 2),
    Bucket(288, 512, 80, 0.02, 0.0, 2), Bucket(512, 288, 80, 0.02, 0.0, 2),
    Bucket(64, 640, 256, 0.012, 0.1, 3), Bucket(640, 64, 256, 0.012, 0.1, 3),
    Bucket(96, 768, 160, 0.012, 0.1, 3), Bucket(768, 96, 160, 0.012, 0.1, 3),
    Bucket(64, 1024, 192, 0.012, 0.1, 3), Bucket(1024, 64, 192, 0.012, 0.1, 3),
    Bucket(64, 1280, 160, 0.012, 0.1, 3), Bucket(1280, 64, 160, 0.012, 0.1, 3),
    Bucket(512, 512, 48, 0.12, 0.0, 1.3), Bucket(416, 608, 48, 0.04, 0.0, 1.6),
    Bucket(608, 416, 48, 0.04, 0.0, 1.6), Bucket(352, 480, 72, 0.02, 0.0, 1.6),
    Bucket(480, 352, 72, 0.02, 0.0, 1.6), Bucket(448, 576, 48, 0.02, 0.0, 1.6),
    Bucket(576, 448, 48, 0.02, 0.0, 1.6),
)  # fmt: skip
BUCKETS = (
    *_SMALL,
    Bucket(768, 768, 20, 0.03, 0.3, 3), Bucket(640, 896, 20, 0.02, 0.3, 3),
    Bucket(896, 640, 20, 0.02, 0.3, 3), Bucket(544, 960, 22, 0.015, 0.3, 3),
    Bucket(960, 544, 22, 0.015, 0.3, 3),
    Bucket(1024, 1024, 10, 0.03, 0.3, 4), Bucket(864, 1280, 10, 0.015, 0.3, 4),
    Bucket(1280, 864, 10, 0.015, 0.3, 4), Bucket(896, 1184, 10, 0.015, 0.3, 4),
    Bucket(1184, 896, 10, 0.015, 0.3, 4), Bucket(736, 1280, 11, 0.015, 0.3, 4),
    Bucket(1280, 736, 11, 0.015, 0.3, 4), Bucket(1216, 800, 10, 0.015, 0.3, 4),
    Bucket(1248, 832, 10, 0.015, 0.3, 4), Bucket(800, 1216, 10, 0.015, 0.3, 4),
    Bucket(832, 1248, 10, 0.015, 0.3, 4),
)  # fmt: skip
"""Sides are multiples of 32: on an odd count of tokens the middle, from which positions are counted, lies
elsewhere, so that a mirrored position cannot be told from the position alone. The strips teach far positions
at little cost. There are many: where a turned picture ends, or a bar begins, is learnt from the variety."""
TOY_BUCKETS = (Bucket(64, 64, 192, 0.5), Bucket(64, 96, 192, 0.5, 0.0, 2))


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step trains on: latents as tokens, the wanted pixels, and what was asked for."""

    reference: Tensor
    target: Tensor
    pixels: Tensor
    """`(decoded, 3, H, W)`, bytes: of the first few of the batch."""
    kept: Tensor
    """`(decoded,)`: 1 where nothing is to be changed, else 0."""
    text: Tensor


class LatentCoder:
    """The VAE with its statistics: pixels from 0 to 1 to normalised tokens and back."""

    def __init__(self, weights: dict[str, Tensor], device: str) -> None:
        self.vae = in_channels_last(Vae(), device)
        self.vae.load_state_dict(own_weights(weights))
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
        self,
        bucket: Bucket,
        counts: tuple[int, int],
        coder: LatentCoder,
        bank: PictureBank,
        conditions: Conditions,
    ) -> None:
        """Make room for the pairs; `counts` are a batch and how many of it are decoded."""
        self.bucket, (batch, self._decoded) = bucket, counts
        self._batch = batch
        self._coder, self._bank, self._conditions = coder, bank, conditions
        self._new = max(1, batch // _REUSE)
        self._often = min(1.0, batch / (_REUSE * self._new))
        self._places = self._new * max(_AT_FIRST, -(-2 * batch // self._new))
        self._weights = [
            weight * (bucket.placed if any(step.name in _PLACED for step in each.steps) else 1.0)
            for each, weight in zip(conditions.instructions, conditions.weights, strict=True)
        ]
        device = coder.mean.device
        height, width = bucket.height, bucket.width
        count = height * width // 256
        self._reference = torch.zeros(self._places, count, 64, device=device, dtype=coder.type)
        self._target = torch.zeros(self._places, _TARGETS, count, 64, device=device, dtype=coder.type)
        self._pixels = torch.zeros(self._places, _TARGETS, 3, height, width, device=device, dtype=torch.uint8)
        self._asked = torch.full((self._places, _TARGETS), -1, device=device)
        self.lost = torch.zeros((), device=device, dtype=torch.long)
        """How many steps on it have come to no number."""
        self._next = 0
        self._named: list[list[int]] = [[] for _ in range(self._places // self._new)]

    @property
    def asked(self) -> set[int]:
        """The instructions of the pairs that are there, by number."""
        return {each for named in self._named for each in named}

    @torch.no_grad()
    def _refresh(self, rng: random.Random) -> None:
        pictures = self._bank.crops(self._new, self.bucket.height, self.bucket.width)
        asked = rng.choices(range(len(self._weights)), self._weights, k=_TARGETS)
        wanted = [self._conditions.instructions[each].apply(pictures) for each in asked]
        tokens = self._coder.encode(torch.cat([pictures, *wanted])).to(self._coder.type)
        tokens = tokens.unflatten(0, (_TARGETS + 1, self._new))
        start = self._next % self._places
        places = slice(start, start + self._new)
        self._next += self._new
        self._reference[places] = tokens[0]
        self._target[places] = tokens[1:].transpose(0, 1)
        self._pixels[places] = (torch.stack(wanted, 1) * 255).round().to(torch.uint8)
        self._named[start // self._new] = asked
        for column, each in enumerate(asked):
            self._asked[places, column].fill_(each)

    def renew(self, rng: random.Random) -> None:
        """Put new pairs in: many at first, a few later."""
        new = _AT_FIRST if self._next == 0 else 2 if self._next < self._places else rng.random() < self._often
        for _ in range(new):
            self._refresh(rng)

    def draw(self, length: Length) -> Batch:
        """Return a batch of what is there, with prompts of one length."""
        asked = self._asked.flatten()
        fits = (asked >= 0) & (length.count[asked.clamp_min(0)] > 0)
        chosen = drawn(fits.float().cumsum(0), self._batch)
        return Batch(
            self._reference[chosen // _TARGETS],
            self._target.flatten(0, 1)[chosen],
            self._pixels.flatten(0, 1)[chosen[: self._decoded]],
            (asked[chosen[: self._decoded]] == 0).float(),
            length.draw(asked[chosen]).to(self._coder.type),
        )
