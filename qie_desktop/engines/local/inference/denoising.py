"""The denoising loop: from noise to the latents of the edited picture.

Source: `__call__` of diffusers' QwenImageEditPlusPipeline, without masks (batch 1, nothing padded), with the
latents kept in float32 between steps, and stopping at the first value that is not a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from qie_desktop.core.errors import NonFiniteLatents
from qie_desktop.engines.local.inference.latents import PATCH, pack, unpack
from qie_desktop.engines.local.inference.preview import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.inference.first_block_cache import FirstBlockCache
    from qie_desktop.engines.local.inference.schedule import Schedule
    from qie_desktop.engines.local.inference.transformer import EditTransformer

_TIMESTEPS = 1000
"""The transformer takes timesteps as a fraction of this."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where the denoising starts and what steers it.

    `noise` and `references` (the pictures) are normalised latents `(1, C, H/8, W/8)`; `prompt` and `negative`
    are hidden states `(1, tokens, width)`. Without `negative` there is one pass a step.
    """

    noise: Tensor
    prompt: Tensor
    negative: Tensor | None
    references: tuple[Tensor, ...]
    guidance: float


@torch.inference_mode()
def denoise(  # noqa: PLR0913, PLR0917 - all that the loop depends on
    transformer: EditTransformer,
    schedule: Schedule,
    conditions: Conditions,
    cancel: CancelToken,
    on_step: Callable[[int, int, Prediction], None],
    cache: FirstBlockCache | None = None,
) -> Tensor:
    """Return the denoised latents `(1, C, H/8, W/8)`, float32.

    Computes on the device and in the type of the prompt's hidden states. `on_step` is called with the number
    of steps done, their total and what the step has predicted. With `cache`, steps that change little are
    approximate. Raises JobCancelled between two blocks and NonFiniteLatents at the first step whose result is
    not finite.
    """
    device, dtype = conditions.prompt.device, conditions.prompt.dtype
    pictures = (conditions.noise, *conditions.references)
    shapes = tuple((1, picture.shape[-2] // PATCH, picture.shape[-1] // PATCH) for picture in pictures)
    latents = pack(conditions.noise.to(device))
    references = [pack(reference).to(dtype) for reference in conditions.references]
    passes = [hidden for hidden in (conditions.prompt, conditions.negative) if hidden is not None]
    texts = [transformer.embed_text(hidden) for hidden in passes]
    total = len(schedule.timesteps)
    timesteps = torch.stack(schedule.timesteps).to(dtype) / _TIMESTEPS
    modulations = transformer.modulations(timesteps, cancel)
    for index, timestep in enumerate(schedule.timesteps):
        tokens = torch.cat([latents.to(dtype), *references], dim=1)
        predictions = transformer.predict(tokens, texts, shapes, modulations, index, cancel, cache)
        velocity = predictions[0][:, : latents.shape[1]].float()
        if conditions.negative is not None:
            unconditional = predictions[1][:, : latents.shape[1]].float()
            velocity = _guided(velocity, unconditional, conditions.guidance)
        prediction = Prediction(latents, velocity, timestep / _TIMESTEPS)
        latents = schedule.step(velocity, timestep, latents)
        if not torch.isfinite(latents).all():
            raise NonFiniteLatents(
                f"The numbers overflowed at step {index + 1} of {total}: the picture would be black.",
                "Try another seed or fewer steps; if it happens again, choose another quantisation.",
            )
        on_step(index + 1, total, prediction)
    height, width = conditions.noise.shape[-2:]
    return unpack(latents, height, width)


def _guided(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Combine both predictions by true CFG, rescaled to the norm of the conditional one, token by token."""
    combined = unconditional + guidance * (conditional - unconditional)
    norm = torch.norm(conditional, dim=-1, keepdim=True)
    return combined * (norm / torch.norm(combined, dim=-1, keepdim=True))
