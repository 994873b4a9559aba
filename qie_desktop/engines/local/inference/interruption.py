"""Cancelling between the layers of a model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Generator

    from qie_desktop.core.cancel import CancelToken


@contextmanager
def interruptible(model: nn.Module, cancel: CancelToken) -> Generator[None]:
    """While this lasts, JobCancelled is raised before the next layer of `model` once the token is set.

    Layers are the entries of the model's module lists, such as its transformer blocks.
    """

    def _check(*_: object) -> None:
        cancel.raise_if_cancelled()

    layers = [layer for modules in model.modules() if isinstance(modules, nn.ModuleList) for layer in modules]
    handles = [layer.register_forward_pre_hook(_check) for layer in layers]
    try:
        cancel.raise_if_cancelled()
        yield
    finally:
        for handle in handles:
            handle.remove()
