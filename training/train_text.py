"""Trains the text encoder to say what a prompt asks for: two operations and their strengths."""

from __future__ import annotations

import os
import random
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from training import wordings
from training.instructions import NAMES, Strength
from training.replay import Recorder
from training.runs import Average, Budget, Run, clip_gradients, put_rates_on_device, tell, write_weights
from training.text_model import WIDTH, TextModel
from training.tokens import Tokens
from training.vision import load_features

if TYPE_CHECKING:
    from torch import Tensor

    from training.workplace import Workplace

_BATCH = 512
_PIECES = 64
"""Prompts are drawn in so many pieces, by as many processes as there are cores."""
_RATE = 2e-3
_SMOOTHING = 0.05
_TOLD = 20
_FILLED = 0.7
"""How often a prompt is filled up with spaces, as in an edit."""
_HEADS = (len(NAMES), len(Strength), len(NAMES), len(Strength))


def _draw_many(seed: int, count: int) -> list[tuple[str, bool, tuple[int, int, int, int]]]:
    rng = random.Random(seed)
    drawn: list[tuple[str, bool, tuple[int, int, int, int]]] = []
    for _ in range(count):
        text, instruction = wordings.draw(rng)
        drawn.append((text, rng.random() < _FILLED, instruction.labels()))
    return drawn


class Prompts:
    """Many drawn prompts as tokens, with what they mean."""

    def __init__(self, tokens: Tokens, count: int, device: str, seed: int) -> None:
        workers = min(16, os.cpu_count() or 1)
        seeds, each = range(seed, seed + _PIECES), -(-count // _PIECES)
        with ProcessPoolExecutor(workers) as pool:
            drawn = [row for part in pool.map(_draw_many, seeds, [each] * _PIECES) for row in part]
        rows = [tokens.filled(text, 0) if filled else tokens.prompt(text) for text, filled, _ in drawn]
        self.lengths = torch.tensor([len(row) for row in rows], device=device)
        self.ids = torch.zeros(len(rows), int(self.lengths.max()), dtype=torch.short)
        for index, row in enumerate(rows):
            self.ids[index, : len(row)] = torch.tensor(row, dtype=torch.short)
        self.ids = self.ids.to(device)
        self.labels = torch.tensor([labels for *_, labels in drawn], device=device)


@cache
def _constant(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """Return numbers on a device, copied there once: a recorded step can't wait for a copy."""
    return torch.tensor(numbers, device=device)


def suffixes(tokens: Tokens, ids: Tensor, lengths: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Return whole suffixes `(B, S)`, padded at the end, and where in them the template's tail lies."""
    device, (count, longest) = ids.device, ids.shape
    head = _constant(tuple(tokens.picture(cells)), device)
    tail = _constant(tuple(tokens.tail), device)
    whole = torch.full(
        (count, len(head) + longest + len(tail)), tokens.special["<|endoftext|>"], device=device
    )
    whole[:, : len(head)] = head
    whole[:, len(head) : len(head) + longest] = ids
    places = len(head) + lengths[:, None] + torch.arange(len(tail), device=device)
    # What a shorter prompt leaves in its row beyond its end is padding anyway, after the tail.
    return whole.scatter(1, places, tail.expand(count, -1)), places


def train(place: Workplace, budget: Budget) -> bool:
    """Train, examine, and write the averaged weights and the heads. Return whether it is done, not paused."""
    torch.manual_seed(place.seed)
    training = _Training(place, budget)
    run = training.run
    if run.already_done(place.weights("text")):
        return True
    while run.fraction < 1 and not run.paused:
        training.step()
    training.finish()
    return run.fraction >= 1


class _Training:
    """Everything that a step works on."""

    def __init__(self, place: Workplace, budget: Budget) -> None:
        self._place, device = place, place.device
        tokens = Tokens.load(place.tokens)
        # Before there is anything else on the device: processes are forked for it.
        self._prompts = Prompts(tokens, place.size.prompts, device, 1000 * place.seed)
        self._model = TextModel(tokens).to(device)
        self._heads = nn.Linear(WIDTH, sum(_HEADS)).to(device)
        self._both = nn.ModuleList([self._model, self._heads])
        self._features = {grid: value.to(device) for grid, value in load_features(place.vision).items()}
        decayed = [p for p in self._both.parameters() if p.ndim > 1]
        rest = [p for p in self._both.parameters() if p.ndim == 1]
        groups = [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
        adam = torch.optim.AdamW(groups, lr=_RATE, betas=(0.9, 0.98), fused=device == "cuda")
        self.run = Run("text", place.checkpoint("text"), budget, [(adam, _RATE)], place.seed)
        self._average = Average(self._both)
        if kept := self.run.resume():
            self._both.load_state_dict(kept["network"])
            self._average.weights = kept["average"]
        self._rng = random.Random(f"{place.seed} {self.run.step}")
        self._loss = torch.zeros((), device=device)
        self._recorder = Recorder(device, recording=place.compiled)
        if device == "cuda":
            put_rates_on_device(self.run.optimisers, device)

    def step(self) -> None:
        """Take one step."""
        run = self.run
        run.begin_step()
        grid = self._rng.choice(list(self._features))
        self._recorder.run(grid, partial(self._learn, grid))
        self._average.update(self._both, run.step)
        if run.due(20):
            tell(f"text {run.step} {run.elapsed_s:.0f}s loss {self._loss.item():.3f}")

    def _learn(self, grid: tuple[int, int]) -> None:
        """Change the weights once: what `Recorder` records."""
        device, prompts, features = self._loss.device, self._prompts, self._features[grid]
        self._both.zero_grad(set_to_none=True)
        chosen = torch.randint(len(prompts.ids), (self._place.batch(_BATCH),), device=device)
        seen = features[torch.randint(len(features), (len(chosen),), device=device)]
        tokens, cells = self._model.tokens, grid[0] * grid[1]
        whole, places = suffixes(tokens, prompts.ids[chosen].long(), prompts.lengths[chosen], cells)
        on_device = device.type == "cuda"
        # What it keeps of weights in the other type would outlive a recording.
        with torch.autocast(device.type, torch.bfloat16, enabled=on_device, cache_enabled=False):
            hidden = self._model(whole, grid, seen)
        hidden = hidden.float().gather(1, places[..., None].expand(-1, -1, WIDTH))
        loss = torch.zeros((), device=device)
        answers, labels = self._heads(hidden).split(_HEADS, -1), prompts.labels[chosen]
        for index, answer in enumerate(answers):
            wanted = labels[:, index, None].expand(-1, answer.shape[1])
            loss = loss + functional.cross_entropy(
                answer.flatten(0, 1), wanted.flatten(), label_smoothing=_SMOOTHING
            )
        loss.backward()
        clip_gradients(self._both)
        for optimiser, _ in self.run.optimisers:
            optimiser.step()
        self._loss.copy_(loss.detach())

    def finish(self) -> None:
        """Write the averaged weights and the checkpoint, and examine."""
        run, place = self.run, self._place
        write_weights(place.weights("text"), self._average.weights)
        run.save(network=self._both.state_dict(), average=self._average.weights)
        self._both.load_state_dict(self._average.weights)
        for language, chinese in (("English", False), ("Chinese", True)):
            share, wrong = examine(self._model, self._heads, self._features, chinese=chinese)
            tell(f"text held out, {language}: {share:.3f} at step {run.step}; wrong: {wrong[:_TOLD]}")


@torch.no_grad()
def examine(
    model: TextModel, heads: nn.Module, features: dict[tuple[int, int], Tensor], *, chinese: bool
) -> tuple[float, list[tuple[str, str, str]]]:
    """Return the share of held-out prompts that are read as one plain step, and those that are not."""
    grid = max(features, key=lambda each: len(features[each]))
    device = features[grid].device
    exam = list(wordings.examination(chinese=chinese))
    rows = [model.tokens.filled(prompt, grid[0] * grid[1]) for prompt, _ in exam]
    lengths = torch.tensor([len(row) for row in rows], device=device)
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
    whole, places = suffixes(model.tokens, ids.to(device), lengths, grid[0] * grid[1])
    hidden = model(whole, grid, features[grid][:1].expand(len(rows), -1, -1))
    last = hidden[torch.arange(len(rows), device=device), places[:, -1]]
    answers = heads(last).split(_HEADS, -1)
    wrong: list[tuple[str, str, str]] = []
    for index, (prompt, name) in enumerate(exam):
        first, second = (NAMES[int(answers[part][index].argmax())] for part in (0, 2))
        if (first, second) != (name, NAMES[0]):
            wrong.append((prompt, name, first if second == NAMES[0] else f"{first} + {second}"))
    return 1 - len(wrong) / len(exam), wrong
