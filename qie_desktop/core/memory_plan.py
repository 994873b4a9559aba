"""How a run of a local model goes with the memory there is: decided, and its peak known, before it begins.

What is loaded when, in `inference/pipeline.py`: in turns, the text encoder is let go of before the VAE and
the transformer do their work; else everything stays. The VAE is small, and stays in both cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from qie_desktop.core.memory_need import (
    Machine,
    Parts,
    Run,
    decoding_bytes,
    denoising_bytes,
    picture_encoding_bytes,
    text_encoding_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GB = 1_000_000_000
SMALLER_AREAS_PX = (768 * 768, 512 * 512)
"""Working areas for when not even turns and tiles are enough."""
_TILE_SHARE = 4
"""Where memory is short the VAE's activations may take this part of what they would take in one piece."""
SHORT_SCORES_BYTES, SCORES_BYTES = 2**28, 1_000_000_000
"""What attention's scores may take where they are written out: where memory is short, and otherwise."""
_COMFORTABLE = 0.9
"""Up to this part of the memory a run is comfortable: what a plan does not know of has room."""


class Fit(StrEnum):
    """How a run sits in a machine's memory."""

    FITS = "fits"
    TIGHT = "tight"
    TOO_LARGE = "too large"


class Policy(StrEnum):
    """What the setting `local.memory_policy` says."""

    AUTO = "auto"
    RESIDENT = "resident"
    STAGED = "staged"


class StageName(StrEnum):
    """The stages of a run."""

    READING = "reading the prompt"
    ENCODING = "encoding the pictures"
    DENOISING = "denoising"
    DECODING = "decoding the picture"


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage takes at most, weights and all."""

    name: StageName
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How a run goes, and what each of its stages takes at most.

    `staged`: text encoder and transformer take turns. `tile_bytes` is what the VAE's activations may take,
    `scores_bytes` what attention's scores may, where they are written out. `area_px` is
    the working area, smaller than the run's own where memory is short.
    """

    machine: Machine
    parts: Parts
    run: Run
    policy: Policy
    staged: bool
    tile_bytes: int | None
    scores_bytes: int
    area_px: int
    stages: tuple[Stage, ...]

    @property
    def peak_bytes(self) -> int:
        """What the run takes at most."""
        return max(stage.peak_bytes for stage in self.stages)

    @property
    def spare_bytes(self) -> int:
        """What is left of the memory it may take; negative where that does not suffice."""
        return self.machine.usable_bytes - self.peak_bytes

    @property
    def is_smaller(self) -> bool:
        """Whether it works on a smaller area than the model's own."""
        return self.area_px < self.run.area_px

    @property
    def fit(self) -> Fit:
        """How it sits in the memory."""
        if self.spare_bytes < 0:
            return Fit.TOO_LARGE
        comfortable = self.peak_bytes <= self.machine.usable_bytes * _COMFORTABLE
        return Fit.FITS if comfortable and not self.is_smaller else Fit.TIGHT


def plan_memory(machine: Machine, parts: Parts, run: Run, policy: Policy = Policy.AUTO) -> MemoryPlan:
    """Return the first of all ways that fits, best first: the last where none does, with a fit of TOO_LARGE.

    A large working area counts most; then that everything stays loaded, where that leaves comfortable room;
    then that the VAE runs in one piece. Told to keep everything loaded, it does not make the area smaller
    for that.
    """
    plan: MemoryPlan | None = None
    for plan in _ways(machine, parts, run, policy):
        kept_by_choice = not plan.staged and policy is Policy.AUTO
        if plan.fit is Fit.TOO_LARGE:
            continue
        if kept_by_choice and plan.peak_bytes > machine.usable_bytes * _COMFORTABLE:
            continue
        return plan
    assert plan is not None
    return plan


def first_that_fits(plans: Sequence[MemoryPlan]) -> MemoryPlan:
    """Return the first that fits comfortably; or else the first that fits; or else the last."""
    for fits in ({Fit.FITS}, {Fit.FITS, Fit.TIGHT}):
        for plan in plans:
            if plan.fit in fits:
                return plan
    return plans[-1]


class _Way(NamedTuple):
    """What is decided; see MemoryPlan."""

    staged: bool
    tile_bytes: int | None
    scores_bytes: int
    area_px: int


def _ways(machine: Machine, parts: Parts, run: Run, policy: Policy) -> Iterator[MemoryPlan]:
    """Yield the ways in which a run can go, the best first; told what to do, only those."""
    turns = {Policy.RESIDENT: (False,), Policy.STAGED: (True,)}.get(policy, (False, True))
    largest = max(size.area_px for size in run.working_sizes(run.area_px))
    smaller = () if policy is Policy.RESIDENT else SMALLER_AREAS_PX
    areas = (run.area_px, *(area for area in smaller if area < min(largest, run.area_px)))
    for area, staged, short in product(areas, turns, (False, True)):
        tile = _whole_picture_bytes(machine, parts, run, area) // _TILE_SHARE if short else None
        scores = SHORT_SCORES_BYTES if short else SCORES_BYTES
        way = _Way(staged, tile, scores, area)
        stages = tuple(_stages(machine, parts, run, way))
        yield MemoryPlan(machine, parts, run, policy, *way, stages)


def _whole_picture_bytes(machine: Machine, parts: Parts, run: Run, area_px: int) -> int:
    sizes = run.working_sizes(area_px)
    encoding = picture_encoding_bytes(machine, parts, sizes, None)
    return max(encoding, decoding_bytes(machine, parts, sizes[0], None))


def _stages(machine: Machine, parts: Parts, run: Run, way: _Way) -> Iterator[Stage]:
    sizes = run.working_sizes(way.area_px)
    transformer, encoder = parts.transformer + parts.loras, parts.text_encoder
    # What the encoders have given may be known while the transformer is still there from the run before: so
    # each stage is planned with all that can be there beside it.
    beside_reading = parts.vae + (0 if way.staged else transformer)
    beside = parts.vae + transformer + (0 if way.staged else encoder)
    modulations = parts.shape.transformer.kept_modulations(run.steps) * machine.bytes_per_number
    reading = text_encoding_bytes(machine, parts, run)
    encoding = picture_encoding_bytes(machine, parts, sizes, way.tile_bytes)
    denoising = denoising_bytes(machine, parts, run, way.area_px, way.scores_bytes)
    decoding = decoding_bytes(machine, parts, sizes[0], way.tile_bytes)
    beside, beside_reading = beside + machine.library_bytes, beside_reading + machine.library_bytes
    yield Stage(StageName.READING, encoder + beside_reading + reading)
    yield Stage(StageName.ENCODING, beside + encoding)
    yield Stage(StageName.DENOISING, beside + denoising)
    yield Stage(StageName.DECODING, beside + modulations + decoding)
