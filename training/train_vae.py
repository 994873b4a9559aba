"""Trains the VAE: pictures, half of them edited, to latents and back."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from training.bank import PictureBank
from training.instructions import Step, singles
from training.muon import Muon
from training.replay import Recorder
from training.runs import (
    Average,
    Budget,
    Run,
    Snapshot,
    clip_gradients,
    keep_finite,
    log_error,
    psnr_db,
    put_rates_on_device,
    split,
    tell,
    write_weights,
)
from training.vae import CHANNELS, Vae, fuse_kernels, in_channels_last, set_trained

if TYPE_CHECKING:
    from torch import Tensor

    from training.workplace import Workplace

_SMALL, _LARGE = (128, 192), (256, 48)
"""Side in pixels and batch, at first and later."""
_LARGE_FROM = 0.55
"""From this part of the time on the batches are the later ones."""
_RATE = 4e-3
_FAINT, _VIVID = 0.9, 0.7
"""How much the errors count in what a pencil sketch shows, texture in the dark, and in what more saturation
does, colour: else they are hidden."""
_KL = 0.016
_EDITS = 6
"""So many instructions are applied in a batch, to a twelfth of it each."""
_HARD = {"sketch": 7.0, "sharpen": 3.0, "contrast": 6.0, "saturate": 10.0, "posterise": 2.0, "brighter": 2.0}
"""How much more often than others they are: what they make is hard to encode."""
_SEEN_EVERY = 100
_STATISTICS_BATCHES = 16
_SKETCH, _SATURATE = Step("sketch"), Step("saturate")
_TOLD = ("error", "faint", "vivid", "divergence")


def _matrix(name: str, parameter: nn.Parameter) -> bool:
    """Return whether Muon is for this kernel: not for the first one, and not for small ones."""
    wide = parameter.ndim == 4 and parameter.shape[0] >= 16 and parameter[0].numel() >= 100
    return wide and "conv_in" not in name


def optimisers(
    network: nn.Module, rate: float, rest_rate: float
) -> list[tuple[torch.optim.Optimizer, float]]:
    """Return Muon for a VAE's larger kernels and AdamW for the rest of what is trained."""
    matrices, rest = split(network, _matrix)
    fused = rest[0].is_cuda
    adam = torch.optim.AdamW(rest, lr=rest_rate, betas=(0.9, 0.99), weight_decay=0, fused=fused)
    return [(Muon(matrices, rate), rate), (adam, rest_rate)]


def train(place: Workplace, budget: Budget) -> bool:
    """Train, measure, and write the averaged weights with the statistics of the latents.

    Return whether it is done, not paused.
    """
    torch.manual_seed(place.seed)
    torch.backends.cudnn.benchmark = True
    training = _Training(place, budget)
    run = training.run
    if run.already_done(place.weights("vae")):
        return True
    while run.fraction < 1 and not run.paused:
        training.step()
    training.finish()
    return run.fraction >= 1


class _Training:
    """Everything that a step works on."""

    def __init__(self, place: Workplace, budget: Budget) -> None:
        self._place, device = place, place.device
        if place.compiled:
            fuse_kernels()
        self._bank = PictureBank(
            place.pictures / "training", place.drawn, device, place.size.drawn, place.size.drawn_px
        )
        tell(f"vae: {self._bank.summary}")
        self._vae = in_channels_last(Vae(), device)
        set_trained(self._vae)
        every = optimisers(self._vae, _RATE, _RATE)
        self.run = Run("vae", place.checkpoint("vae"), budget, every, place.seed)
        self._average = Average(self._vae)
        if kept := self.run.resume():
            self._vae.load_state_dict(kept["network"])
            self._average.weights = kept["average"]
        self._rng = random.Random(f"{place.seed} {self.run.step}")
        self._instructions = singles()
        self._weights = [_HARD.get(each.steps[0].name, 1.0) for each in self._instructions]
        self._pixels = {
            side: torch.zeros(place.batch(count), 3, side, side, device=device)
            for side, count in (_SMALL, _LARGE)
        }
        self._told = {name: torch.zeros((), device=device) for name in _TOLD}
        self._safe = Snapshot([self._vae], [self._average])
        self._recorder = Recorder(device, recording=place.compiled)
        if device == "cuda":
            put_rates_on_device(self.run.optimisers, device)

    def step(self) -> None:
        """Take one step."""
        run = self.run
        run.begin_step()
        side, count = _SMALL if run.fraction < _LARGE_FROM else _LARGE
        self._pixels[side].copy_(self._batch(self._place.batch(count), side))
        self._recorder.run(side, partial(self._learn, side))
        self._average.update(self._vae, run.step)
        if run.step % _SEEN_EVERY == 0:
            keep_finite(run, self._safe)
        if run.due(20):
            said = ", ".join(f"{name} {value.item():.3f}" for name, value in self._told.items())
            tell(f"{run.name} {run.step} {run.elapsed_s:.0f}s {side} px: {said}")

    def _learn(self, side: int) -> None:
        """Change the weights once: what `Recorder` records."""
        pixels, half = self._pixels[side], len(self._pixels[side]) // 2
        self._vae.zero_grad(set_to_none=True)
        mean, log_variance = self._vae.encode(_in_type(pixels))
        latents = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        found = self._vae.decode(_in_type(latents, scaled=True)).float() / 2 + 0.5
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        error = log_error(found, pixels)
        # Of the pictures that are not edited already.
        found_plain, plain = found[half:], pixels[half:]
        faint = log_error(_SKETCH.apply(found_plain), _SKETCH.apply(plain))
        vivid = log_error(_SATURATE.apply(found_plain), _SATURATE.apply(plain))
        loss = error + _FAINT * faint + _VIVID * vivid + 2 * _edges(found - pixels) + _KL * divergence
        loss.backward()
        clip_gradients(self._vae)
        for optimiser, _ in self.run.optimisers:
            optimiser.step()
        for name, value in zip(_TOLD, (error, faint, vivid, divergence), strict=True):
            self._told[name].copy_(value.detach())

    def _batch(self, count: int, side: int) -> Tensor:
        """Return crops `(count, 3, side, side)`, the first half of them edited in some ways."""
        pixels = self._bank.crops(count, side, side)
        share = max(1, count // (2 * _EDITS))
        for index, each in enumerate(self._rng.choices(self._instructions, self._weights, k=_EDITS)):
            part = slice(index * share, min(count // 2, (index + 1) * share))
            if pixels[part].numel():
                pixels[part] = each.apply(pixels[part])
        return pixels

    def finish(self) -> None:
        """Write the averaged weights, the statistics of the latents and the checkpoint, and measure."""
        run, vae = self.run, self._vae
        network = {name: value.clone() for name, value in vae.state_dict().items()}
        vae.load_state_dict(self._average.weights)
        own = {f"vae.{name}": value for name, value in vae.state_dict().items()}
        write_weights(self._place.weights(run.name), own | self._statistics())
        run.save(network=network, average=self._average.weights)
        level = measure(vae, self._bank)
        tell(f"{run.name}: done at step {run.step}; {level:.2f} dB on training crops of 256 px")

    @torch.no_grad()
    def _statistics(self) -> dict[str, Tensor]:
        """Return mean and deviation of each latent channel, and how much an error in it shows."""
        vae, place = self._vae, self._place
        side = _LARGE[0] if place.size.batch == 1 else 64
        found = [
            vae.encode(_in_type(self._batch(place.batch(64), side)))[0] for _ in range(_STATISTICS_BATCHES)
        ]
        every = torch.cat(found)
        mean, std = every.mean((0, 2, 3)), every.std((0, 2, 3))
        latents, shown = found[0], []
        plain = vae.decode(_in_type(latents, scaled=True)).float()
        for channel in range(CHANNELS):
            moved = latents.clone()
            moved[:, channel] += 0.1 * std[channel] * torch.randn_like(moved[:, channel])
            shown.append((vae.decode(_in_type(moved, scaled=True)).float() - plain).square().mean())
        sensitivity = torch.stack(shown)
        return {"mean": mean, "std": std, "sensitivity": sensitivity / sensitivity.mean()}


def _in_type(x: Tensor, *, scaled: bool = False) -> Tensor:
    """Return pixels scaled to -1…1, or latents as they are, in the type that the device is quick in."""
    x = x if scaled else x * 2 - 1
    return x.to(torch.bfloat16 if x.is_cuda else torch.float32, memory_format=torch.channels_last)


def _edges(error: Tensor) -> Tensor:
    """Return how much the error differs between neighbours: what a person sees as noise."""
    return (error[..., 1:] - error[..., :-1]).abs().mean() + (
        error[..., 1:, :] - error[..., :-1, :]
    ).abs().mean()


@torch.no_grad()
def measure(vae: Vae, bank: PictureBank) -> float:
    """Return the mean PSNR of reconstructions of crops."""
    pixels = bank.crops(8, 256, 256)
    found = vae.decode(_in_type(vae.encode(_in_type(pixels))[0], scaled=True)).float() / 2 + 0.5
    return float(psnr_db(found, pixels).mean())
