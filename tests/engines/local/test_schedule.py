import math

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

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
