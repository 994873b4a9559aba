"""Drawn pictures: the same for a seed, and the dark ones dark with lights in them."""

import numpy as np
import pytest

from training.procedural import draw, draw_dark


@pytest.mark.parametrize("kind", [draw, draw_dark])
def test_a_seed_always_draws_the_same_and_another_another(kind):
    first = kind(2, 128)

    assert first.shape == (128, 128, 3)
    assert np.array_equal(first, kind(2, 128))
    assert not np.array_equal(first, kind(6, 128))


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 6])
def test_lights_in_the_dark_are_mostly_dark_and_somewhere_bright(seed):
    luma = draw_dark(seed, 512).mean(-1)

    assert np.mean(luma < 64) > 0.5
    assert luma.max() > 96
