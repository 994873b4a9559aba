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


_WORK = 12_600_000
"""Pixels of a batch of small pictures. Of large ones it has fewer: attention makes each cost more."""
_ATTENTION = 6_000_000
_MOST = 256


@dataclass(frozen=True, slots=True)
class Bucket:
    """A size in pixels, how often a step is taken of it, and from which part of the time on."""

    height: int
    width: int
    share: float
    begins: float = 0.0
    placed: float = 1.0
    """How much more often than elsewhere instructions are taken that depend on the place."""

    @property
    def batch(self) -> int:
        """Pictures that a step takes."""
        area = self.height * self.width
        return min(_MOST, round(_WORK / (area + area * area / _ATTENTION)))


def _both_ways(
    sizes: tuple[tuple[int, int], ...], share: float, begins: float, placed: float
) -> tuple[Bucket, ...]:
    """Return buckets of sizes, lying and standing, that have a share together."""
    turned = dict.fromkeys(size for short, long in sizes for size in ((short, long), (long, short)))
    return tuple(Bucket(*size, share / len(turned), begins, placed) for size in turned)


BUCKETS = (
    Bucket(256, 256, 0.26), Bucket(256, 384, 0.08, 0.0, 1.5), Bucket(384, 256, 0.08, 0.0, 1.5),
    Bucket(512, 512, 0.12, 0.0, 1.3),
    *_both_ways(((224, 320), (288, 352), (288, 512), (320, 320), (320, 416), (320, 480)), 0.14, 0.0, 2),
    *_both_ways(((352, 480), (384, 384), (384, 512), (448, 448), (448, 576), (480, 640)), 0.12, 0.0, 1.6),
    *_both_ways(((416, 608),), 0.06, 0.0, 1.6),
    *_both_ways(((64, 640), (96, 768), (64, 1024), (64, 1280)), 0.09, 0.1, 3),
    *_both_ways(((640, 640), (768, 768), (608, 800), (608, 928), (640, 896)), 0.07, 0.3, 2),
    *_both_ways(((544, 960), (480, 1088), (672, 1120)), 0.03, 0.3, 2),
    Bucket(1024, 1024, 0.03, 0.3, 2.5),
    *_both_ways(((672, 1600), (704, 1536), (736, 1280), (768, 1376), (800, 1216)), 0.06, 0.3, 2.5),
    *_both_ways(((832, 1248), (832, 1312), (864, 1280), (896, 1184), (928, 1152)), 0.06, 0.3, 2.5),
    *_both_ways(((960, 1088), (992, 1056)), 0.02, 0.3, 2.5),
)  # fmt: skip
"""Sides are multiples of 32: on an odd count of tokens the middle, from which positions are counted, lies
elsewhere, so that a mirrored position cannot be told from the position alone. The strips teach far positions
at little cost. There are many: where a turned picture ends, or a bar begins, is learnt from the variety. What
the app works at for usual photographs is among them."""
TOY_BUCKETS = (Bucket(64, 64, 0.5), Bucket(64, 96, 0.05, 0.0, 2))
OFTEN = 0.07
"""Steps of sizes that have such a share are recorded: for others that would cost more time than it saves."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step trains on: latents as tokens, the wanted pixels, and what was asked for."""

    reference: Tensor
    target: Tensor
    pixels: Tensor
    """`(decoded, 3, H, W)`, bytes: of the first few of the batch."""
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
            length.draw(asked[chosen]).to(self._coder.type),
        )
