"""What the transformer is trained from: targets with any share of noise, then as an edit meets them."""

from types import SimpleNamespace

import pytest
import torch

from training.pools import Batch
from training.train_transformer import _rolled, _spoilt

COUNT, DECODED = 400, 20


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    reference, target = torch.randn(2, COUNT, 4, 64, generator=generator)
    return Batch(
        reference, target, torch.zeros(DECODED, 3, 16, 16), torch.zeros(DECODED), torch.zeros(COUNT, 2, 8)
    )


def test_at_first_some_are_noise_alone_some_little_else_and_of_the_rest_some_are_spoilt(batch):
    torch.manual_seed(0)
    noise = torch.randn_like(batch.target)

    noisy, sigma = _spoilt(batch, noise)

    assert 0.1 < (sigma == 1).float().mean() < 0.2
    assert 0.3 < (sigma >= 0.85).float().mean() < 0.6
    assert sigma.min() > 0.03
    assert torch.equal(noisy[sigma == 1], noise[sigma == 1])
    mixed = sigma[:, None, None]
    moved = (noisy - (1 - mixed) * batch.target - mixed * noise).abs().amax((1, 2)) > 1e-4
    assert 0.25 < moved[sigma < 1].float().mean() < 0.55
    assert not moved[sigma < 0.1].any()


def test_later_most_are_noise_alone_and_the_others_the_models_own_guess(batch):
    torch.manual_seed(0)
    noise = torch.randn_like(batch.target)
    guess = 0.25

    def model(grain, reference, text, sigma, width):
        assert (sigma == 1).all()
        return grain - guess

    noisy, sigma = _rolled(model, batch, noise, SimpleNamespace(type=torch.float32), 2)

    assert (sigma == 1).float().mean() == pytest.approx(0.8)
    assert (sigma[:DECODED] == 1).float().mean() == pytest.approx(0.8), "of what is decoded as well"
    # As the schedule of an edit has it: half of the places lie at 10/11 or more.
    later = sigma[sigma < 1]
    assert 0.2 < later.min() < 0.7
    assert later.median() == pytest.approx(10 / 11, abs=0.03)
    mixed = sigma[:, None, None]
    torch.testing.assert_close(noisy, (1 - mixed) * guess + mixed * noise)
