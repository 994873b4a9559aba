"""The two phases of a training, and what is different in the second: everything else is the same in both.

The first makes weights from nothing. The second goes on from them, shortly, with what the first is weak in:
faint texture, sketches, more sizes and pairs. The mean of both is better than either: `average` takes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.pools import BUCKETS, FURTHER_BUCKETS, Bucket


@dataclass(frozen=True, slots=True)
class Phase:
    """What a phase trains on, how fast, and what counts."""

    prefix: str
    """Of the names of what it leaves."""
    begins_with: str | None
    """The prefix of the phase that it goes on from."""
    vae_rate: float
    faint: float
    """How much the error counts in what a pencil sketch shows: texture in the dark, which else is hidden."""
    large_from: float
    """From this part of the time on the VAE is trained on large crops."""
    rates: tuple[float, float, float]
    """Of the transformer's matrices, of the rest of it, and of the decoder's kernels."""
    pixels_from: float
    """From this part of the time on pixels count, and a step begins as an edit does."""
    tint: float
    """How much more the error of a picture's mean colour counts."""
    buckets: tuple[Bucket, ...]
    hard: dict[str, float]
    """How often some operations are trained, where `conditions` says otherwise."""
    paired_share: float
    pairs: int
    """Of two steps, so many are drawn, alike ones among them; a toy draws fewer."""
    graded_share: float
    """Of the steps in a pair, so many have a strength, where they may."""
    paired_prompts: float
    """A pair has this part of the prompts of a single step."""


FIRST = Phase(
    prefix="",
    begins_with=None,
    vae_rate=4e-3,
    faint=0.5,
    large_from=0.55,
    rates=(6e-3, 1e-3, 1e-3),
    pixels_from=0.45,
    tint=8.0,
    buckets=BUCKETS,
    hard={},
    paired_share=0.15,
    pairs=1200,
    graded_share=0.2,
    paired_prompts=1 / 8,
)
SECOND = Phase(
    prefix="second_",
    begins_with="",
    vae_rate=1.5e-3,
    faint=1.0,
    large_from=0.0,
    rates=(2.4e-3, 4e-4, 6e-4),
    pixels_from=0.0,
    tint=48.0,
    buckets=tuple(replace(each, begins=0.0) for each in FURTHER_BUCKETS),
    hard={"unchanged": 5.0, "sketch": 10.0, "cinematic-bars": 3.0},
    paired_share=0.18,
    pairs=3000,
    graded_share=0.3,
    paired_prompts=1 / 12,
)
