"""What else a step of ours may cost or save: its preview, and first-block caching over a whole run."""

from __future__ import annotations

import math
import time
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import torch

from qie_desktop.core.geometry import Size
from qie_desktop.engines.local.inference.first_block_cache import FirstBlockCache
from qie_desktop.engines.local.inference.latents import PATCH
from qie_desktop.engines.local.inference.preview import PreviewMaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from qie_desktop.engines.local.inference.device import Device

    Predict = Callable[[Tensor, int, FirstBlockCache | None], list[Tensor]]

_WARM_UP, _ROUNDS = 2, 7
_GUIDANCE = 4.0


class CachedRun(NamedTuple):
    """A run of both passes with first-block caching beside an exact one, from the same noise.

    `reused` of `steps` steps were approximate. `difference` and `psnr_db` are those of the final latents: as
    parts of the exact ones' range.
    """

    steps: int
    reused: int
    exact_s: float
    cached_s: float
    difference: float
    psnr_db: float


def timed(work: Callable[[], object], device: Device) -> float:
    """Return how many seconds something takes on a device."""
    device.synchronize()
    began = time.perf_counter()
    work()
    device.synchronize()
    return time.perf_counter() - began


def median_s(work: Callable[[], object], device: Device) -> float:
    """Return the median time of some calls after some others."""
    return median([timed(work, device) for _ in range(_WARM_UP + _ROUNDS)][_WARM_UP:])


def preview_s(device: Device, side: int, channels: int) -> float:
    """Return what the preview of a step costs, for a target of `side` tokens squared."""
    tokens, velocity = torch.randn(2, 1, side * side, channels, device=device.device).split(1)
    colours = torch.rand(channels // PATCH**2 + 1, 3, device=device.device)
    make = PreviewMaker(colours, Size(side * PATCH, side * PATCH))
    sigma = torch.tensor(0.5, device=device.device)
    return median_s(lambda: make(tokens[0], velocity[0], sigma), device)


def cached_run(predict: Predict, noise: Tensor, steps: int, threshold: float, device: Device) -> CachedRun:
    """Denoise `noise` (tokens, float32) in so many steps, exactly and with a threshold.

    `predict` takes the target's tokens `(1, tokens, channels)`, the step and a cache, and gives what each of
    both passes predicts. Raises what it raises.
    """
    cache = FirstBlockCache(threshold)
    results: list[Tensor] = []

    def run(used: FirstBlockCache | None) -> Callable[[], None]:
        return lambda: results.append(_denoised(predict, noise, steps, used))

    exact_s, cached_s = timed(run(None), device), timed(run(cache), device)
    exact, cached = results
    scale = float(exact.max() - exact.min())
    difference = (exact - cached).abs() / scale
    error = float(difference.square().mean())
    psnr = -10 * math.log10(error) if error else math.inf
    return CachedRun(steps, cache.reused, exact_s, cached_s, float(difference.max()), psnr)


def _denoised(predict: Predict, noise: Tensor, steps: int, cache: FirstBlockCache | None) -> Tensor:
    latents = noise
    for step in range(steps):
        conditional, unconditional = (part.float() for part in predict(latents, step, cache))
        velocity = unconditional + _GUIDANCE * (conditional - unconditional)
        velocity *= conditional.norm(dim=-1, keepdim=True) / velocity.norm(dim=-1, keepdim=True)
        latents = latents - velocity / steps
    return latents
