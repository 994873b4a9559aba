import math

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from qie_desktop.core.local_weights import QUALITIES
from qie_desktop.engines.local.inference.schedule import Schedule, dynamic_shift

CPU = torch.device("cpu")


@pytest.mark.parametrize("steps", [1, 2, 4, 40])
def test_sigmas_fall_from_1_to_0(tiny, steps):
    schedule = Schedule(tiny / "scheduler", steps, 4096, CPU)

    timesteps = [float(timestep) for timestep in schedule.timesteps]
    assert len(timesteps) == steps
    assert timesteps[0] == 1000
    assert timesteps == sorted(timesteps, reverse=True)
    # Euler from noise along a constant velocity ends at noise - velocity: all of the way to 0 is taken.
    latents = torch.ones(1, 4, 64)
    for timestep in schedule.timesteps:
        latents = schedule.step(torch.ones(1, 4, 64), timestep, latents)
    assert float(latents.abs().max()) < 1e-5


def test_the_shift_is_the_checkpoints_own(tiny):
    config = dict(FlowMatchEulerDiscreteScheduler.from_pretrained(tiny / "scheduler").config)

    assert dynamic_shift(config, 256) == pytest.approx(0.5)
    assert dynamic_shift(config, 8192) == pytest.approx(0.9)


def test_a_shift_that_is_the_same_at_both_ends_holds_for_every_length():
    config = {"base_shift": math.log(3), "max_shift": math.log(3)}

    assert dynamic_shift(config, 256) == dynamic_shift(config, 4096) == pytest.approx(math.log(3))


@pytest.mark.parametrize("steps", [1, 4, 8])
def test_settings_take_the_place_of_the_checkpoints_own(tiny, steps):
    """Lightning: sigma becomes 3s / (1 + 2s) at every size, and is not stretched to end at 0.02."""
    for quality in (each for each in QUALITIES if each.lora):
        for tokens in (256, 4096):
            found = Schedule(tiny / "scheduler", steps, tokens, CPU, dict(quality.scheduler)).timesteps
            even = [1 - index / steps for index in range(steps)]
            expected = [1000 * 3 * sigma / (1 + 2 * sigma) for sigma in even]
            assert [float(timestep) for timestep in found] == pytest.approx(expected, abs=0.01)


def test_each_lightning_file_is_for_the_steps_of_its_quality():
    """Trap: the 4-step file with 4 steps, the 8-step file with 8."""
    for quality in QUALITIES:
        if quality.lora:
            assert f"-{quality.steps}steps-" in quality.lora
            assert quality.name.endswith(str(quality.steps))
            assert quality.scheduler
    assert [quality.scheduler for quality in QUALITIES if not quality.lora] == [()]
