"""Settles transformer and decoder together at the end: a few small steps, on dark pictures among others.

The mean colour of a dark picture with small lights is mostly in these, and what a network cannot predict to
the point it makes dimmer. So that colour is what the trainings before leave a tint in.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from training.bank import PictureBank, draw_all
from training.conditions import Conditions
from training.instructions import NAMES
from training.pools import LatentCoder
from training.procedural import draw_dark
from training.runs import Average, Budget, Run, clip_gradients, log_error, tell, write_weights
from training.transformer import Transformer, unpack
from training.vae import trained_decoder, with_decoder

if TYPE_CHECKING:
    from torch import Tensor

    from training.workplace import Workplace

_STEPS, _WARM_UP = 120, 15
_RATE, _DECODER_RATE = 5e-5, 1e-4
_BATCH, _SIDE_PX, _WINDOW_PX, _MARGIN_PX = 8, 256, 128, 16
"""Windows are decoded; what lies within the margin of a side that is not the picture's is not looked at."""
_DARK, _DARK_PX, _DARK_SHARE = 100, 512, 0.375
_ASKED = {"unchanged": 0.2, "saturate": 0.25, "contrast": 0.06}
"""Dark pictures are to stay as they are. Of others these are asked so often; the rest as in the training."""
_PROMPTS = 30
"""For each instruction."""
_KEPT = NAMES.index("unchanged")
_TINT, _KEPT_TINT, _FLOOR, _PIXEL_WEIGHT = 48.0, 240.0, 3e-4, 0.1


def train(place: Workplace, budget: Budget) -> bool:
    """Train, and write the averaged weights of transformer and VAE. Return whether it is done, not paused."""
    torch.manual_seed(place.seed)
    training = _Training(place, replace(budget, steps=min(budget.steps, _STEPS)))
    run = training.run
    if run.already_done(place.settled("transformer"), place.settled("vae")):
        return True
    while run.fraction < 1 and not run.paused:
        training.step()
    training.write(place)
    training.save()
    tell(f"{run.name}: stopped at step {run.step}, {run.elapsed_s:.0f} s")
    return run.fraction >= 1


class _Training:
    """Everything that a step works on."""

    def __init__(self, place: Workplace, budget: Budget) -> None:
        device = place.device
        # Before there is anything on the device: processes are forked for it.
        dark = torch.from_numpy(draw_all(draw_dark, place.batch(_DARK), _DARK_PX))
        self._batch = place.batch(_BATCH)
        prompts = min(_PROMPTS, place.size.bank_prompts)
        self._conditions = Conditions(replace(place, size=replace(place.size, bank_prompts=prompts)))
        self._bank = PictureBank(
            place.pictures / "training", place.drawn, device, place.size.drawn, place.size.drawn_px
        )
        self._drawn = dark.permute(0, 3, 1, 2).to(device)
        self._vae_weights = load_file(place.weights("vae_tuned"))
        self._coder = LatentCoder(self._vae_weights, device)
        self._coder.type = torch.float32
        self._model = Transformer().to(device)
        self._model.load_state_dict(load_file(place.weights("transformer")))
        self._decoder = trained_decoder(self._coder.vae)
        every: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.AdamW(_trained(network), lr=rate, betas=(0.9, 0.98), weight_decay=0), rate)
            for network, rate in ((self._model, _RATE), (self._decoder, _DECODER_RATE))
        ]
        made_from = tuple(place.weights(each) for each in ("text", "transformer", "vae_tuned"))
        self.run = Run("settle", place.checkpoint("settle"), budget, every, place.seed, made_from)
        self._averages = [Average(each, 0.98) for each in (self._model, self._decoder)]
        if kept := self.run.resume():
            self._model.load_state_dict(kept["network"])
            self._decoder.load_state_dict(kept["decoder"])
            for average, weights in zip(self._averages, kept["averages"], strict=True):
                average.weights = weights
        self._rng = random.Random(f"{place.seed} {self.run.step}")

    def step(self) -> None:
        """Take one step."""
        run = self.run
        run.begin_step(_WARM_UP)
        for network in (self._model, self._decoder):
            network.zero_grad(set_to_none=True)
        loss = self._error(*self._pairs())
        loss.backward()
        for network in (self._model, self._decoder):
            clip_gradients(network)
        for optimiser, _ in run.optimisers:
            optimiser.step()
        for average, network in zip(self._averages, (self._model, self._decoder), strict=True):
            average.update(network, run.step)
        if run.due(20):
            tell(f"{run.name} {run.step} {run.elapsed_s:.0f}s loss {loss.item():.4f}")

    @torch.no_grad()
    def _pairs(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return pictures, what is wanted of them, hidden states, and where nothing is to be changed."""
        pictures = self._bank.crops(self._batch, _SIDE_PX, _SIDE_PX)
        dark = round(self._batch * _DARK_SHARE)
        pictures[:dark] = self._dark(dark)
        conditions, rng = self._conditions, self._rng
        length = rng.choices(conditions.lengths, [len(each.states) for each in conditions.lengths])[0]
        named = sorted(length.named)
        weights = [conditions.weights[each] for each in named]
        asked = [
            _KEPT if place < dark and _KEPT in named else self._ask(named, weights)
            for place in range(self._batch)
        ]
        wanted = [
            conditions.instructions[each].apply(pictures[place : place + 1])
            for place, each in enumerate(asked)
        ]
        which = torch.tensor(asked, device=pictures.device)
        return pictures, torch.cat(wanted), length.draw(which).float(), (which == _KEPT).float()

    def _ask(self, named: list[int], weights: list[float]) -> int:
        share = self._rng.random()
        for name, part in _ASKED.items():
            if share < part and NAMES.index(name) in named:
                return NAMES.index(name)
            share -= part
        return self._rng.choices(named, weights)[0]

    def _dark(self, count: int) -> Tensor:
        """Return crops of dark pictures, as they are drawn or at half their size."""
        found: list[Tensor] = []
        for _ in range(count):
            picture = self._drawn[self._rng.randrange(len(self._drawn))][None].float() / 255
            if self._rng.random() < 0.5:
                picture = functional.interpolate(picture, scale_factor=0.5, mode="bicubic", antialias=True)
            top, left = (self._rng.randint(0, side - _SIDE_PX) for side in picture.shape[2:])
            found.append(picture[..., top : top + _SIDE_PX, left : left + _SIDE_PX].clamp(0, 1))
        return torch.cat(found)

    def _error(self, pictures: Tensor, wanted: Tensor, text: Tensor, kept: Tensor) -> Tensor:
        coder, tokens = self._coder, _SIDE_PX // 16
        reference, target = coder.encode(pictures), coder.encode(wanted)
        noise, ones = torch.randn_like(target), torch.ones(len(target), device=target.device)
        clean = noise - self._model(noise, reference, text, ones, tokens)
        error = ((clean - target).square() * coder.channel_weights).mean()
        places = range(0, _SIDE_PX - _WINDOW_PX + 1, _WINDOW_PX // 2)
        top, left = self._rng.choice(places), self._rng.choice(places)
        rows, columns = (slice(start // 8, (start + _WINDOW_PX) // 8) for start in (top, left))
        found = coder.decode(unpack(clean, _SIDE_PX // 8, _SIDE_PX // 8)[..., rows, columns])
        right = wanted[..., top : top + _WINDOW_PX, left : left + _WINDOW_PX]
        seen = torch.zeros_like(right[:1, :1])
        rows, columns = (
            slice(start and _MARGIN_PX, _WINDOW_PX - (start < places[-1]) * _MARGIN_PX)
            for start in (top, left)
        )
        seen[..., rows, columns] = 1
        tint = _TINT + (_KEPT_TINT - _TINT) * kept
        weights = seen.expand(len(right), -1, -1, -1)
        return error + _PIXEL_WEIGHT * log_error(found, right, weights, floor=_FLOOR, tint=tint)

    def save(self) -> None:
        """Write the checkpoint to go on from."""
        self.run.save(
            network=self._model.state_dict(), decoder=self._decoder.state_dict(),
            averages=[each.weights for each in self._averages],
        )  # fmt: skip

    def write(self, place: Workplace) -> None:
        """Write the averaged weights, the VAE's with its decoder."""
        of_model, of_decoder = (each.weights for each in self._averages)
        write_weights(place.settled("transformer"), of_model)
        write_weights(place.settled("vae"), with_decoder(self._vae_weights, of_decoder))


def _trained(network: nn.Module) -> list[nn.Parameter]:
    return [each for each in network.parameters() if each.requires_grad]
