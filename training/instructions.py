"""What a sentence may ask for: one operation or two after each other, each at a strength."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from training.operations import MOVING, OPERATIONS

if TYPE_CHECKING:
    import random

    from torch import Tensor

NAMES = tuple(OPERATIONS)
_FRAMES = ("cinematic-bars", "white-border")


class Strength(IntEnum):
    """How much of an operation is asked for."""

    PLAIN = 0
    SLIGHT = 1
    STRONG = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One operation at a strength."""

    name: str
    strength: Strength = Strength.PLAIN

    def apply(self, pictures: Tensor) -> Tensor:
        """Return pictures `(B, 3, H, W)` after the operation, cut to 0–1."""
        operation = OPERATIONS[self.name]
        chosen = (operation.plain, operation.slight, operation.strong)[self.strength]
        return chosen(pictures).clamp(0, 1)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step, or two in their order."""

    steps: tuple[Step, ...]

    def apply(self, pictures: Tensor) -> Tensor:
        """Return pictures `(B, 3, H, W)` after all steps."""
        for step in self.steps:
            pictures = step.apply(pictures)
        return pictures

    def labels(self) -> tuple[int, int, int, int]:
        """Return what the text encoder learns to read: operation and strength, twice; 0 is none."""
        first = self.steps[0]
        second = self.steps[1] if len(self.steps) > 1 else Step(NAMES[0])
        return (NAMES.index(first.name), first.strength, NAMES.index(second.name), second.strength)


def singles() -> list[Instruction]:
    """Return every operation at every strength that it has."""
    found: list[Instruction] = []
    for name, operation in OPERATIONS.items():
        strengths = list(Strength) if operation.graded else [Strength.PLAIN]
        found += [Instruction((Step(name, strength),)) for strength in strengths]
    return found


def may_follow(first: str, second: str) -> bool:
    """Return whether two operations make sense after each other.

    Two moves, two of one kind and anything that a frame would not survive are left out: after a frame come
    colours only.
    """
    if first == second or NAMES[0] in {first, second}:
        return False
    if first in MOVING and second in MOVING:
        return False
    return first not in _FRAMES


def draw_pair(rng: random.Random, graded: float = 0.2) -> Instruction:
    """Draw two steps that may follow each other; where they may, this part of them has a strength."""
    while True:
        first, second = rng.choice(NAMES), rng.choice(NAMES)
        if may_follow(first, second):
            return Instruction((_graded(first, rng, graded), _graded(second, rng, graded)))


def _graded(name: str, rng: random.Random, share: float) -> Step:
    graded = OPERATIONS[name].graded and rng.random() < share
    return Step(name, rng.choice((Strength.SLIGHT, Strength.STRONG)) if graded else Strength.PLAIN)
