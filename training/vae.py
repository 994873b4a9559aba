"""The VAE for one frame, in two dimensions, with the names of weights of diffusers' AutoencoderKLQwenImage.

For one frame its causal 3×3×3 convolutions are the last temporal tap alone: `expand` puts it back into
kernels whose other taps are zero. Its attention, one head over the whole picture, is left out: its weights
are zero, so that a picture is encoded alike at every size. Weights are float32; the arithmetic is done in the
type of the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

CHANNELS = 16
CONFIG: dict[str, Any] = {
    "base_dim": 32,
    "z_dim": CHANNELS,
    "dim_mult": [1, 2, 3, 4],
    "num_res_blocks": 1,
    "attn_scales": [],
    "temperal_downsample": [False, True, True],
}
_TINY = 1e-12
_FIVE = 5


def norm_silu(x: Tensor, gamma: Tensor) -> Tensor:
    """Return `silu(x / rms(x) · gamma)` of `(B, C, H, W)`, the root mean square being over channels."""
    scale = torch.rsqrt(x.float().square().mean(1, keepdim=True) + _TINY)
    return functional.silu((x.float() * scale * gamma.reshape(1, -1, 1, 1)).to(x.dtype))


_kernels = {"norm_silu": norm_silu}


def fuse_kernels() -> None:
    """Take one kernel for normalisation and activation on CUDA."""
    from training import fused_norm

    _kernels["norm_silu"] = fused_norm.norm_silu


class _Convolution(nn.Conv2d):
    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, side, stride, padding=side // 2 if stride == 1 else 0)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in torch
        weight, bias = self.weight.to(input.dtype), self.bias
        bias = None if bias is None else bias.to(input.dtype)
        return functional.conv2d(input, weight, bias, self.stride, self.padding)


class _Norm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width, 1, 1))


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _Norm(inputs), _Convolution(inputs, outputs, 3)
        self.norm2, self.conv2 = _Norm(outputs), _Convolution(outputs, outputs, 3)
        self.conv_shortcut = _Convolution(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(_kernels["norm_silu"](x, self.norm1.gamma))
        return self.conv2(_kernels["norm_silu"](inner, self.norm2.gamma)) + self.conv_shortcut(x)


class _NoAttention(nn.Module):
    """The weights of an attention that adds nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _Norm(width)
        self.to_qkv, self.proj = _Convolution(width, 3 * width, 1), _Convolution(width, width, 1)
        with torch.no_grad():
            for weight in self.parameters():
                weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return x


class _Down(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.resample = nn.ModuleList([nn.Identity(), _Convolution(width, width, 3, stride=2)])

    def forward(self, x: Tensor) -> Tensor:
        return self.resample[1](functional.pad(x, (0, 1, 0, 1)))


class _Up(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.resample = nn.ModuleList([nn.Identity(), _Convolution(width, width // 2, 3)])

    def forward(self, x: Tensor) -> Tensor:
        return self.resample[1](functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class _Middle(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([_Residual(width, width), _Residual(width, width)])
        self.attentions = nn.ModuleList([_NoAttention(width)])

    def forward(self, x: Tensor) -> Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class _Stage(nn.Module):
    def __init__(self, inputs: int, outputs: int, *, last: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([_Residual(inputs, outputs), _Residual(outputs, outputs)])
        self.upsamplers = nn.ModuleList([] if last else [_Up(outputs)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in [*self.resnets, *self.upsamplers]:
            x = layer(x)
        return x


class _Encoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.conv_in = _Convolution(3, widths[0], 3)
        blocks: list[nn.Module] = []
        inputs = widths[0]
        for index, width in enumerate(widths):
            blocks.append(_Residual(inputs, width))
            inputs = width
            if index < len(widths) - 1:
                blocks.append(_Down(width))
        self.down_blocks = nn.ModuleList(blocks)
        self.mid_block, self.norm_out = _Middle(inputs), _Norm(inputs)
        self.conv_out = _Convolution(inputs, 2 * CHANNELS, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(_kernels["norm_silu"](self.mid_block(x), self.norm_out.gamma))


class _Decoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        width = widths[-1]
        self.conv_in, self.mid_block = _Convolution(CHANNELS, width, 3), _Middle(width)
        stages: list[nn.Module] = []
        for index, outputs in enumerate(reversed(widths)):
            last = index == len(widths) - 1
            stages.append(_Stage(width, outputs, last=last))
            width = outputs if last else outputs // 2
        self.up_blocks = nn.ModuleList(stages)
        self.norm_out, self.conv_out = _Norm(width), _Convolution(width, 3, 3)

    def forward(self, latents: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(latents))
        for stage in self.up_blocks:
            x = stage(x)
        return self.conv_out(_kernels["norm_silu"](x, self.norm_out.gamma))


class Vae(nn.Module):
    """Pixels `(B, 3, H, W)` from -1 to 1 to latents `(B, 16, H/8, W/8)` and back."""

    def __init__(self) -> None:
        super().__init__()
        widths = [CONFIG["base_dim"] * multiple for multiple in CONFIG["dim_mult"]]
        self.encoder, self.decoder = _Encoder(widths), _Decoder(widths)
        self.quant_conv = _Convolution(2 * CHANNELS, 2 * CHANNELS, 1)
        self.post_quant_conv = _Convolution(CHANNELS, CHANNELS, 1)
        with torch.no_grad():
            # Little noise at the start: an autoencoder first.
            self.quant_conv.weight[CHANNELS:] *= 0.1
            if self.quant_conv.bias is not None:
                self.quant_conv.bias[CHANNELS:] = -5.0

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the logarithm of the variance of the latents."""
        mean, log_variance = self.quant_conv(self.encoder(pixels)).chunk(2, 1)
        return mean.float(), log_variance.float().clamp(-30, 20)

    def decode(self, latents: Tensor) -> Tensor:
        """Return pixels about from -1 to 1."""
        return self.decoder(self.post_quant_conv(latents))


def set_trained(network: nn.Module) -> None:
    """Let all weights of a VAE, or of a part of one, be trained but those of the attention."""
    network.requires_grad_(requires_grad=True)
    for module in network.modules():
        if isinstance(module, _NoAttention):
            module.requires_grad_(requires_grad=False)


def trained_decoder(vae: Vae) -> nn.ModuleList:
    """Return the part of a VAE that is trained with the transformer, with its weights let be trained."""
    decoder = nn.ModuleList([vae.decoder, vae.post_quant_conv])
    set_trained(decoder)
    return decoder


def with_decoder(weights: dict[str, Tensor], decoder: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a VAE's weights with those of a `trained_decoder`."""
    parts = ("decoder", "post_quant_conv")
    return weights | {f"vae.{parts[int(name[0])]}{name[1:]}": value for name, value in decoder.items()}


def in_channels_last(vae: Vae, device: str) -> Vae:
    """Move a VAE to a device, with the channels innermost: the order in which convolutions are quickest."""
    moved: Any = vae
    return moved.to(device, memory_format=torch.channels_last)


def expand(weights: dict[str, Tensor], mean: list[float], std: list[float]) -> Any:
    """Return diffusers' three-dimensional VAE with these weights."""
    from diffusers import AutoencoderKLQwenImage

    full: Any = AutoencoderKLQwenImage(**CONFIG, latents_mean=mean, latents_std=std)
    state = full.state_dict()
    missing = weights.keys() - state.keys()
    if missing:
        raise KeyError(f"not in diffusers' VAE: {sorted(missing)}")
    for name, value in state.items():
        value.zero_()
        if name not in weights:
            if "time_conv" not in name:
                raise KeyError(f"not in the trained VAE: {name}")
        elif value.ndim == _FIVE and weights[name].ndim < _FIVE:
            value[:, :, -1] = weights[name]
        else:
            value.copy_(weights[name].reshape(value.shape))
    full.load_state_dict(state)
    return full


def own_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the network's own of the weights that a training left, without the statistics of the latents."""
    return {name.removeprefix("vae."): value for name, value in weights.items() if name.startswith("vae.")}
