"""The VAE as a two-dimensional network, from the weights of diffusers' three-dimensional one.

It equals that one for a single frame, with a third of its weights and of its arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import safe_open
from torch import nn

from qie_desktop.core.errors import CheckpointMismatch
from qie_desktop.engines.local.checkpoint import read_json
from qie_desktop.engines.local.inference.completeness import check_complete
from qie_desktop.engines.local.inference.tiling import Chain
from qie_desktop.engines.local.inference.vae_layers import (
    Attention,
    Convolution,
    Downsample,
    Layer,
    Residual,
    RmsNorm,
    Upsample,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from qie_desktop.engines.local.inference.device import Device

_WEIGHTS = "diffusion_pytorch_model.safetensors"
_RGB = 3
_TIME = 2
"""Which side of a three-dimensional kernel `(out, in, T, H, W)` is time."""


@dataclass(frozen=True, slots=True)
class VaeConfig:
    """What a VAE's config.json says, with the defaults of diffusers' class where it says nothing."""

    latent_channels: int
    base_width: int
    widths: tuple[int, ...]
    """As multiples of `base_width`, one for each scale from the finest on."""
    blocks: int
    latents_mean: tuple[float, ...]
    latents_std: tuple[float, ...]

    @classmethod
    def read(cls, folder: Path) -> VaeConfig:
        """Read the config of a VAE's folder. Raises CheckpointMismatch for one that this network is not."""
        said = cast("dict[str, Any]", read_json(folder / "config.json"))
        config = cls(
            latent_channels=int(said.get("z_dim", 16)),
            base_width=int(said.get("base_dim", 96)),
            widths=tuple(int(width) for width in said.get("dim_mult", (1, 2, 4, 4))),
            blocks=int(said.get("num_res_blocks", 2)),
            latents_mean=tuple(float(value) for value in said.get("latents_mean", ())),
            latents_std=tuple(float(value) for value in said.get("latents_std", ())),
        )
        statistics = {len(config.latents_mean), len(config.latents_std)}
        if statistics != {config.latent_channels}:
            raise CheckpointMismatch(
                f"The VAE has {config.latent_channels} latent channels but statistics for {max(statistics)}.",
                "Use the vae folder of Qwen/Qwen-Image-Edit-2509.",
            )
        if said.get("attn_scales") or said.get("input_channels", _RGB) != _RGB:
            raise CheckpointMismatch(
                "The VAE is of another architecture: it has attention among its scales, or is not for RGB.",
                "Use the vae folder of Qwen/Qwen-Image-Edit-2509.",
            )
        return config

    @property
    def scale(self) -> int:
        """How many pixels a latent is wide and high."""
        return 2 ** (len(self.widths) - 1)


class Vae2d(nn.Module):
    """The encoder and the decoder, each a chain of layers."""

    def __init__(self, config: VaeConfig, without_attention: frozenset[str] = frozenset()) -> None:
        """Build both, `without_attention` those parts whose attention adds nothing."""
        super().__init__()
        self.encoder = Chain(_encoder_layers(config, attends="encoder" not in without_attention))
        self.decoder = Chain(_decoder_layers(config, attends="decoder" not in without_attention))

    def encode(self, pixels: Tensor, tile_bytes: int | None = None) -> Tensor:
        """Return the mode of the latents `(1, C, H/8, W/8)` of pixels `(1, 3, H, W)` from -1 to 1."""
        return self.encoder(pixels, tile_bytes).chunk(2, dim=1)[0]

    def decode(self, latents: Tensor, tile_bytes: int | None = None) -> Tensor:
        """Return the pixels `(1, 3, H, W)`, about from -1 to 1, of latents `(1, C, H/8, W/8)`."""
        return self.decoder(latents, tile_bytes)

    def weight_names(self) -> dict[str, str]:
        """Return the name here of each weight, by its name in the checkpoint."""
        return {
            f"{name}.{weight}": f"{part}.layers.{index}.{weight}"
            for part, chain in (("encoder", self.encoder), ("decoder", self.decoder))
            for index, (name, layer) in enumerate(zip(chain.names, chain.layers, strict=True))
            for weight, _ in layer.named_parameters()
        }


def load_vae(folder: Path, config: VaeConfig, device: Device) -> Vae2d:
    """Read the VAE in its folder of a checkpoint, tensor by tensor, of kernels the last temporal tap alone.

    Raises CheckpointMismatch when weights are missing or of other shapes.
    """
    without_attention = _without_attention(_weight_files(folder))
    with torch.device("meta"):
        vae = Vae2d(config, without_attention)
    shapes = {name: tuple(value.shape) for name, value in vae.state_dict().items()}
    names = vae.weight_names()
    weights: dict[str, Tensor] = {}
    wrong: dict[str, str] = {}
    for path in _weight_files(folder):
        with safe_open(path, "pt") as file:
            for name in names.keys() & set(file.keys()):
                stored, shape = file.get_slice(name), shapes[names[name]]
                found = tuple(stored.get_shape())
                if shape not in {found, found[:_TIME] + found[_TIME + 1 :]}:
                    wrong[name] = f"{name} {found} instead of {shape}"
                    continue
                value = stored[:] if found == shape else stored[:, :, found[_TIME] - 1]
                weights[names[name]] = value.to(device.device, device.dtype, copy=True)
    missing = [name for name, own in names.items() if own not in weights and name not in wrong]
    check_complete("VAE", {"missing_keys": missing, "mismatched_keys": list(wrong.values())})
    vae.load_state_dict(weights, assign=True)
    if device.device.type == "cpu":
        # Channels innermost: 0.5 to 0.6 of the time (x86-64 with AVX-512, 1 MP).
        vae = cast("Any", vae).to(memory_format=torch.channels_last)
    return vae.eval().requires_grad_(requires_grad=False)


def _without_attention(paths: list[Path]) -> frozenset[str]:
    """Return the parts whose attention adds nothing to its input, since what it would add is times zero."""
    silent: dict[str, set[str]] = {"encoder": set(), "decoder": set()}
    for path in paths:
        with safe_open(path, "pt") as file:
            stored = set(file.keys())
            for part, names in silent.items():
                for name in ("weight", "bias"):
                    whole = f"{part}.mid_block.attentions.0.proj.{name}"
                    if whole in stored and not file.get_tensor(whole).any():
                        names.add(name)
    return frozenset(part for part, names in silent.items() if names == {"weight", "bias"})


def _weight_files(folder: Path) -> list[Path]:
    """Return the file of the weights, or the several that its index lists."""
    index = folder / f"{_WEIGHTS}.index.json"
    if (folder / _WEIGHTS).is_file() or not index.is_file():
        return [folder / _WEIGHTS]
    shards = cast("dict[str, str]", read_json(index)["weight_map"])
    return [folder / shard for shard in sorted(set(shards.values()))]


def _encoder_layers(config: VaeConfig, *, attends: bool) -> Iterator[tuple[str, Layer]]:
    width = config.base_width
    yield "encoder.conv_in", Convolution(_RGB, width, 3)
    block = 0
    for scale, multiple in enumerate(config.widths):
        for _ in range(config.blocks):
            yield f"encoder.down_blocks.{block}", Residual(width, multiple * config.base_width)
            width = multiple * config.base_width
            block += 1
        if scale < len(config.widths) - 1:
            yield f"encoder.down_blocks.{block}", Downsample(width)
            block += 1
    yield from _middle_layers("encoder", width, attends=attends)
    yield from _last_layers("encoder", width, 2 * config.latent_channels)
    # Mean and logarithm of the variance.
    yield "quant_conv", Convolution(2 * config.latent_channels, 2 * config.latent_channels, 1)


def _decoder_layers(config: VaeConfig, *, attends: bool) -> Iterator[tuple[str, Layer]]:
    width = config.widths[-1] * config.base_width
    yield "post_quant_conv", Convolution(config.latent_channels, config.latent_channels, 1)
    yield "decoder.conv_in", Convolution(config.latent_channels, width, 3)
    yield from _middle_layers("decoder", width, attends=attends)
    for block, multiple in enumerate(reversed(config.widths)):
        for index in range(config.blocks + 1):
            yield f"decoder.up_blocks.{block}.resnets.{index}", Residual(width, multiple * config.base_width)
            width = multiple * config.base_width
        if block < len(config.widths) - 1:
            yield f"decoder.up_blocks.{block}.upsamplers.0", Upsample(width)
            width //= 2
    yield from _last_layers("decoder", width, _RGB)


def _middle_layers(part: str, width: int, *, attends: bool) -> Iterator[tuple[str, Layer]]:
    yield f"{part}.mid_block.resnets.0", Residual(width, width)
    if attends:
        yield f"{part}.mid_block.attentions.0", Attention(width)
    yield f"{part}.mid_block.resnets.1", Residual(width, width)


def _last_layers(part: str, width: int, outputs: int) -> Iterator[tuple[str, Layer]]:
    yield f"{part}.norm_out", RmsNorm(width)
    yield f"{part}.conv_out", Convolution(width, outputs, 3)
