"""A result that is moved or tinted is told apart."""

import numpy as np
import pytest
import torch

from training import procedural
from training.exactness import shift_px, step_255, tint_255
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


def test_bands_in_a_ramp_are_found_and_noise_is_none():
    ramp = torch.linspace(0.2, 0.6, 128).expand(1, 3, 128, 128)
    noise = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0)) / 255
    bands = torch.cat([(ramp * 25).round() / 25, ramp + noise, ramp * 0.9])

    found = step_255(bands, ramp.expand(3, -1, -1, -1))

    assert found[0] > 9, "a step of a 25th"
    assert found[1:].max() < 0.5
