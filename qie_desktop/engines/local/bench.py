"""How fast the local engine is: against diffusers on random weights, or with this machine's own model."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qie_desktop.core.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

QUANTS = ("Q2_K", "Q3_K", "Q4_0", "Q4_K", "Q5_0", "Q5_K", "Q6_K", "Q8_0")
_STOCK = ("stock bf16", "stock GGUF")
_SIDES = range(64, 2049)
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class SyntheticBench:
    """What is measured: blocks of the real width with random weights of one type, an edit of `size` px."""

    quant: str = "Q4_K"
    size: int = 1024
    blocks: int = 60
    against_stock: bool = False
    device: str = "auto"


def run_synthetic(bench: SyntheticBench) -> dict[str, Any]:
    """Measure, and return the machine and a row for each contender; times in milliseconds, memory in GiB.

    Raises InvalidRequest for what cannot be measured, and SettingsError for a device that is not there.
    """
    _check(bench)
    import torch  # noqa: PLC0415 - slow to import

    from qie_desktop.engines.local.inference.benchmark import compare  # noqa: PLC0415
    from qie_desktop.engines.local.inference.device import choose_device  # noqa: PLC0415

    device = choose_device(bench.device)
    against = _STOCK if bench.against_stock else ()
    timings = compare(device, bench.quant, bench.size, bench.blocks, against)
    base = next((timing for timing in timings if timing.name == _STOCK[0]), None)
    return {
        "device": device.name,
        "machine": platform.platform(),
        "torch": torch.__version__,
        "quant": bench.quant,
        "size": bench.size,
        "blocks": bench.blocks,
        "rows": [
            {
                "name": timing.name,
                "forward_ms": round(timing.forward_s * 1000, 1),
                "guided_step_ms": round(timing.guided_s * 1000, 1),
                "resident_gib": round(timing.resident_bytes / _GIB, 2),
                "peak_gib": None if timing.peak_bytes is None else round(timing.peak_bytes / _GIB, 2),
                "forward_ratio": None if base is None else round(timing.forward_s / base.forward_s, 3),
                "guided_ratio": None if base is None else round(timing.guided_s / base.guided_s, 3),
            }
            for timing in timings
        ],
    }


def _check(bench: SyntheticBench) -> None:
    _one_of("quant", bench.quant, QUANTS)
    if bench.size not in _SIDES or bench.size % 16:
        raise InvalidRequest(
            "size", f"A side of {bench.size} px cannot be measured.", "Choose a multiple of 16, 64 to 2048."
        )
    if bench.blocks < 1:
        raise InvalidRequest("blocks", "At least one block is needed.", "The real model has 60.")


def _one_of(field: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InvalidRequest(field, f"{value} cannot be measured.", f"Choose one of: {', '.join(known)}.")
