"""A result that is moved or tinted is told apart."""

import numpy as np
import pytest
import torch

from training import procedural
from training.exactness import shift_px, tint_255
from training.operations import gauss


@pytest.fixture(scope="module")
def picture():
    drawn = np.array(procedural.draw(6, 128), np.float32) / 255
    return torch.from_numpy(drawn).permute(2, 0, 1)[None]


@pytest.mark.parametrize("moved", [(0, 0), (1, 0), (0, -2), (-3, 5)])
def test_a_shift_is_found(picture, moved):
    found = picture.roll(moved, (-2, -1)) * 0.9 + 0.02 * torch.rand_like(picture)

    assert shift_px(found, picture).tolist() == [list(moved)]


def test_noise_where_a_blurred_picture_has_nothing_is_no_shift(picture):
    blurred = gauss(picture, 4.0).expand(32, -1, -1, -1)
    noise = torch.randn(32, 1, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 / 255

    assert shift_px(blurred + noise, blurred).tolist() == [[0, 0]] * 32


def test_a_tint_is_found(picture):
    found = picture * 0.5 + torch.tensor([0.0, 2 / 255, 0.0])[:, None, None]

    assert tint_255(found, picture * 0.5).item() == pytest.approx(2, abs=0.01)
