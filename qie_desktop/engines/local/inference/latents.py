"""Latents: the noise they start from, and how they are packed into tokens.

Sources: `_pack_latents`, `_unpack_latents` and `prepare_latents` of diffusers' QwenImageEditPlusPipeline.
"""

from __future__ import annotations

import torch

PATCH = 2
"""Latents are packed 2×2 into one token."""


def draw_noise(seed: int, channels: int, height: int, width: int) -> torch.Tensor:
    """Return standard normal noise `(1, channels, height, width)`, float32, on the CPU.

    Always drawn there and in the stock pipeline's shape, so that a seed gives the same picture on every
    device, and the same as the stock pipeline.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn((1, 1, channels, height, width), generator=generator, dtype=torch.float32)[:, 0]


def pack(latents: torch.Tensor) -> torch.Tensor:
    """Turn latents `(1, C, H, W)` into tokens `(1, H/2 · W/2, 4 C)`."""
    batch, channels, height, width = latents.shape
    patches = latents.reshape(batch, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return patches.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * PATCH * PATCH)


def unpack(tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Turn tokens `(1, H/2 · W/2, 4 C)` back into latents `(1, C, H, W)`."""
    batch, _, values = tokens.shape
    patches = tokens.reshape(batch, height // PATCH, width // PATCH, values // PATCH**2, PATCH, PATCH)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(batch, values // PATCH**2, height, width)
