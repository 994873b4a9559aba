"""Whether a result lies where it should, in the colours it should have: what PSNR does not tell apart."""

from __future__ import annotations

import torch
from torch import Tensor

from training.operations import luminance

_TINY = 1e-12
_NOISE = 1 / 255
_EDGE_PX = 16


def shift_px(found: Tensor, wanted: Tensor) -> Tensor:
    """Return how far each picture `(B, 3, H, W)` is moved against the wanted one: `(B, 2)`, down and right.

    By phase correlation of the luma under a Hann window, in whole pixels. Only frequencies count at which the
    wanted picture has more than noise of 1/255 would: what a blur has taken away has no phase, and counted as
    much as the rest it can outvote it.
    """
    height, width = found.shape[-2:]
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)

    def spectrum(pictures: Tensor) -> Tensor:
        grey = luminance(pictures.float())[:, 0]
        return torch.fft.fft2((grey - grey.mean((1, 2), keepdim=True)) * window.to(grey.device))

    of_wanted = spectrum(wanted)
    there = of_wanted.abs() > _NOISE * float(window.square().sum().sqrt())
    product = spectrum(found) * of_wanted.conj()
    peak = torch.fft.ifft2(there * product / (product.abs() + _TINY)).real.flatten(1).argmax(1)
    down, right = peak // width, peak % width
    down, right = (
        torch.where(moved > side // 2, moved - side, moved)
        for moved, side in ((down, height), (right, width))
    )
    return torch.stack([down, right], 1)


def tint_255(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the largest difference of a channel's mean, in 1/255, of each picture `(B, 3, H, W)`."""
    return (found.clamp(0, 1) - wanted.clamp(0, 1)).mean((2, 3)).abs().amax(1) * 255


def step_255(found: Tensor, wanted: Tensor) -> Tensor:
    """Return how banded each ramp `(B, 3, H, W)` is that runs from left to right, in 1/255.

    That is the largest step between the means of neighbouring columns that the wanted ramp does not have. One
    of a whole 1/255 through a smooth sky is seen. The outermost token of each side is not looked at: there a
    convolution sees no picture.
    """
    inner = slice(_EDGE_PX, -_EDGE_PX)
    columns = (found.clamp(0, 1) - wanted.clamp(0, 1))[..., inner, inner].mean(2)
    return columns.diff(dim=2).abs().amax((1, 2)) * 255
