"""Trains the VAE: pictures, half of them edited, to latents and back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from torch import nn

from training.bank import PictureBank
from training.instructions import singles
from training.muon import Muon
from training.runs import Average, Budget, Run, log_error, psnr_db, split, tell, write_weights
from training.vae import CHANNELS, Vae, compile_kernels, in_channels_last

if TYPE_CHECKING:
    from torch import Tensor

    from training.workplace import Workplace

_SMALL, _LARGE = (128, 192), (256, 48)
"""Side in pixels and batch, at first and later."""
_LARGE_FROM = 0.55
_KL = 0.01
_RATE = 4e-3


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


def train(place: Workplace, budget: Budget) -> None:
    """Train, measure, and write the averaged weights with the statistics of the latents."""
    device = place.device
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    if place.compiled:
        compile_kernels()
    bank = PictureBank(
        place.pictures / "training", place.drawn, device, place.size.drawn, place.size.drawn_px
    )
    tell(f"vae: {bank.summary}")
    vae = in_channels_last(Vae(), device)
    run = Run("vae", place.checkpoint("vae"), budget, optimisers(vae, _RATE, _RATE))
    average = Average(vae)
    if kept := run.resume():
        vae.load_state_dict(kept["network"])
        average.weights = kept["average"]
    rng, instructions = random.Random(run.step), singles()
    while run.fraction < 1 and not run.paused:
        run.begin_step()
        side, count = _SMALL if run.fraction < _LARGE_FROM else _LARGE
        pixels = _batch(bank, place.batch(count), side, rng, instructions)
        noise = torch.randn(len(pixels), CHANNELS, side // 8, side // 8, device=device)
        mean, log_variance = vae.encode(_in_type(pixels))
        latents = mean + (0.5 * log_variance).exp() * noise
        found = vae.decode(_in_type(latents, scaled=True)).float() / 2 + 0.5
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        error = log_error(found, pixels)
        loss = error + 2 * _edges(found - pixels) + _KL * divergence
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        for optimiser, _ in run.optimisers:
            optimiser.step()
        vae.zero_grad(set_to_none=True)
        average.update(vae, run.step)
        if run.due(20):
            tell(
                f"vae {run.step} {run.elapsed_s:.0f}s {side} px: {-4.343 * error.item():.2f} dB, "
                f"divergence {divergence.item():.2f}"
            )
    run.save(network=vae.state_dict(), average=average.weights)
    vae.load_state_dict(average.weights)
    statistics = _statistics(vae, bank, place, rng)
    own = {f"vae.{name}": value for name, value in vae.state_dict().items()}
    write_weights(place.weights("vae"), own | statistics)
    tell(f"vae: done at step {run.step}; {measure(vae, bank):.2f} dB on training crops of 256 px")


def _batch(bank: PictureBank, count: int, side: int, rng: random.Random, instructions: list) -> Tensor:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
    """Return crops `(count, 3, side, side)`, half of them edited in ten ways."""
    pixels = bank.crops(count, side, side)
    share = max(1, count // 20)
    for index, instruction in enumerate(rng.sample(instructions, 10)):
        part = slice(index * share, min(count, (index + 1) * share))
        if pixels[part].numel():
            pixels[part] = instruction.apply(pixels[part])
    return pixels


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
def _statistics(vae: Vae, bank: PictureBank, place: Workplace, rng: random.Random) -> dict[str, Tensor]:
    """Return mean and deviation of each latent channel, and how much an error in it shows in the picture."""
    found: list[Tensor] = []
    instructions = singles()
    for _ in range(16):
        pixels = _batch(bank, place.batch(64), 256 if place.size.batch == 1 else 64, rng, instructions)
        found.append(vae.encode(_in_type(pixels))[0])
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


@torch.no_grad()
def measure(vae: Vae, bank: PictureBank) -> float:
    """Return the mean PSNR of reconstructions of crops."""
    pixels = bank.crops(8, 256, 256)
    found = vae.decode(_in_type(vae.encode(_in_type(pixels))[0], scaled=True)).float() / 2 + 0.5
    return float(psnr_db(found, pixels).mean())
