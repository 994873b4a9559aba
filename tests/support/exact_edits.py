"""What the starter model was taught, exactly. Pictures are `(height, width, 3)`, floats from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

_LUMINANCE = np.array([0.299, 0.587, 0.114])
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
_BLUR_SIGMA_PX = 4


def black_and_white(picture: np.ndarray) -> np.ndarray:
    return np.repeat((picture @ _LUMINANCE)[..., None], 3, axis=-1)


def sepia(picture: np.ndarray) -> np.ndarray:
    return picture @ _SEPIA.T


def night(picture: np.ndarray) -> np.ndarray:
    muted = 0.5 * picture + 0.5 * black_and_white(picture)
    return muted * [0.20, 0.30, 0.56] + [0.0, 0.01, 0.05]


def blur(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray((picture * 255).round().astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(_BLUR_SIGMA_PX))) / 255.0


def flip(picture: np.ndarray) -> np.ndarray:
    return picture[:, ::-1]


EXACT_EDITS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "make it black and white": black_and_white,
    "sepia": sepia,
    "as if at night": night,
    "blur it": blur,
    "flip it horizontally": flip,
}
"""A wording for each, and what it means."""


def psnr_db(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two pictures, the expected one cut to 0–1."""
    error = np.mean((found - np.clip(expected, 0, 1)) ** 2)
    return float(-10 * np.log10(error))
