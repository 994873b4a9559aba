"""Which way of dequantising is used: of those that are right on this device, the fastest.

Plain torch is always right: the reference. Everything faster depends on a compiler, a driver or a GPU that
nobody could try beforehand. So each way is run, when a model is loaded, on blocks of the file itself, and has
to give the very bits of the reference; whatever it does instead costs speed and one line in the log, never a
picture.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time
from typing import TYPE_CHECKING, Protocol

import torch

from qie_desktop.engines.local.inference.compiled_dequantisation import CompiledDequantiser
from qie_desktop.engines.local.inference.dequantisation import dequantise
from qie_desktop.engines.local.inference.metal_dequantisation import MetalDequantiser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from qie_desktop.engines.local.inference.device import Device

_log = logging.getLogger(__name__)

REFERENCE = "plain torch"
WORTH_COMPILING_BYTES = 2**31
"""From how many bytes of weights on `torch.compile` is tried.

It takes some 5 to 20 s a type. The smallest file of the real model has twice these bytes and gains them back
within a picture; a tiny one would take longer to load than to run.
"""
_SAMPLE_BYTES = 2**23
"""How much of a sample is used: a GPU is busy with it, and the reference takes some 0.3 GB at most."""
_ROUNDS = 5
_PLAIN = ("F32", "F16", "BF16")
"""Types that are numbers already: the reference only casts them."""


class Dequantiser(Protocol):
    """A way of dequantising. `dequantise` is one, and the reference for all others."""

    def __call__(self, blocks: Tensor, type_name: str, dtype: torch.dtype, /) -> Tensor:
        """Return the weights held by rows of GGUF blocks.

        `blocks` is uint8 `(rows, bytes of a row)`, contiguous; the result `(rows, columns)` of `dtype` on the
        same device. May raise anything.
        """
        ...


def choose_dequantiser(
    device: Device,
    samples: Mapping[str, Tensor],
    *,
    weight_bytes: int,
    candidates: Mapping[str, Dequantiser] | None = None,
) -> dict[str, Dequantiser]:
    """Return for each type the fastest way that gives the bits of the reference. Never raises.

    `samples` has for each type some rows of real blocks on the device; `weight_bytes` is the size of all
    weights in blocks. `candidates` are the ways to try, by name: those of the device unless they are given.
    Takes well under a second, but with `torch.compile` some seconds a type. Not to be cancelled.
    """
    if candidates is None:
        candidates = candidates_for(device, weight_bytes)
    chosen: dict[str, Dequantiser] = {}
    said: list[str] = []
    for type_name, sample in samples.items():
        tried = {} if type_name in _PLAIN else candidates
        seconds = _seconds(device, type_name, sample, tried)
        best = min(seconds, key=seconds.__getitem__, default=REFERENCE)
        chosen[type_name] = tried.get(best, dequantise)
        times = ", ".join(f"{name} {taken * 1000:.2f} ms" for name, taken in seconds.items())
        said.append(f"{type_name} by {best}" + (f" ({times})" if times else ""))
    _log.info("Dequantisation on %s: %s", device.name, "; ".join(said))
    return chosen


def candidates_for(device: Device, weight_bytes: int) -> dict[str, Dequantiser]:
    """Return the ways, by name, that are worth trying beside the reference."""
    if device.device.type == "mps":
        return {"Metal": MetalDequantiser()}
    # A frozen app has no compiler, and torch would start the app again as the process that compiles.
    if weight_bytes < WORTH_COMPILING_BYTES or getattr(sys, "frozen", False):
        return {}
    return {"torch.compile": CompiledDequantiser()}


def _seconds(
    device: Device, type_name: str, sample: Tensor, candidates: Mapping[str, Dequantiser]
) -> dict[str, float]:
    """Return how long each way takes that agrees with the reference, and the reference if there is one."""
    seconds: dict[str, float] = {}
    if not candidates:
        return seconds
    try:
        blocks = sample[: max(1, _SAMPLE_BYTES // sample.shape[1])]
        expected = dequantise(blocks, type_name, device.dtype)
    except Exception as error:  # noqa: BLE001 - short of memory, say: then nothing can be checked, nor used
        _log.warning("%s cannot be checked: %s", type_name, _first_line(error))
        return seconds
    for name, way in (*candidates.items(), (REFERENCE, dequantise)):
        if way is dequantise and not seconds:
            break
        try:
            seconds[name] = _median_s(way, blocks, type_name, expected, device)
        except Exception as error:  # noqa: BLE001 - a compiler or a driver can fail in any way
            _log.warning("%s is not used for %s: %s", name, type_name, _first_line(error))
    return seconds


def _median_s(
    dequantiser: Dequantiser, blocks: Tensor, type_name: str, expected: Tensor, device: Device
) -> float:
    """Return the median time of some calls after the first.

    Raises ArithmeticError where one gives other bits than expected.
    """
    times: list[float] = []
    for _ in range(1 + _ROUNDS):
        # Memory comes back as it was left: what writes nothing could else pass with an earlier result.
        torch.full_like(expected, torch.nan)
        device.synchronize()
        began = time.perf_counter()
        numbers = dequantiser(blocks, type_name, expected.dtype)
        device.synchronize()
        times.append(time.perf_counter() - began)
        _check_same_bits(numbers, expected)
    return statistics.median(times[1:])


def _check_same_bits(numbers: Tensor, expected: Tensor) -> None:
    if (numbers.shape, numbers.dtype) != (expected.shape, expected.dtype):
        raise ArithmeticError(
            f"it gives {tuple(numbers.shape)} of {numbers.dtype}, "
            f"instead of {tuple(expected.shape)} of {expected.dtype}"
        )
    whole = torch.int16 if expected.dtype.itemsize == 2 else torch.int32  # noqa: PLR2004 - bytes of bfloat16
    wrong = int((numbers.view(whole) != expected.view(whole)).sum())
    if wrong:
        raise ArithmeticError(f"{wrong} of {expected.numel()} numbers are wrong")


def _first_line(error: Exception) -> str:
    """Return what went wrong in one line: compilers write pages."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
