"""The VAE: pictures to normalised latents and back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from qie_desktop.core.errors import NonFiniteLatents
from qie_desktop.core.memory_need import RETRY_TILE_SHARE
from qie_desktop.engines.local.inference.interruption import interruptible
from qie_desktop.engines.local.inference.vae_2d import VaeConfig, load_vae

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.inference.device import Device
    from qie_desktop.engines.local.inference.tiling import Chain


class Autoencoder:
    """Encodes pictures into latents normalised by the checkpoint's mean and standard deviation, and back.

    Source: `_encode_vae_image` and the end of `__call__` of diffusers' QwenImageEditPlusPipeline.
    """

    def __init__(self, folder: Path, device: Device, tile_bytes: int | None = None) -> None:
        """Load the VAE from its folder in a checkpoint."""
        self.tile_bytes = tile_bytes
        """What activations may take at a time: beyond it they are computed in tiles. None: whatever it is."""
        self._device = device
        config = VaeConfig.read(folder)
        self._vae = load_vae(folder, config, device)
        self.channels = config.latent_channels
        self.scale = config.scale
        shape = (1, self.channels, 1, 1)
        self._mean = torch.tensor(config.latents_mean, device=device.device).reshape(shape)
        self._std = torch.tensor(config.latents_std, device=device.device).reshape(shape)

    def encode(self, picture: Image.Image, cancel: CancelToken) -> Tensor:
        """Return the float32 latents `(1, C, H/8, W/8)` of an RGB picture; its sides are multiples of 16."""
        # Divided as the stock pipeline divides it, so that the numbers are the same.
        pixels = torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255.0).permute(2, 0, 1)
        pixels = (2.0 * pixels - 1.0)[None].to(self._device.device, self._device.dtype)
        latents = self._encode(pixels, cancel, self.tile_bytes)
        if not torch.isfinite(latents).all() and self._device.dtype != torch.float32:
            with self._in_float32():
                latents = self._encode(pixels.float(), cancel, self._small_tiles(self._vae.encoder, pixels))
        if not torch.isfinite(latents).all():
            raise NonFiniteLatents(
                "The picture could not be encoded: the VAE gave values that are not numbers.",
                "The checkpoint's vae folder may be damaged: download it again.",
            )
        return (latents - self._mean) / self._std

    def decode(self, latents: Tensor, cancel: CancelToken, retrying: Callable[[], None]) -> Image.Image:
        """Return the RGB picture of normalised latents `(1, C, H/8, W/8)`.

        When the result is not finite it is decoded once more in float32, in tiles, after calling `retrying`;
        when that fails too, NonFiniteLatents is raised.
        """
        latents = latents * self._std + self._mean
        pixels = self._decode(latents.to(self._device.dtype), cancel, self.tile_bytes)
        if not torch.isfinite(pixels).all() and self._device.dtype != torch.float32:
            retrying()
            with self._in_float32():
                pixels = self._decode(latents.float(), cancel, self._small_tiles(self._vae.decoder, latents))
        if not torch.isfinite(pixels).all():
            raise NonFiniteLatents(
                "The picture could not be decoded: the VAE gave values that are not numbers.",
                "Try another seed; if it happens again, the checkpoint's vae folder is damaged.",
            )
        values = ((pixels.float() * 0.5 + 0.5).clamp_(0, 1) * 255).round_().to(torch.uint8)
        return Image.fromarray(values[0].permute(1, 2, 0).contiguous().cpu().numpy(), "RGB")

    def _encode(self, pixels: Tensor, cancel: CancelToken, tile_bytes: int | None) -> Tensor:
        with interruptible(self._vae.encoder, cancel):
            return self._vae.encode(pixels, tile_bytes).float()

    def _decode(self, latents: Tensor, cancel: CancelToken, tile_bytes: int | None) -> Tensor:
        """Return the pixels `(1, 3, H, W)`, about from -1 to 1."""
        with interruptible(self._vae.decoder, cancel):
            return self._vae.decode(latents, tile_bytes)

    def _small_tiles(self, layers: Chain, x: Tensor) -> int:
        """Return what activations may take in float32: less than the whole takes in the device's type."""
        whole = layers.numbers(x) * self._device.dtype.itemsize
        return min(whole // RETRY_TILE_SHARE, self.tile_bytes or whole)

    @contextmanager
    def _in_float32(self) -> Generator[None]:
        """Compute in full precision while this lasts."""
        self._vae.to(torch.float32)
        try:
            yield
        finally:
            self._vae.to(self._device.dtype)
