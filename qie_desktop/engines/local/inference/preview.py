"""The forming picture, small: latents to colours by a linear map that is fitted on the job's own input."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from PIL import Image

from qie_desktop.core.events import Preview
from qie_desktop.core.geometry import Box, Size
from qie_desktop.engines.local.inference.latents import unpack

if TYPE_CHECKING:
    from torch import Tensor

    from qie_desktop.core.geometry import WorkingPlan

MAX_SIDE_PX = 256
_TOKEN_SIDES = 3
"""Tokens are `(1, N, 4 C)`, latents `(1, C, h, w)`."""


def fit_colours(latents: Tensor, picture: Image.Image) -> Tensor:
    """Return the colours `(C + 1, 3)`, float32 on the CPU, of each channel of latents and of none at all.

    `latents` are the normalised ones `(1, C, h, w)` of an RGB picture, whose pixels, averaged to h×w, they
    are fitted to by least squares; colours go from 0 to 1. Latents have a spread of about one, so that one
    more sample which says that a channel has no colour counts for nothing, unless the picture says nothing
    about the channel: being of one colour, say, or of fewer latents than channels.
    """
    height, width = latents.shape[-2:]
    small = picture.resize((width, height), Image.Resampling.BOX)
    wanted = torch.from_numpy(np.asarray(small, dtype=np.float64) / 255).reshape(-1, 3)
    # float64, which MPS does not have, on the CPU: it is small.
    given = latents[0].flatten(1).T.cpu().double()
    given_mean, wanted_mean = given.mean(dim=0), wanted.mean(dim=0)
    given = given - given_mean
    gram = given.T @ given + torch.eye(given.shape[1], dtype=torch.float64)
    colours = cast("Tensor", torch.linalg.solve(gram, given.T @ (wanted - wanted_mean)))
    return torch.cat([colours, (wanted_mean - given_mean @ colours)[None]]).float()


class Prediction(NamedTuple):
    """What a step of denoising knows: the latents before it, their velocity, and sigma (1 is noise, 0 none).

    Both tensors are tokens `(1, h/2 · w/2, 4 C)` or latents `(1, C, h, w)`, float32.
    """

    latents: Tensor
    velocity: Tensor
    sigma: float | Tensor


class PreviewMaker:
    """Shows what a step's prediction would come to: about one pixel for each latent, without the padding."""

    def __init__(self, colours: Tensor, latent_size: Size, plan: WorkingPlan | None = None) -> None:
        """Take the colours `(C + 1, 3)` of `fit_colours`, on the device that denoises.

        `plan` is the one by which the input became the working picture, and the preview lies over the input:
        the padding is cut off. Without it there is none.
        """
        self._colours = colours[:-1].T.contiguous()
        self._black = colours[-1][:, None]
        self._latent_size = latent_size
        width, height = latent_size
        self._box = Box(0, 0, width, height)
        if plan is not None:
            (left, top, right, bottom), (across, down) = plan.content, plan.padded
            across, down = width / across, height / down
            # Not beyond the edges by rounding.
            right, bottom = min(right * across, width), min(bottom * down, height)
            self._box = Box(left * across, top * down, right, bottom)
        sides = (self._box.right - self._box.left, self._box.bottom - self._box.top)
        shrink = min(1.0, MAX_SIDE_PX / max(sides))
        self._size = Size(*(max(1, round(side * shrink)) for side in sides))

    @classmethod
    def of(cls, latents: Tensor, picture: Image.Image, plan: WorkingPlan | None = None) -> PreviewMaker:
        """Fit the colours on the job's input: its normalised latents `(1, C, h, w)` and working picture."""
        height, width = latents.shape[-2:]
        return cls(fit_colours(latents, picture).to(latents.device), Size(width, height), plan)

    def __call__(self, latents: Tensor, velocity: Tensor, sigma: float | Tensor) -> Preview:
        """Return the picture that a step predicts. See `Prediction`."""
        clean = latents - sigma * velocity
        width, height = self._latent_size
        if clean.dim() == _TOKEN_SIDES:
            clean = unpack(clean, height, width)
        rgb = torch.addmm(self._black, self._colours, clean[0].flatten(1))
        values = (rgb.clamp_(0, 1) * 255).round_().to(torch.uint8).T.reshape(height, width, 3)
        picture = Image.fromarray(values.contiguous().cpu().numpy())
        if self._box != (0, 0, width, height) or self._size != self._latent_size:
            picture = picture.resize(self._size, Image.Resampling.BILINEAR, box=self._box)
        return Preview(picture.width, picture.height, picture.tobytes())
