"""Foreign exceptions of the inference thread, mapped where they enter."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError

from qie_desktop.core.errors import CheckpointDamaged, EngineError, OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from qie_desktop.core.errors import QieError

_MEMORY_HINT = "Close other apps, choose a smaller quantisation or a smaller picture, and try again."
_MEMORY_PHRASES = (
    "out of memory",
    "can't allocate memory",
    "invalid buffer size",
    "could not create a primitive",
)
"""How torch's MPS backend, its CPU allocator and oneDNN say it: they have no exception of their own."""


@contextmanager
def computing(what: str) -> Generator[None]:
    """Turn what torch raises into errors of ours; `what` says what was done ("denoising")."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise OutOfMemory(f"There was not enough memory while {what}.", _MEMORY_HINT) from error
    except RuntimeError as error:
        if any(phrase in str(error).lower() for phrase in _MEMORY_PHRASES):
            raise OutOfMemory(f"There was not enough memory while {what}.", _MEMORY_HINT) from error
        raise EngineError(
            f"Something went wrong while {what}: {_first_line(error)}",
            "Run `qie doctor` to check this machine.",
        ) from error


@contextmanager
def loading(what: str) -> Generator[None]:
    """Turn what the libraries raise over a checkpoint's files into errors of ours, as `computing` does."""
    try:
        with computing(f"loading the {what}"):
            yield
    except (SafetensorError, OSError) as error:
        if _is_shortage(error):
            raise OutOfMemory(
                f"There was not enough memory while loading the {what}.", _MEMORY_HINT
            ) from error
        raise _damaged(what, error) from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(what, error) from error


@contextmanager
def reading(path: Path, damaged: type[QieError] = CheckpointDamaged) -> Generator[None]:
    """Turn an OSError over a file of weights into errors of ours: `damaged`, or OutOfMemory.

    Some weights are read again in the middle of a job, when the file may no longer be there.
    """
    try:
        yield
    except OSError as error:
        if _is_shortage(error):
            raise OutOfMemory(f"There was not enough memory to read {path.name}.", _MEMORY_HINT) from error
        raise damaged(
            f"{path.name} cannot be read: {_first_line(error)}.", "See that it is there, and its disk too."
        ) from error


def _is_shortage(error: Exception) -> bool:
    is_told = "cannot allocate memory" in str(error).lower()
    return is_told or getattr(error, "errno", None) == errno.ENOMEM


def _damaged(what: str, error: Exception) -> CheckpointDamaged:
    return CheckpointDamaged(
        f"The {what} cannot be loaded: {_first_line(error)}",
        "Check the checkpoint's folder, or download it again.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
