"""Cancelling between the layers of a model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Generator

    from qie_desktop.core.cancel import CancelToken


@contextmanager
def interruptible(model: nn.Module, cancel: CancelToken) -> Generator[None]:
    """While this lasts, JobCancelled is raised before the next layer of `model` once the token is set.

    Layers are the entries of the model's module lists, such as its transformer blocks.
    """
    pacer = Pacer(next((parameter.device for parameter in model.parameters()), torch.device("cpu")), cancel)

    def _check(*_: object) -> None:
        pacer.check()

    layers = [layer for modules in model.modules() if isinstance(modules, nn.ModuleList) for layer in modules]
    handles = [layer.register_forward_pre_hook(_check) for layer in layers]
    try:
        cancel.raise_if_cancelled()
        yield
    finally:
        for handle in handles:
            handle.remove()


class Pacer:
    """To be asked before each layer: keeps a GPU at most one layer behind, and stops when it is cancelled.

    Work is queued there, not done: without it a whole step may lie ahead of a cancel that is noticed at once.
    """

    def __init__(self, device: torch.device, cancel: CancelToken) -> None:
        self._kind = device.type
        self._cancel = cancel
        self._before: torch.cuda.Event | torch.mps.Event | None = None

    def check(self) -> None:
        """Wait for the layer before the last. Raises JobCancelled once the token is set."""
        if self._kind in {"cuda", "mps"}:
            if self._before is not None:
                self._before.synchronize()
            self._before = torch.cuda.Event() if self._kind == "cuda" else torch.mps.Event()
            self._before.record()
        self._cancel.raise_if_cancelled()
