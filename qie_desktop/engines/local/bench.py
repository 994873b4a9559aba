"""How fast the local engine is: against diffusers on random weights, or with this machine's own model."""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qie_desktop.core.errors import InvalidRequest
from qie_desktop.core.memory_need import DeviceKind
from qie_desktop.core.model_shape import TransformerShape
from qie_desktop.engines.local.planning import planned_step_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qie_desktop.core.cancel import CancelToken

QUANTS = ("Q2_K", "Q3_K", "Q4_0", "Q4_K", "Q5_0", "Q5_K", "Q6_K", "Q8_0")
_STOCK = ("stock bf16", "stock GGUF")
_SIDES = range(64, 2049)
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class SyntheticBench:
    """What is measured: blocks of the real width with random weights of one type, an edit of `size` px.

    With `first_block_cache`, a threshold, also a whole run with it.
    """

    quant: str = "Q4_K"
    size: int = 1024
    blocks: int = 60
    against_stock: bool = False
    device: str = "auto"
    first_block_cache: float = 0.0


def run_synthetic(bench: SyntheticBench, cancel: CancelToken) -> dict[str, Any]:
    """Measure, and return the machine and a row for each contender; times in milliseconds, memory in GiB.

    Raises InvalidRequest for what cannot be measured, SettingsError for a device that is not there,
    OutOfMemory, and JobCancelled.
    """
    _check(bench)
    import torch  # noqa: PLC0415 - slow to import

    from qie_desktop.engines.local.inference.benchmark import compare  # noqa: PLC0415
    from qie_desktop.engines.local.inference.device import choose_device  # noqa: PLC0415
    from qie_desktop.engines.local.inference.failures import computing  # noqa: PLC0415

    device = choose_device(bench.device)
    against = _STOCK if bench.against_stock else ()
    with computing("measuring"):
        found = compare(
            device,
            bench.quant,
            bench.size,
            bench.blocks,
            against,
            threshold=bench.first_block_cache,
            cancel=cancel,
        )
    kind, shape = DeviceKind(device.device.type), TransformerShape(blocks=bench.blocks)
    planned = planned_step_bytes(kind, found.timings[0].resident_bytes, bench.size, shape)
    base = next((timing for timing in found.timings if timing.name == _STOCK[0]), None)
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
                "forward_ms": _ms(timing.forward_s),
                "guided_step_ms": _ms(timing.guided_s),
                "resident_gib": round(timing.resident_bytes / _GIB, 2),
                "peak_gib": None if timing.peak_bytes is None else round(timing.peak_bytes / _GIB, 2),
                "forward_ratio": None if base is None else round(timing.forward_s / base.forward_s, 3),
                "guided_ratio": None if base is None else round(timing.guided_s / base.guided_s, 3),
            }
            for timing in found.timings
        ],
        "planned_peak_gib": round(planned / _GIB, 2),
        "preview_ms": _ms(found.preview_s),
        "reused_forward_ms": _ms(found.reused_forward_s),
        "reused_guided_step_ms": _ms(found.reused_guided_s),
        "first_block_cache": None
        if found.cached is None
        else {
            "threshold": bench.first_block_cache,
            "steps": found.cached.steps,
            "reused_steps": found.cached.reused,
            "exact_s": round(found.cached.exact_s, 2),
            "cached_s": round(found.cached.cached_s, 2),
            "of": "latents",
            "max_difference": round(found.cached.difference, 4),
            "psnr_db": round(found.cached.psnr_db, 1) if math.isfinite(found.cached.psnr_db) else None,
        },
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _check(bench: SyntheticBench) -> None:
    _one_of("quant", bench.quant, QUANTS)
    if bench.size not in _SIDES or bench.size % 16:
        raise InvalidRequest(
            "size", f"A side of {bench.size} px cannot be measured.", "Choose a multiple of 16, 64 to 2048."
        )
    if bench.first_block_cache < 0:
        raise InvalidRequest("first_block_cache", "A threshold is not below 0.", "0.05 is careful, 0.2 bold.")
    if bench.blocks < 1:
        raise InvalidRequest("blocks", "At least one block is needed.", "The real model has 60.")


def _one_of(field: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InvalidRequest(field, f"{value} cannot be measured.", f"Choose one of: {', '.join(known)}.")
