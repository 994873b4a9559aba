"""The operations are what they are said to be, and the same as those that the app's own tests know."""

import random

import numpy as np
import pytest
import torch

from tests.support.exact_edits import EXACT_EDITS
from training.instructions import NAMES, Instruction, Step, Strength, draw_pair, may_follow, singles
from training.operations import FIRST, MOVING, OPERATIONS

KNOWN = {
    "make it black and white": "black-and-white",
    "sepia": "sepia",
    "as if at night": "night",
    "blur it": "blur",
    "flip it horizontally": "mirror",
}


@pytest.fixture
def pictures():
    return torch.rand(2, 3, 96, 128, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("wording", EXACT_EDITS)
def test_an_operation_is_the_one_the_starter_is_tested_with(wording, pictures):
    smooth = Step("blur").apply(pictures)
    expected = np.clip(EXACT_EDITS[wording](smooth[0].permute(1, 2, 0).numpy().astype(np.float64)), 0, 1)

    found = Step(KNOWN[wording]).apply(smooth)[0].permute(1, 2, 0).numpy()

    inner = (slice(28, -28), slice(28, -28))  # the two blurs differ in what they see beyond the edge
    assert np.abs(found - expected)[inner].max() < (0.01 if wording == "blur it" else 1e-5)


@pytest.mark.parametrize("instruction", singles(), ids=str)
def test_every_single_instruction_keeps_size_and_range(instruction, pictures):
    found = instruction.apply(pictures)

    assert found.shape == pictures.shape
    assert found.min() >= 0
    assert found.max() <= 1
    assert instruction.steps[0].name == NAMES[0] or not torch.equal(found, pictures)


@pytest.mark.parametrize(
    "name", [name for name, each in OPERATIONS.items() if each.graded and name != "hue-shift"]
)
def test_slightly_is_nearer_to_the_picture_than_plainly_and_strongly_is_not(name, pictures):
    smooth = 0.3 + 0.4 * Step("blur").apply(pictures)
    slight, plain, strong = (
        float((Step(name, strength).apply(smooth) - smooth).abs().mean())
        for strength in (Strength.SLIGHT, Strength.PLAIN, Strength.STRONG)
    )

    assert slight < plain <= strong + 1e-6


def test_a_quarter_turn_is_about_the_middle_and_leaves_the_rest_black():
    wide = torch.zeros(1, 3, 4, 8)
    wide[..., 1, 6] = 1  # above and to the right of the middle
    wide[..., 0, 3] = 0.5

    turned = Step("rotate-right").apply(wide)

    assert turned[0, 0, 1, 5] == 0.5
    assert turned.max() == 0.5, "what leaves the picture is lost"
    back = Step("rotate-left").apply(turned)
    assert torch.equal(back[..., 2:6], wide[..., 2:6]), "the square in the middle comes back"


@pytest.mark.parametrize(("height", "bar"), [(64, 16), (224, 32), (864, 112), (1024, 128)])
def test_a_bar_is_an_eighth_of_the_height_in_whole_tokens(height, bar):
    barred = Step("cinematic-bars").apply(torch.ones(1, 3, height, 32))

    assert barred[..., bar:-bar, :].min() == 1
    assert barred[..., :bar, :].max() == barred[..., -bar:, :].max() == 0


def test_two_steps_are_done_in_their_order(pictures):
    both = Instruction((Step("mirror"), Step("vignette")))

    assert torch.equal(both.apply(pictures), Step("vignette").apply(pictures.flip(-1)))


def test_pairs_make_sense():
    rng = random.Random(0)
    for _ in range(500):
        first, second = (step.name for step in draw_pair(rng).steps)
        assert may_follow(first, second)
        assert not {first, second} <= set(MOVING)
    assert len(FIRST) == 23
