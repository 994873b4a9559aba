"""Instructions with many prompts each, and their hidden states for batches of equally long texts."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file

from training import wordings
from training.instructions import Instruction, draw_pair, singles
from training.operations import FIRST, MOVING
from training.text_model import TextModel
from training.tokens import Tokens
from training.vision import load_features

if TYPE_CHECKING:
    from torch import Tensor

    from training.workplace import Workplace

_PAIRED_SHARE = 0.13
_GRADED = 0.35
_HARD = {
    "unchanged": 2.5, "sketch": 1.7, "contrast": 1.3, "saturate": 1.3, "posterise": 1.6, "emboss": 1.5,
    "sharpen": 1.5, "threshold": 1.4, "vignette": 1.3, "pixelate": 1.3, "blur": 1.2,
} | dict.fromkeys(MOVING, 2.0)  # fmt: skip
"""How much more often than others these are trained."""
_NEAR = 8
"""A prompt is drawn among this many that are the longest ones to fit."""
_LEAST_BYTES = 16


class Conditions:
    """All instructions that are trained, with weights, and their prompts."""

    def __init__(self, place: Workplace) -> None:
        device = place.device
        rng = random.Random(5)
        self.instructions: list[Instruction] = singles()
        self.weights = [_weight(each) for each in self.instructions]
        plain = len(self.instructions)
        pairs = {wordings.settled(draw_pair(rng)) for _ in range(place.size.pairs)}
        self.instructions += sorted(pairs, key=lambda each: each.labels())
        share = _PAIRED_SHARE / (1 - _PAIRED_SHARE) * sum(self.weights) / len(pairs)
        self.weights += [share] * len(pairs)
        self._tokens = Tokens.load(place.tokens)
        rows: list[list[int]] = []
        self._low = torch.zeros(len(self.instructions), wordings.MAX_BYTES + 1, dtype=torch.long)
        self._high = torch.zeros_like(self._low)
        for index, instruction in enumerate(self.instructions):
            count = place.size.bank_prompts if index < plain else max(3, place.size.bank_prompts // 8)
            count *= 6 if index == 0 else 1
            texts = [self._tokens.prompt(wordings.write(instruction, rng)) for _ in range(count)]
            texts.sort(key=len)
            lengths = torch.tensor([len(text) for text in texts])
            for size in range(wordings.MAX_BYTES + 1):
                fitting = int((lengths <= size).sum())
                self._low[index, size] = len(rows) + max(0, fitting - _NEAR * (6 if index == 0 else 1))
                self._high[index, size] = len(rows) + fitting
            rows += texts
        space = self._tokens.bytes[ord(" ")]
        self._ids = torch.full((len(rows), wordings.MAX_BYTES), space)
        for index, row in enumerate(rows):
            self._ids[index, : len(row)] = torch.tensor(row)
        self._lengths = [size for size in map(len, rows) if size >= _LEAST_BYTES]
        self._ids, self._low, self._high = (each.to(device) for each in (self._ids, self._low, self._high))
        self._features = {grid: value.to(device) for grid, value in load_features(place.vision).items()}
        self._model = TextModel(self._tokens).to(device).requires_grad_(requires_grad=False)
        weights = load_file(place.weights("text"))
        self._model.load_state_dict(
            {n.removeprefix("0."): v for n, v in weights.items() if n.startswith("0.")}
        )

    def draw_length(self, rng: random.Random) -> int:
        """Draw how long the texts of a batch are, as long as prompts are."""
        return rng.choice(self._lengths)

    def fits(self, which: Tensor, length: int) -> Tensor:
        """Return for instructions, by number, whether they have a prompt that is no longer."""
        return self._high[which, length] > self._low[which, length]

    @torch.no_grad()
    def encode(self, which: Tensor, length: int, rng: random.Random) -> Tensor:
        """Return hidden states `(B, T, width)` of prompts for instructions, by number."""
        device = which.device
        low, high = self._low[which, length], self._high[which, length]
        prompt = low + (torch.rand(len(which), device=device) * (high - low)).long()
        grid = rng.choice(list(self._features))
        features = self._features[grid]
        seen = features[torch.randint(len(features), (len(which),), device=device)]
        empty = torch.tensor(self._tokens.suffix("", grid[0] * grid[1]), device=device).expand(len(which), -1)
        tail = len(self._tokens.tail)
        ids = torch.cat([empty[:, :-tail], self._ids[prompt, :length], empty[:, -tail:]], 1)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            return self._model(ids, grid, seen)

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
        _HARD.get(step.name, 1.0)
        * (_GRADED if step.strength else 1.0)
        * (1.25 if step.name in FIRST else 1.0)
    )
