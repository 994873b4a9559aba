"""Trains the text encoder to say what a prompt asks for: two operations and their strengths."""

from __future__ import annotations

import os
import random
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training import wordings
from training.instructions import NAMES, Strength
from training.runs import Average, Budget, Run, tell, write_weights
from training.text_model import WIDTH, TextModel
from training.tokens import Tokens
from training.vision import load_features

if TYPE_CHECKING:
    from torch import Tensor

    from training.workplace import Workplace

_BATCH = 512
_SMOOTHING = 0.05
_TOLD = 20
_SPACES = 0.3
"""How often a prompt ends in spaces: the transformer's batches are filled up with them."""
_HEADS = (len(NAMES), len(Strength), len(NAMES), len(Strength))


def _draw_many(seed: int, count: int) -> list[tuple[str, tuple[int, int, int, int]]]:
    rng = random.Random(seed)
    drawn: list[tuple[str, tuple[int, int, int, int]]] = []
    for _ in range(count):
        text, instruction = wordings.draw(rng)
        if rng.random() < _SPACES:
            text = wordings.cut(text + " " * rng.randint(1, 12))
        drawn.append((text, instruction.labels()))
    return drawn


class Prompts:
    """Many drawn prompts as tokens, with what they mean."""

    def __init__(self, tokens: Tokens, count: int, device: str) -> None:
        workers = min(16, os.cpu_count() or 1)
        pieces = 4 * workers
        with ProcessPoolExecutor(workers) as pool:
            drawn = [
                row
                for part in pool.map(_draw_many, range(pieces), [count // pieces] * pieces)
                for row in part
            ]
        rows = [tokens.prompt(text) for text, _ in drawn]
        self.lengths = torch.tensor([len(row) for row in rows], device=device)
        self.ids = torch.zeros(len(rows), int(self.lengths.max()), dtype=torch.short)
        for index, row in enumerate(rows):
            self.ids[index, : len(row)] = torch.tensor(row, dtype=torch.short)
        self.ids = self.ids.to(device)
        self.labels = torch.tensor([labels for _, labels in drawn], device=device)


def suffixes(tokens: Tokens, ids: Tensor, lengths: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Return whole suffixes `(B, S)`, padded at the end, and where in them the template's tail lies."""
    device = ids.device
    head = torch.tensor(tokens.suffix("", cells)[: -len(tokens.tail)], device=device)
    tail = torch.tensor(tokens.tail, device=device)
    count, longest = ids.shape[0], int(lengths.max())
    whole = torch.full(
        (count, len(head) + longest + len(tail)), tokens.special["<|endoftext|>"], device=device
    )
    whole[:, : len(head)] = head
    whole[:, len(head) : len(head) + longest] = ids[:, :longest]
    places = len(head) + lengths[:, None] + torch.arange(len(tail), device=device)
    # What a shorter prompt leaves in its row beyond its end is padding anyway, after the tail.
    return whole.scatter(1, places, tail.expand(count, -1)), places


def train(place: Workplace, budget: Budget) -> None:
    """Train, examine, and write the averaged weights and the heads."""
    device = place.device
    torch.manual_seed(0)
    tokens = Tokens.load(place.tokens)
    model = TextModel(tokens).to(device)
    heads = nn.Linear(WIDTH, sum(_HEADS)).to(device)
    both = nn.ModuleList([model, heads])
    features = {grid: value.to(device) for grid, value in load_features(place.vision).items()}
    prompts = Prompts(tokens, place.size.prompts, device)
    decayed = [p for p in both.parameters() if p.ndim > 1]
    rest = [p for p in both.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=2e-3, betas=(0.9, 0.98), fused=device == "cuda")
    run = Run("text", place.checkpoint("text"), budget, [(optimiser, 2e-3)])
    average = Average(both)
    if kept := run.resume():
        both.load_state_dict(kept["network"])
        average.weights = kept["average"]
    rng = random.Random(run.step)
    while run.fraction < 1 and not run.paused:
        run.begin_step()
        grid = rng.choice(list(features))
        chosen = torch.randint(len(prompts.ids), (place.batch(_BATCH),), device=device)
        seen = features[grid][torch.randint(len(features[grid]), (len(chosen),), device=device)]
        whole, places = suffixes(
            tokens, prompts.ids[chosen].long(), prompts.lengths[chosen], grid[0] * grid[1]
        )
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            hidden = model(whole, grid, seen)
        hidden = hidden.float().gather(1, places[..., None].expand(-1, -1, WIDTH))
        loss = torch.zeros((), device=device)
        answers, labels = heads(hidden).split(_HEADS, -1), prompts.labels[chosen]
        for index, answer in enumerate(answers):
            wanted = labels[:, index, None].expand(-1, answer.shape[1])
            loss = loss + functional.cross_entropy(
                answer.flatten(0, 1), wanted.flatten(), label_smoothing=_SMOOTHING
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        average.update(both, run.step)
        if run.due(20):
            right = [
                float((a[:, -1].argmax(-1) == labels[:, i]).float().mean()) for i, a in enumerate(answers)
            ]
            tell(f"text {run.step} {run.elapsed_s:.0f}s loss {loss.item():.3f} right {np.round(right, 3)}")
    run.save(network=both.state_dict(), average=average.weights)
    both.load_state_dict(average.weights)
    write_weights(place.weights("text"), average.weights)
    for language, chinese in (("English", False), ("Chinese", True)):
        share, wrong = examine(model, heads, features, chinese=chinese)
        tell(f"text held out, {language}: {share:.3f}; wrong: {wrong[:_TOLD]}")


@torch.no_grad()
def examine(
    model: TextModel, heads: nn.Module, features: dict[tuple[int, int], Tensor], *, chinese: bool
) -> tuple[float, list[tuple[str, str, str]]]:
    """Return the share of held-out prompts that are read as one plain step, and those that are not."""
    grid = max(features, key=lambda each: len(features[each]))
    device = features[grid].device
    exam = list(wordings.examination(chinese=chinese))
    rows = [model.tokens.prompt(prompt) for prompt, _ in exam]
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
