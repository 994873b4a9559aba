"""Instructions with many prompts each, and their hidden states for batches of equally long texts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file

from training import wordings
from training.instructions import Instruction, draw_pair, singles
from training.operations import FIRST
from training.text_model import TextModel
from training.tokens import Tokens
from training.vision import load_features

if TYPE_CHECKING:
    from torch import Tensor

    from training.workplace import Workplace

    _Row = tuple[int, tuple[int, int], list[int]]
    """An instruction by number, the grid of the picture's cells, and the prompt's tokens."""

_GRADED = 0.25
_OF_FIRST = 1.3
_EASY = 0.7
_HARD = {
    "unchanged": 5.0, "mirror": 4.0, "upside-down": 4.0, "rotate-left": 4.5, "rotate-right": 4.5,
    "sketch": 10.0, "posterise": 7.0, "threshold": 3.0, "negative": 3.0, "emboss": 1.6, "contrast": 4.5,
    "saturate": 8.0, "sharpen": 2.5, "cinematic-bars": 3.5, "hue-shift": 1.8, "vignette": 1.4,
    "pixelate": 1.6, "brighter": 1.5, "blur": 1.3, "white-border": 1.2, "warmer": 1.0, "cooler": 1.0,
    "high-key": 1.0, "soft-focus": 1.0, "snow-bright": 1.0, "teal-and-orange": 1.0,
}  # fmt: skip
"""How often these are trained; others, tints above all, are as often as `_EASY`."""
_PAIRS, _PAIRED_SHARE, _PAIRED_PROMPTS = 1200, 0.15, 1 / 8
"""So many instructions of two steps are drawn, alike ones among them; they are this part of what is trained;
each has this part of the prompts of a single step."""
_GRADED_SHARE = 0.2
"""Of the steps in a pair, so many have a strength, where they may."""
_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Length:
    """All prompts that are equally many tokens long, sorted by their instruction."""

    states: Tensor
    """Hidden states `(prompts, T, width)`."""
    first: Tensor
    """For each instruction, by number, where its prompts begin; `count` of them follow."""
    count: Tensor
    named: frozenset[int]
    """The instructions that there are prompts for."""
    lost: Tensor
    """How many steps with them have come to no number."""

    def draw(self, which: Tensor) -> Tensor:
        """Return hidden states `(B, T, width)` of prompts for instructions, by number."""
        within = torch.rand(len(which), device=which.device) * self.count[which]
        return self.states[(self.first[which] + within.long()).clamp_max(len(self.states) - 1)]


class Conditions:
    """All instructions that are trained, with weights, and their prompts."""

    def __init__(self, place: Workplace) -> None:
        device = place.device
        rng = random.Random(place.seed)
        self.instructions: list[Instruction] = singles()
        self.weights = [_weight(each) for each in self.instructions]
        plain = len(self.instructions)
        drawn = round(_PAIRS * place.size.pairs)
        pairs = {wordings.settled(draw_pair(rng, _GRADED_SHARE)) for _ in range(drawn)}
        self.instructions += sorted(pairs, key=lambda each: each.labels())
        share = _PAIRED_SHARE / (1 - _PAIRED_SHARE) * sum(self.weights) / len(pairs)
        self.weights += [share] * len(pairs)
        self._tokens = Tokens.load(place.tokens)
        self._features = {grid: value.to(device) for grid, value in load_features(place.vision).items()}
        self._model = TextModel(self._tokens).to(device).requires_grad_(requires_grad=False)
        weights = load_file(place.weights("text"))
        self._model.load_state_dict(
            {n.removeprefix("0."): v for n, v in weights.items() if n.startswith("0.")}
        )
        counts = [place.size.bank_prompts] * plain
        counts += [max(3, int(place.size.bank_prompts * _PAIRED_PROMPTS))] * (len(self.instructions) - plain)
        counts[0] *= 6
        self.lengths = [self._length(rows) for rows in self._written(counts, rng)]

    def _written(self, counts: list[int], rng: random.Random) -> list[list[_Row]]:
        """Return so many prompts for each instruction, together with those of the same length, by length."""
        grids = list(self._features)
        found: dict[int, list[_Row]] = {}
        for index, count in enumerate(counts):
            for _ in range(count):
                grid = rng.choice(grids)
                cells = grid[0] * grid[1]
                ids = self._tokens.filled(wordings.write(self.instructions[index], rng), cells)
                found.setdefault(len(ids) + cells, []).append((index, grid, ids))
        return [found[size] for size in sorted(found)]

    @torch.no_grad()
    def _length(self, rows: list[_Row]) -> Length:
        device = next(self._model.parameters()).device
        rows = sorted(rows)
        states: list[Tensor] = [torch.empty(0)] * len(rows)
        for grid, features in self._features.items():
            chosen = [place for place, row in enumerate(rows) if row[1] == grid]
            for start in range(0, len(chosen), _AT_ONCE):
                part = chosen[start : start + _AT_ONCE]
                picture, tail = self._tokens.picture(grid[0] * grid[1]), self._tokens.tail
                ids = torch.tensor([[*picture, *rows[place][2], *tail] for place in part])
                seen = features[torch.randint(len(features), (len(part),), device=device)]
                with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                    hidden = self._model(ids.to(device), grid, seen)
                if device.type == "cuda":
                    hidden = hidden.bfloat16()
                for place, each in zip(part, hidden, strict=True):
                    states[place] = each
        count = torch.bincount(torch.tensor([row[0] for row in rows]), minlength=len(self.instructions))
        return Length(
            torch.stack(states),
            (count.cumsum(0) - count).to(device),
            count.to(device),
            frozenset(row[0] for row in rows),
            torch.zeros((), device=device, dtype=torch.long),
        )

    def draw_length(self, rng: random.Random, asked: set[int]) -> Length:
        """Draw how long a batch's texts are, as often as prompts are so long, for some of the `asked`."""
        some = [each for each in self.lengths if not each.named.isdisjoint(asked)]
        return rng.choices(some, [len(each.states) for each in some])[0]

    @torch.no_grad()
    def encode_text(self, text: str, count: int) -> Tensor:
        """Return the hidden states of one prompt, `count` times."""
        grid = max(self._features, key=lambda each: len(self._features[each]))
        features = self._features[grid]
        ids = torch.tensor([self._tokens.suffix(text, grid[0] * grid[1])], device=features.device)
        return self._model(ids, grid, features[:1]).expand(count, -1, -1)


def _weight(instruction: Instruction) -> float:
    step = instruction.steps[0]
    return (
        _HARD.get(step.name, _EASY)
        * (_GRADED if step.strength else 1.0)
        * (_OF_FIRST if step.name in FIRST else 1.0)
    )
