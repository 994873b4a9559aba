"""Cancelling between the layers of a model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from qie_desktop.core.cancel import CancelToken


@contextmanager
def interruptible(model: nn.Module, cancel: CancelToken) -> Generator[None]:
    """While this lasts, JobCancelled is raised before the next layer of `model` once the token is set.

    Layers are the entries of the model's module lists, such as its transformer blocks.
    """
    keep_pace = _pace(next((parameter.device for parameter in model.parameters()), torch.device("cpu")))

    def _check(*_: object) -> None:
        keep_pace()
        cancel.raise_if_cancelled()

    layers = [layer for modules in model.modules() if isinstance(modules, nn.ModuleList) for layer in modules]
    handles = [layer.register_forward_pre_hook(_check) for layer in layers]
    try:
        cancel.raise_if_cancelled()
        yield
    finally:
        for handle in handles:
            handle.remove()


def _pace(device: torch.device) -> Callable[[], None]:
    """Return what keeps a GPU at most one layer behind.

    Work is queued there, not done: without it a whole step may lie ahead of a cancel that is noticed at once.
    """
    if device.type not in {"cuda", "mps"}:
        return lambda: None
    before: torch.cuda.Event | torch.mps.Event | None = None

    def keep_pace() -> None:
        nonlocal before
        if before is not None:
            before.synchronize()
        before = torch.cuda.Event() if device.type == "cuda" else torch.mps.Event()
        before.record()

    return keep_pace
