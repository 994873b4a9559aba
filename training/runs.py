"""What all three trainings share: a schedule by time, averaged weights, a checkpoint to go on from."""

from __future__ import annotations

import hashlib
import math
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor


def tell(text: str) -> None:
    """Write a line of progress."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a training may take, in seconds or steps, whichever is over first."""

    seconds: float
    steps: int = 10**9
    pause_at: float = math.inf
    """After so many seconds of its own the training stops with a checkpoint, to be gone on with."""


@dataclass(slots=True)
class Run:
    """A training under way: how far it is, over all the times that it was stopped and gone on with."""

    name: str
    path: Path
    budget: Budget
    optimisers: list[tuple[torch.optim.Optimizer, float]]
    seed: int = 1
    made_from: tuple[Path, ...] = ()
    """The weights of earlier trainings that this one builds on."""
    step: int = 0
    before_s: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    _told: float = 0.0
    _origin: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._origin = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in self.made_from)

    @property
    def elapsed_s(self) -> float:
        """Seconds of training in all."""
        return self.before_s + time.monotonic() - self._started

    @property
    def fraction(self) -> float:
        """From 0 to 1: how much of the budget is used."""
        return min(1.0, max(self.elapsed_s / self.budget.seconds, self.step / self.budget.steps))

    def already_done(self, *written: Path) -> bool:
        """Return whether an earlier run came to the end of the budget, and left what it is to write."""
        share = max(self.before_s / self.budget.seconds, self.step / self.budget.steps)
        if share < 1 or not all(path.is_file() for path in written):
            return False
        tell(f"{self.name}: done before, at step {self.step}")
        return True

    @property
    def paused(self) -> bool:
        """Whether it is time to stop, though it is not done."""
        return self.elapsed_s >= self.budget.pause_at

    def begin_step(self, warm_up: int = 150) -> None:
        """Set the learning rates: a warm-up, then a cosine down to a hundredth."""
        factor = min(1.0, (self.step + 1) / warm_up) * (
            0.495 * (1 + math.cos(math.pi * self.fraction)) + 0.01
        )
        for optimiser, rate in self.optimisers:
            for group in optimiser.param_groups:
                if isinstance(group["lr"], torch.Tensor):
                    group["lr"].fill_(rate * factor)
                else:
                    group["lr"] = rate * factor
        self.step += 1

    def due(self, every_s: float) -> bool:
        """Return whether something is to be told: at the first steps, and then every so often."""
        if self.step in {1, 3, 10} or time.monotonic() - self._told > every_s:
            self._told = time.monotonic()
            return True
        return False

    def save(self, **state: Any) -> None:
        """Write everything that is needed to go on: at the end after the weights, which are then there."""
        kept = {"step": self.step, "elapsed_s": self.elapsed_s, "seed": self.seed, **state}
        kept["made_from"] = self._origin
        kept["optimisers"] = [optimiser.state_dict() for optimiser, _ in self.optimisers]
        unfinished = self.path.with_suffix(".part")
        torch.save(kept, unfinished)
        unfinished.replace(self.path)

    def resume(self) -> dict[str, Any] | None:
        """Return what `save` was given, if there is a checkpoint, and take up its count and optimisers.

        One that was made from other weights than are there now is left aside. Random numbers are then others
        than at the start. Raises ValueError for a checkpoint of another seed.
        """
        if not self.path.is_file():
            return None
        kept: dict[str, Any] = torch.load(self.path, weights_only=False)
        if kept["seed"] != self.seed:
            raise ValueError(
                f"{self.path} was begun with --seed {kept['seed']}: take that, or another --folder"
            )
        if kept.get("made_from") != self._origin:
            tell(f"{self.name}: begins anew, since what it is made from has changed")
            return None
        self.step, self.before_s = kept["step"], kept["elapsed_s"]
        for (optimiser, _), state in zip(self.optimisers, kept["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        torch.manual_seed(1_000_003 * self.seed + self.step)
        tell(f"{self.name}: going on at step {self.step}, {self.before_s:.0f} s")
        return kept


class Average:
    """The exponential moving average of a network's weights."""

    def __init__(self, network: nn.Module, decay: float = 0.999) -> None:
        self._decay = decay
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights of a step; call it at every one."""
        if step % 2:
            return
        decay = min(self._decay, (1 + step) / (10 + step)) ** 2
        now = network.state_dict()
        names = list(now)
        kept = [self.weights[name] for name in names]
        # All at once: one by one it would be hundreds of small operations.
        torch._foreach_lerp_(kept, [now[name] for name in names], 1 - decay)  # pyright: ignore[reportPrivateUsage]


class Snapshot:
    """The weights of networks at a step where all was well, to go back to from one where it was not."""

    def __init__(self, networks: list[nn.Module], averages: Sequence[Average]) -> None:
        self._networks, self._averages = networks, averages
        self.take()

    def _states(self) -> list[dict[str, Tensor]]:
        return [each.state_dict() for each in self._networks] + [each.weights for each in self._averages]

    def take(self) -> None:
        """Keep the weights of the moment, and averages."""
        self._kept = [
            {name: value.detach().clone() for name, value in each.items()} for each in self._states()
        ]

    @torch.no_grad()
    def put_back(self) -> None:
        """Set weights and averages to what was kept last."""
        count = len(self._networks)
        for network, weights in zip(self._networks, self._kept[:count], strict=True):
            network.load_state_dict(weights)
        for average, weights in zip(self._averages, self._kept[count:], strict=True):
            average.weights = {name: value.clone() for name, value in weights.items()}

    @torch.no_grad()
    def finite(self) -> bool:
        """Return whether all weights are numbers. The loss does not tell: not all of them count in it."""
        values = [value for each in self._states() for value in each.values() if value.is_floating_point()]
        return bool(torch.stack(torch._foreach_norm(values)).isfinite().all())  # pyright: ignore[reportPrivateUsage]


@torch.no_grad()
def forget(optimiser: torch.optim.Optimizer) -> None:
    """Let an optimiser begin anew: its momenta may no longer be numbers."""
    for state in optimiser.state.values():
        for value in state.values():
            if isinstance(value, torch.Tensor):
                value.zero_()


def keep_finite(run: Run, safe: Snapshot) -> None:
    """Keep the weights of the moment if they are numbers; else go back to those kept before."""
    if safe.finite():
        safe.take()
        return
    tell(f"{run.name} {run.step}: not finite, back to the last weights that were")
    safe.put_back()
    for optimiser, _ in run.optimisers:
        forget(optimiser)


@torch.no_grad()
def clip_gradients(network: nn.Module, most: float = 1.0) -> Tensor:
    """Scale gradients down to a norm, or to zero where that is no number. Return whether it was one.

    A single sample that overflows would otherwise make all weights NaN, from which no step leads back.
    """
    gradients = [each.grad for each in network.parameters() if each.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    nn.utils.clip_grads_with_norm_(network.parameters(), most, norm)
    for gradient in gradients:
        gradient.nan_to_num_(0.0, 0.0, 0.0)
    return norm.isfinite()


def put_rates_on_device(optimisers: list[tuple[torch.optim.Optimizer, float]], device: str) -> None:
    """Make the learning rates tensors, which recorded steps read anew at every replay."""
    for optimiser, rate in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = torch.tensor(rate, device=device)
            if "capturable" in group:
                group["capturable"] = True


def split(
    network: nn.Module, is_matrix: Callable[[str, nn.Parameter], bool]
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters for Muon and those for AdamW, of those that are trained."""
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (matrices if is_matrix(name, parameter) else rest).append(parameter)
    return matrices, rest


def log_error(
    found: Tensor,
    wanted: Tensor,
    weights: Tensor | None = None,
    *,
    floor: float = 1e-4,
    tint: Tensor | float = 0.0,
) -> Tensor:
    """Return the mean over a batch of the logarithm of each picture's squared error, of pixels by weight.

    Its least value is the greatest mean PSNR: 1 less is 4.3 dB more. Errors below the `floor` hardly count;
    the larger it is, the more it is the worst pictures that do. The error of a picture's mean colour is
    counted `tint` times more.
    """
    error = found - wanted
    share = torch.ones_like(error[:, :1]) if weights is None else weights
    share = share / share.sum((2, 3), keepdim=True)
    squared = (error.square() * share).sum((2, 3)).mean(1)
    of_mean = (error * share).sum((2, 3)).square().mean(1)
    return (squared + tint * of_mean + floor).log().mean()


def psnr_db(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each picture of a batch, both cut to 0–1."""
    error = (found.clamp(0, 1) - wanted.clamp(0, 1)).square().mean((1, 2, 3))
    return -10 * error.clamp_min(1e-10).log10()


def write_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write weights as float32."""
    save_file({name: value.float().cpu().contiguous() for name, value in weights.items()}, path)
