"""Muon: momentum whose matrices are made orthogonal before they are applied.

Source: Keller Jordan, https://kellerjordan.github.io/posts/muon/ (MIT), the quintic Newton–Schulz iteration
and its coefficients. The update is scaled to the size of AdamW's, so that its learning rates serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_AS_ADAM = 0.2


def orthogonal(matrices: Tensor) -> Tensor:
    """Return the nearest orthogonal matrices of `(count, rows, columns)`, roughly."""
    a, b, c = _COEFFICIENTS
    x = matrices.bfloat16() if matrices.is_cuda else matrices.float()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * (square @ square)) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """For matrices and convolution kernels; those of one shape are worked on together."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(list(parameters), {"lr": lr, "momentum": momentum})
        self._groups: dict[tuple[int, int], list[nn.Parameter]] = {}
        for parameter in self.param_groups[0]["params"]:
            shape = (parameter.shape[0], parameter[0].numel())
            self._groups.setdefault(shape, []).append(parameter)
        for shape, members in self._groups.items():
            self.state[members[0]]["buffer"] = torch.zeros(len(members), *shape, device=members[0].device)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step; parameters without a gradient keep to their momentum."""
        del closure
        lr, momentum = (
            self.param_groups[0]["lr"],
            self.param_groups[0]["momentum"],
        )  # lr: a number or a tensor
        for shape, members in self._groups.items():
            gradients = torch.stack(
                [
                    torch.zeros(shape, device=each.device) if each.grad is None else each.grad.reshape(shape)
                    for each in members
                ]
            ).float()
            buffer: Tensor = self.state[members[0]]["buffer"]
            buffer.lerp_(gradients, 1 - momentum)
            update = orthogonal(gradients.lerp(buffer, momentum)) * (_AS_ADAM * max(shape) ** 0.5)
            update = update * -lr
            changes = [change.view_as(each) for change, each in zip(update.unbind(), members, strict=True)]
            # All at once: one by one it would be hundreds of small operations.
            torch._foreach_add_(list[torch.Tensor](members), changes)  # pyright: ignore[reportPrivateUsage]
