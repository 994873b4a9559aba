"""The exact operations that the starter is taught, as functions of batches of pictures.

A picture is `(B, 3, H, W)`, floats from 0 to 1. Every operation keeps the size. Lengths in pixels are pixels
of the working picture. `apply` cuts the result to 0–1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_LUMINANCE = (0.299, 0.587, 0.114)
_SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))
_TO_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))
_BORDER_PX = 32
_BAR, _TOKEN_PX = 8, 16
"""A bar is this part of the height, in whole tokens: one that ends within a token is hard to get right."""


def luminance(x: Tensor) -> Tensor:
    """Return the luma of ITU-R BT.601, `(B, 1, H, W)`."""
    return _matrix(x, (_LUMINANCE,))


def gauss(x: Tensor, sigma_px: float) -> Tensor:
    """Blur with a Gaussian cut off at three sigma, with the edges reflected."""
    radius = int(3 * sigma_px + 0.5)
    steps = torch.arange(-radius, radius + 1, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma_px) ** 2)
    kernel = (kernel / kernel.sum()).to(x.dtype)
    channels = x.shape[1]
    across = functional.pad(x, (radius, radius, 0, 0), mode="reflect")
    x = functional.conv2d(across, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    down = functional.pad(x, (0, 0, radius, radius), mode="reflect")
    return functional.conv2d(down, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


@cache
def _constant(
    values: tuple[float, ...] | tuple[tuple[float, ...], ...], device: torch.device, dtype: torch.dtype
) -> Tensor:
    """Return numbers on a device. Copied there anew for every picture, they would halt it each time."""
    return torch.tensor(values, device=device, dtype=dtype)


def _vector(x: Tensor, values: tuple[float, ...]) -> Tensor:
    return _constant(values, x.device, x.dtype).view(1, -1, 1, 1)


def _matrix(x: Tensor, rows: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", _constant(rows, x.device, x.dtype), x)


def _grey(x: Tensor) -> Tensor:
    return luminance(x).expand(-1, 3, -1, -1)


def _affine(x: Tensor, gain: tuple[float, ...], offset: tuple[float, ...], grey: float = 0.0) -> Tensor:
    """Mix with grey, multiply, add."""
    if grey:
        x = x + grey * (luminance(x) - x)
    return x * _vector(x, gain) + _vector(x, offset)


def _sepia(x: Tensor) -> Tensor:
    return _matrix(x, _SEPIA)


def _tint(x: Tensor, colour: tuple[float, float, float]) -> Tensor:
    gain = tuple(0.45 + 0.55 * value for value in colour)
    return _affine(x, gain, tuple(0.15 * value for value in colour), grey=0.5)


def _saturation(x: Tensor, factor: float) -> Tensor:
    grey = luminance(x)
    return grey + (x - grey) * factor


def _posterise(x: Tensor) -> Tensor:
    """Four levels with soft steps, of a picture blurred a little: without that, noise would flicker."""
    value = gauss(x, 2.0) * 3
    level = value.floor()
    step = ((value - level - 0.5) * 5 + 0.5).clamp(0, 1)
    return (level + step * step * (3 - 2 * step)) / 3


def _vignette(x: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    down = ((torch.arange(height, device=x.device) + 0.5) / height * 2 - 1) ** 2
    across = ((torch.arange(width, device=x.device) + 0.5) / width * 2 - 1) ** 2
    radius = (down[:, None] + across[None]).sqrt()
    return x * (1 - 0.9 * ((radius - 0.4) / 0.9).clamp(0, 1) ** 1.3).to(x.dtype)


def _sketch(x: Tensor) -> Tensor:
    grey = luminance(x)
    return (((grey + 0.08) / (gauss(grey, 4.0) + 0.08)).clamp(0, 1) ** 2).expand(-1, 3, -1, -1)


def _pixelate(x: Tensor, cell_px: int) -> Tensor:
    return functional.interpolate(functional.avg_pool2d(x, cell_px), scale_factor=cell_px, mode="nearest")


def _film(x: Tensor) -> Tensor:
    curve = 0.5 * x + 0.5 * x * x * (3 - 2 * x)
    return _affine(0.06 + 0.88 * curve, (1.03, 1.0, 0.93), (0.0, 0.01, 0.03))


def _vintage(x: Tensor) -> Tensor:
    return _affine(0.55 * x + 0.45 * _sepia(x), (0.90, 0.84, 0.70), (0.10, 0.08, 0.08))


def _teal_and_orange(x: Tensor) -> Tensor:
    return x + (luminance(x) - 0.45) * _vector(x, (0.36, 0.06, -0.36))


def _duotone(x: Tensor) -> Tensor:
    dark, light = _vector(x, (0.10, 0.08, 0.35)), _vector(x, (1.0, 0.80, 0.48))
    return dark + (light - dark) * luminance(x)


def _threshold(x: Tensor) -> Tensor:
    """Black and white with a soft step at one half, of a picture blurred a little."""
    return ((gauss(luminance(x), 2.0) - 0.5) * 6 + 0.5).clamp(0, 1).expand(-1, 3, -1, -1)


def _emboss(x: Tensor) -> Tensor:
    """Light from the top left: a blurred picture less itself three pixels further up and to the left."""
    grey = gauss(luminance(x), 1.5)
    moved = functional.pad(grey, (3, 0, 3, 0), mode="replicate")[..., :-3, :-3]
    return (0.5 + 2.0 * (grey - moved)).expand(-1, 3, -1, -1)


def _rotate(x: Tensor, quarter_turns: int) -> Tensor:
    """Turn about the middle; what leaves the picture is lost, what stays uncovered is black."""
    height, width = x.shape[-2:]
    turned = torch.rot90(x, quarter_turns, (-2, -1))
    side = min(height, width)
    canvas = torch.zeros_like(x)
    top, left = (height - side) // 2, (width - side) // 2
    from_top, from_left = (width - side) // 2, (height - side) // 2
    part = turned[..., from_top : from_top + side, from_left : from_left + side]
    canvas[..., top : top + side, left : left + side] = part
    return canvas


@cache
def _hue_matrix(degrees: float) -> tuple[tuple[float, ...], ...]:
    angle = torch.tensor(degrees * torch.pi / 180)
    cos, sin = float(angle.cos()), float(angle.sin())
    to_yiq = torch.tensor(_TO_YIQ)
    turn = torch.tensor(((1.0, 0.0, 0.0), (0.0, cos, -sin), (0.0, sin, cos)))
    rows = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return tuple(tuple(row) for row in rows.tolist())


def _hue(x: Tensor, degrees: float) -> Tensor:
    """Turn the hues: a rotation of the two colour axes of YIQ."""
    return _matrix(x, _hue_matrix(degrees))


def _bars(x: Tensor) -> Tensor:
    bar = max(1, round(x.shape[-2] / _BAR / _TOKEN_PX)) * _TOKEN_PX
    y = x.clone()
    y[..., :bar, :] = 0
    y[..., -bar:, :] = 0
    return y


def _border(x: Tensor) -> Tensor:
    y = torch.ones_like(x)
    b = _BORDER_PX
    y[..., b:-b, b:-b] = x[..., b:-b, b:-b]
    return y


@dataclass(frozen=True, slots=True)
class Operation:
    """What an instruction means, at each strength: slightly, plainly, strongly."""

    slight: Callable[[Tensor], Tensor]
    plain: Callable[[Tensor], Tensor]
    strong: Callable[[Tensor], Tensor]

    @property
    def graded(self) -> bool:
        """Whether its strengths differ."""
        return self.slight is not self.plain


def _blend(operation: Callable[[Tensor], Tensor], amount: float) -> Callable[[Tensor], Tensor]:
    return lambda x: x + amount * (operation(x).clamp(0, 1) - x)


def _more(operation: Callable[[Tensor], Tensor]) -> Operation:
    """Half of it, all of it, half as much again."""
    return Operation(_blend(operation, 0.5), operation, _blend(operation, 1.5))


def _whole(operation: Callable[[Tensor], Tensor]) -> Operation:
    """Half of it, or all of it: more than all there is not."""
    return Operation(_blend(operation, 0.5), operation, operation)


def _plain(operation: Callable[[Tensor], Tensor]) -> Operation:
    return Operation(operation, operation, operation)


def _colour(*colour: float) -> Operation:
    red, green, blue = colour
    return _whole(partial(_tint, colour=(red, green, blue)))


OPERATIONS: dict[str, Operation] = {
    "unchanged": _plain(lambda x: x),
    "black-and-white": _whole(_grey),
    "sepia": _whole(_sepia),
    "negative": _plain(lambda x: 1 - x),
    "warmer": _more(partial(_affine, gain=(1.18, 1.02, 0.76), offset=(0, 0, 0))),
    "cooler": _more(partial(_affine, gain=(0.78, 0.98, 1.18), offset=(0, 0, 0))),
    "brighter": _more(lambda x: 1 - (1 - x) ** 1.7),
    "darker": _more(lambda x: x * 0.5),
    "contrast": _more(lambda x: (x - 0.5) * 1.6 + 0.5),
    "desaturate": _more(partial(_saturation, factor=0.35)),
    "saturate": _more(partial(_saturation, factor=1.9)),
    "blur": Operation(
        partial(gauss, sigma_px=2.0), partial(gauss, sigma_px=4.0), partial(gauss, sigma_px=7.0)
    ),
    "mirror": _plain(lambda x: x.flip(-1)),
    "upside-down": _plain(lambda x: x.flip(-2)),
    "posterise": _plain(_posterise),
    "vignette": _whole(_vignette),
    "night": _whole(partial(_affine, gain=(0.20, 0.30, 0.56), offset=(0, 0.01, 0.05), grey=0.5)),
    "sunset": _whole(partial(_affine, gain=(1.12, 0.78, 0.52), offset=(0.10, 0.04, 0))),
    "red": _colour(1, 0, 0),
    "green": _colour(0, 1, 0),
    "blue": _colour(0, 0, 1),
    "pixelate": Operation(
        partial(_pixelate, cell_px=8), partial(_pixelate, cell_px=16), partial(_pixelate, cell_px=32)
    ),
    "sketch": _plain(_sketch),
    "film": _whole(_film),
    "vintage": _whole(_vintage),
    "fade": _more(partial(_affine, gain=(0.7, 0.7, 0.7), offset=(0.18, 0.18, 0.18), grey=0.25)),
    "teal-and-orange": _more(_teal_and_orange),
    "cinematic-bars": _plain(_bars),
    "high-key": _whole(lambda x: 0.3 + 0.7 * (1 - (1 - x) ** 1.8)),
    "low-key": _whole(lambda x: 0.8 * x.clamp_min(1e-4) ** 1.8),
    "duotone": _plain(_duotone),
    "threshold": _plain(_threshold),
    "emboss": _plain(_emboss),
    "sharpen": _more(lambda x: x + 0.9 * (x - gauss(x, 1.5))),
    "soft-focus": _plain(lambda x: 0.45 * x + 0.55 * gauss(x, 6.0)),
    "rotate-left": _plain(partial(_rotate, quarter_turns=1)),
    "rotate-right": _plain(partial(_rotate, quarter_turns=-1)),
    "hue-shift": Operation(partial(_hue, degrees=60), partial(_hue, degrees=120), partial(_hue, degrees=180)),
    "yellow": _colour(1, 1, 0),
    "turquoise": _colour(0, 1, 1),
    "purple": _colour(0.6, 0, 1),
    "orange": _colour(1, 0.5, 0),
    "pink": _colour(1, 0.35, 0.6),
    "golden-hour": _whole(partial(_affine, gain=(1.10, 0.92, 0.66), offset=(0.08, 0.05, 0))),
    "snow-bright": _whole(
        lambda x: _affine(1 - (1 - _saturation(x, 0.65)).clamp(0, 1) ** 1.9, (0.94, 0.98, 1.0), (0, 0, 0))
    ),
    "white-border": _plain(_border),
}
"""By name. The first 23 are those that the first weights were taught."""

FIRST = tuple(OPERATIONS)[:23]
MOVING = ("mirror", "upside-down", "rotate-left", "rotate-right")
"""Those that bring every pixel to another place."""
