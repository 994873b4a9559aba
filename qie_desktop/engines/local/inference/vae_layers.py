"""The layers of the VAE for one frame: two-dimensional, and each knowing which pixels it computes from.

Source: the modules of diffusers' AutoencoderKLQwenImage, which are for video. A causal 3×3×3 convolution of
the first frame sees nothing but zeros before it: it *is* the two-dimensional convolution with the last of its
three temporal taps. What resamples in time leaves the first frame alone.

All take and give `(1, C, H, W)`, and compute without gradients.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from qie_desktop.engines.local.inference.attention import attend, scores_budget

if TYPE_CHECKING:
    from torch import Tensor

_STRIP_NUMBERS = 1 << 22
"""How many float32 numbers a norm has in hand at a time: 16 MiB."""
_SMALLEST_NORM = 1e-12
"""torch's `normalize` divides by no less."""
_SCORES_BYTES = 1 << 28
"""For attention's scores where they are materialised: at one megapixel a quarter of all queries at a time."""


class Span(NamedTuple):
    """Rows, or columns, from `start` up to but without `stop`."""

    start: int
    stop: int

    def within(self, side: int) -> Span:
        """Return what of it lies in a picture whose side is so long."""
        return Span(max(0, self.start), min(side, self.stop))


class Layer(nn.Module, ABC):
    """A step from pixels to pixels. Its output at a place depends on its input up to `halo` pixels around."""

    halo: int | None = 0
    """None where each output depends on the whole input."""

    def source(self, span: Span) -> Span:
        """Return the input's rows that these of the output come from; they may lie beyond its edges."""
        halo = self.halo or 0
        return Span(span.start - halo, span.stop + halo)

    def origin(self, start: int) -> int:
        """Return which row of the output comes first where the input is given from row `start` on."""
        return start

    def side(self, side: int) -> int:
        """Return how long a side of the output is, of the input's."""
        return side

    @abstractmethod
    def numbers(self, height: int, width: int) -> int:
        """Return how many numbers are in memory at most while it runs on an input of this size."""


class RmsNorm(Layer):
    """Divides each pixel by the root mean square of its channels; then, if `activated`, SiLU.

    Computed in float32, some rows at a time: a whole float32 copy would be the largest thing in memory.
    """

    def __init__(self, channels: int, *, activated: bool = True) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, 1, 1))
        self._activated = activated

    def forward(self, x: Tensor, into: Tensor | None = None) -> Tensor:
        """Normalise `x`, into a tensor of its shape and type (which may be `x` itself) or a new one."""
        out = torch.empty_like(x) if into is None else into
        channels, height, width = x.shape[1:]
        gain = self.gamma.float() * channels**0.5
        rows = max(1, _STRIP_NUMBERS // (channels * width))
        for top in range(0, height, rows):
            strip = x[:, :, top : top + rows].float()
            norm = torch.linalg.vector_norm(strip, dim=1, keepdim=True).clamp_min_(_SMALLEST_NORM)
            strip = (strip / norm).mul_(gain)
            out[:, :, top : top + rows] = functional.silu(strip, inplace=True) if self._activated else strip
        return out

    def numbers(self, height: int, width: int) -> int:
        """Return the input and the output."""
        return 2 * self.gamma.shape[0] * height * width


class Convolution(nn.Conv2d, Layer):
    """A convolution that keeps the size, with a kernel of 1×1 or 3×3."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        self.halo = kernel // 2

    def numbers(self, height: int, width: int) -> int:
        """Return the input and the output."""
        return (self.in_channels + self.out_channels) * height * width


class Residual(Layer):
    """Norm, SiLU and convolution, twice, added to the input."""

    halo = 2

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1 = RmsNorm(inputs)
        self.conv1 = Convolution(inputs, outputs, 3)
        self.norm2 = RmsNorm(outputs)
        self.conv2 = Convolution(outputs, outputs, 3)
        self.conv_shortcut = Convolution(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of `x` and what the convolutions make of it."""
        hidden = self.conv1(self.norm1(x))
        hidden = self.conv2(self.norm2(hidden, into=hidden))
        return hidden.add_(x if self.conv_shortcut is None else self.conv_shortcut(x))

    def numbers(self, height: int, width: int) -> int:
        """Return the input, and what goes into and comes out of a convolution."""
        inputs, outputs = self.conv1.in_channels, self.conv1.out_channels
        return (inputs + outputs + max(inputs, outputs)) * height * width


class Attention(Layer):
    """Self-attention of all pixels, with one head, added to the input."""

    halo = None

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = RmsNorm(channels, activated=False)
        self.to_qkv = Convolution(channels, 3 * channels, 1)
        self.proj = Convolution(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of `x` and what it attends to."""
        # (1, 3 C, H, W) to three of (1, 1, H · W, C).
        joint = self.to_qkv(self.norm(x)).reshape(1, 3, 1, x.shape[1], -1).transpose(3, 4).contiguous()
        query, key, value = joint.unbind(1)
        attended = attend(query, key, value, None if scores_budget(query) is None else _SCORES_BYTES)
        return self.proj(attended[:, 0].transpose(1, 2).reshape(x.shape)).add_(x)

    def numbers(self, height: int, width: int) -> int:
        """Return the input and twice queries, keys and values."""
        return 7 * self.proj.in_channels * height * width


class Downsample(Layer):
    """Halves both sides: row y comes from rows 2y to 2y + 2, where the row below the last is zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.resample = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(channels, channels, 3, stride=2))
        self._channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Return `(1, C, H/2, W/2)`."""
        return self.resample(x)

    def source(self, span: Span) -> Span:
        """Return the rows that these are computed from."""
        return Span(2 * span.start, 2 * span.stop + 1)

    def origin(self, start: int) -> int:
        """Return the output row of an even input row."""
        return start // 2

    def side(self, side: int) -> int:
        """Return half of an even side."""
        return side // 2

    def numbers(self, height: int, width: int) -> int:
        """Return the input, its padded copy and the output."""
        return 9 * self._channels * height * width // 4


class Upsample(Layer):
    """Doubles both sides by repeating each pixel, then halves the channels by a 3×3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.resample = nn.Sequential(_Repeat(), nn.Conv2d(channels, channels // 2, 3, padding=1))
        self._channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Return `(1, C/2, 2 H, 2 W)`."""
        return self.resample(x)

    def source(self, span: Span) -> Span:
        """Return the rows that these are computed from."""
        return Span((span.start - 1) // 2, span.stop // 2 + 1)

    def origin(self, start: int) -> int:
        """Return the first of the two rows that a row becomes."""
        return 2 * start

    def side(self, side: int) -> int:
        """Return the double."""
        return 2 * side

    def numbers(self, height: int, width: int) -> int:
        """Return the input, itself repeated and the output."""
        return 7 * self._channels * height * width


class _Repeat(nn.Module):
    """Each pixel twice in both directions, as a plain copy: interpolation is not there for every type."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `(1, C, 2 H, 2 W)`."""
        batch, channels, height, width = x.shape
        if x.is_contiguous(memory_format=torch.channels_last):
            # One copy, whose channels are innermost again.
            pixels = x.permute(0, 2, 3, 1).reshape(batch * height, 1, width, 1, channels)
            twice = pixels.expand(-1, 2, -1, 2, -1).reshape(batch, 2 * height, 2 * width, channels)
            return twice.permute(0, 3, 1, 2)
        rows = x.reshape(-1, 1, width, 1)
        return rows.expand(-1, 2, -1, 2).reshape(batch, channels, 2 * height, 2 * width)
