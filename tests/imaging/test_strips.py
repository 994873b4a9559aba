from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from qie_desktop.imaging.strips import alpha_of, merged, strips


def noise(size, channels):
    shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8))


@pytest.mark.parametrize("size", [(1, 1), (640, 3), (3, 640), (1500, 1000), (9000, 70)])
def test_strips_are_all_of_a_picture_once(size):
    seen = np.zeros((size[1], size[0]), int)
    for left, top, right, bottom in strips(size):
        assert (right - left) * (bottom - top) * 4 <= max(1 << 21, size[0] * 4)
        seen[top:bottom, left:right] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("size", [(1, 1), (1500, 1000), (9000, 70)])
def test_alpha_is_taken_out_and_put_in_to_the_byte(size):
    rgba = noise(size, 4)
    alpha = alpha_of(rgba)
    assert (alpha.mode, alpha.tobytes()) == ("L", rgba.getchannel("A").tobytes())
    rgb = Image.fromarray(np.asarray(rgba)[:, :, :3].copy())
    assert merged(rgb, alpha).tobytes() == rgba.tobytes()


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="its alpha channel"):
        merged(noise((8, 8), 3), noise((8, 9), 1))
