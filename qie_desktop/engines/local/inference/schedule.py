"""The noise schedule: diffusers' flow-matching Euler scheduler with the checkpoint's own settings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from diffusers import FlowMatchEulerDiscreteScheduler

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, device


class Schedule:
    """The timesteps of one run, and the Euler step between them.

    Sigmas go from 1 to 1/n in equal steps, then through the checkpoint's shift. Source: `__call__` and
    `calculate_shift` of diffusers' QwenImageEditPlusPipeline.
    """

    def __init__(
        self,
        folder: Path,
        steps: int,
        token_count: int,
        device: device,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Read a checkpoint's scheduler and set it for `steps` steps over `token_count` target tokens.

        `settings` take the place of its own, as for weights that were distilled for others.
        """
        # diffusers' signatures are narrower than what the class takes and gives.
        scheduler = cast("Any", FlowMatchEulerDiscreteScheduler.from_pretrained(folder))
        # One sigma, which is 1, cannot be stretched to end elsewhere: diffusers divides 0 by 0.
        others = {**(settings or {}), **({"shift_terminal": None} if steps == 1 else {})}
        if others:
            scheduler = type(scheduler).from_config(scheduler.config, **others)
        sigmas = np.linspace(1.0, 1 / steps, steps)
        shift = dynamic_shift(dict(scheduler.config), token_count)
        scheduler.set_timesteps(sigmas=sigmas, device=device, mu=shift)
        scheduler.set_begin_index(0)
        self._scheduler = scheduler
        self.timesteps: list[Tensor] = list(scheduler.timesteps)
        """Each a scalar tensor from 1000 down."""

    def step(self, velocity: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        """Return the latents after one step; to be called once for each timestep, in order."""
        return self._scheduler.step(velocity, timestep, latents, return_dict=False)[0]


def dynamic_shift(config: dict[str, Any], token_count: int) -> float:
    """Return mu: the line through the config's base and maximum shift at its sequence lengths.

    A shift that is the same at both ends, such as ln 3, holds for every length.
    """
    base_length, base_shift = config.get("base_image_seq_len", 256), config.get("base_shift", 0.5)
    max_length, max_shift = config.get("max_image_seq_len", 4096), config.get("max_shift", 1.15)
    if math.isclose(base_shift, max_shift):
        return float(base_shift)
    slope = (max_shift - base_shift) / (max_length - base_length)
    return token_count * slope + (base_shift - slope * base_length)
