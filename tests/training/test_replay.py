"""What makes training quick must not change what is learnt."""

import pytest
import torch

from training.bank import drawn
from training.muon import Muon
from training.replay import Recorder
from training.runs import (
    Average,
    Budget,
    Run,
    Snapshot,
    clip_gradients,
    keep_finite,
    log_error,
    put_rates_on_device,
)


def test_without_a_recording_a_function_runs_each_time():
    ran = []
    recorder = Recorder("cpu", recording=True)

    for _ in range(3):
        recorder.run("step", lambda: ran.append(1))

    assert len(ran) == 3
    assert len(recorder) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="recordings are CUDA graphs")
def test_a_recording_learns_what_the_function_does():
    def learn(*, recording):
        torch.manual_seed(0)
        network = torch.nn.Linear(8, 8, bias=False, device="cuda")
        optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, fused=True)
        put_rates_on_device([(optimiser, 0.01)], "cuda")
        recorder, pictures = Recorder("cuda", recording=recording), torch.zeros(8, device="cuda")
        lost = torch.zeros((), device="cuda", dtype=torch.long)

        def step():
            optimiser.zero_grad()
            network(pictures).square().sum().backward()
            lost.add_(~clip_gradients(network))
            optimiser.step()

        for value in (1, 2, 3, float("nan"), 5):
            pictures.fill_(value)
            recorder.run("step", step)
        assert int(lost) == 1
        return network.weight.detach()

    learnt = learn(recording=True)
    assert learnt.isfinite().all()
    assert torch.allclose(learnt, learn(recording=False))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the kernel is for CUDA")
@pytest.mark.parametrize("width", [24, 64])
def test_one_kernel_computes_what_its_operations_do(width):
    from training import fused_norm, vae

    def of(function):
        torch.manual_seed(0)
        x = torch.randn(3, width, 50, 30, device="cuda").contiguous(memory_format=torch.channels_last)
        gamma = torch.rand(width, 1, 1, device="cuda") + 0.5
        x, gamma = x.requires_grad_(), gamma.requires_grad_()
        y = function(x, gamma)
        (y * torch.randn_like(y)).sum().backward()
        return y, x.grad, gamma.grad

    pairs = zip(of(fused_norm.norm_silu), of(vae.norm_silu), strict=True)
    assert all(torch.allclose(found, wanted, atol=1e-3) for found, wanted in pairs)


def test_what_is_drawn_follows_the_weights():
    torch.manual_seed(0)
    weights = torch.tensor([0.0, 1.0, 0.0, 3.0, 0.0])

    places = drawn(weights.cumsum(0), 4000)

    shares = torch.bincount(places, minlength=5) / 4000
    assert torch.allclose(shares, weights / 4, atol=0.03)
    assert shares[[0, 2, 4]].sum() == 0


def test_a_learning_rate_on_the_device_steps_as_a_number_does():
    def after(rate):
        weight = torch.nn.Parameter(torch.ones(4, 4))
        weight.grad = torch.eye(4)
        optimiser = Muon([weight], 0.1)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        return weight.detach()

    assert torch.allclose(after(torch.tensor(0.05)), after(0.05))
    assert not torch.allclose(after(0.05), torch.ones(4, 4))


def learning(network, optimiser, x):
    network.zero_grad()
    network(x).square().log().sum().backward()
    found = clip_gradients(network)
    optimiser.step()
    return bool(found)


@pytest.mark.parametrize("made", [Muon, torch.optim.AdamW])
def test_a_step_that_comes_to_no_number_spoils_no_weights(made):
    torch.manual_seed(0)
    network = torch.nn.Linear(4, 4, bias=False)
    optimiser = made(network.parameters(), lr=0.1)

    assert learning(network, optimiser, torch.rand(2, 4))
    assert not learning(network, optimiser, torch.zeros(2, 4)), "the logarithm of 0"
    before = network.weight.detach().clone()
    assert learning(network, optimiser, torch.rand(2, 4))

    assert network.weight.isfinite().all()
    assert not torch.equal(network.weight, before)


def test_gradients_are_clipped_as_torch_does():
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Linear(3, 3) for _ in range(2))
    for network in (ours, theirs):
        for weight in network.parameters():
            weight.grad = 5 * torch.ones_like(weight)

    clip_gradients(ours)
    torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)

    assert torch.allclose(ours.weight.grad, theirs.weight.grad)
    assert torch.allclose(ours.bias.grad, theirs.bias.grad)


@pytest.mark.parametrize("first", [True, False], ids=["before anything was kept", "later"])
def test_weights_that_are_no_numbers_are_put_back(tmp_path, first):
    networks = [torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)]
    averages = [Average(network) for network in networks]
    weight = networks[1].weight
    optimiser = torch.optim.AdamW(networks[1].parameters(), lr=0.1)
    run = Run("toy", tmp_path / "toy.checkpoint", Budget(10), [(optimiser, 0.1)])
    safe = Snapshot(networks, averages)
    learning(networks[1], optimiser, torch.ones(1, 2))
    if not first:
        keep_finite(run, safe)
    kept = [each.detach().clone() for network in networks for each in network.parameters()]

    # In one that a step of the other kind has nothing to do with: its loss is a number all the same.
    weight.data.fill_(float("nan"))
    averages[1].weights["weight"].fill_(float("nan"))
    optimiser.state[weight]["exp_avg"].fill_(float("nan"))
    keep_finite(run, safe)

    now = [each for network in networks for each in network.parameters()]
    same = [torch.equal(found, wanted) for found, wanted in zip(now, kept, strict=True)]
    assert all(each.isfinite().all() for each in now)
    assert all(same) != first, "what has been learnt since the start is lost, and nothing else"
    assert averages[1].weights["weight"].isfinite().all()
    assert optimiser.state[weight]["exp_avg"].abs().sum() == 0


def test_what_has_no_weight_is_no_error():
    wanted = torch.rand(2, 3, 8, 8)
    found = wanted.clone()
    found[..., :4] += 0.5
    weights = torch.zeros(2, 1, 8, 8)
    weights[..., 4:] = 1

    assert log_error(found, wanted, weights) < log_error(found, wanted) - 5


def test_a_larger_floor_lets_the_worst_pictures_count_more():
    wanted = torch.zeros(2, 3, 4, 4)
    found = (wanted + torch.tensor([0.02, 0.1])[:, None, None, None]).requires_grad_()

    def share_of_the_worse(floor):
        (gradient,) = torch.autograd.grad(log_error(found, wanted, floor=floor), found)
        good, bad = gradient.abs().sum((1, 2, 3))
        return float(bad / (good + bad))

    assert share_of_the_worse(1e-4) < 0.25
    assert share_of_the_worse(1e-1) > 0.75


def test_a_tint_counts_more_than_as_much_noise():
    wanted = torch.full((1, 3, 8, 8), 0.5)
    sign = torch.ones(8, 8)
    sign[::2] = -1
    tinted, noisy = wanted + 0.02, wanted + 0.02 * sign

    assert log_error(tinted, wanted) == pytest.approx(log_error(noisy, wanted))
    assert log_error(tinted, wanted, tint=8.0) > log_error(noisy, wanted, tint=8.0) + 1
    of_tensor = log_error(tinted, wanted, tint=torch.tensor(8.0))
    assert of_tensor == log_error(tinted, wanted, tint=8.0), "as recorded steps have it"


def test_a_checkpoint_is_gone_on_with_under_its_own_seed_alone(tmp_path):
    weight = torch.nn.Parameter(torch.zeros(1))

    def run(seed):
        return Run("toy", tmp_path / "toy.checkpoint", Budget(10), [(torch.optim.SGD([weight]), 1.0)], seed)

    begun = run(1)
    begun.begin_step()
    begun.save()

    gone_on = run(1)
    gone_on.resume()
    assert gone_on.step == 1
    with pytest.raises(ValueError, match="--seed 1"):
        run(2).resume()


def test_a_checkpoint_counts_for_the_weights_that_it_was_made_from(tmp_path, capsys):
    weight, earlier = torch.zeros(1, requires_grad=True), tmp_path / "earlier.safetensors"

    def run(seconds):
        optimiser = torch.optim.SGD([weight])
        return Run(
            "toy", tmp_path / "toy.checkpoint", Budget(seconds), [(optimiser, 1.0)], made_from=(earlier,)
        )

    earlier.write_bytes(b"first")
    first = run(10)
    first.step, first.before_s = 7, 10
    first.save(network="kept")
    again = run(10)
    assert again.resume()["network"] == "kept"
    assert again.already_done(earlier)
    assert not again.already_done(tmp_path / "not written"), "what is missing is written"
    longer = run(20)
    longer.resume()
    assert not longer.already_done(earlier)

    earlier.write_bytes(b"second")

    anew = run(10)
    assert anew.resume() is None
    assert (anew.step, anew.already_done(earlier)) == (0, False)
    assert "begins anew" in capsys.readouterr().out
