"""What a local model needs of this machine's memory: one number and one wording for every place that tells.

Nothing here imports torch: the device that the engine will choose is told from what is installed.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qie_desktop.core.machine import this_machine
from qie_desktop.core.memory_fit import GB, Fit, memory_fit, needed_bytes

if TYPE_CHECKING:
    from qie_desktop.core.model import HubWeights

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
_FLOAT32_BYTES, _BFLOAT16_BYTES = 4, 2


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What one quantisation of a model takes, and how that sits in this machine's memory."""

    quantisation: str
    needed_bytes: int
    fit: Fit

    @property
    def fit_text(self) -> str:
        """How it sits there, in a word or two."""
        return f"fits {this_machine()}" if self.fit is Fit.FITS else self.fit.value

    @property
    def text(self) -> str:
        """The whole of it: "needs about 20 GB: tight"."""
        return f"needs about {self.needed_bytes / GB:.0f} GB: {self.fit_text}"


def memory_needs(weights: HubWeights, device: str, total_bytes: int | None = None) -> tuple[MemoryNeed, ...]:
    """Return the needs of all quantisations, in their order, in a memory (this machine's where None).

    `device` is the setting `local.device`. Reads what the system knows of itself: milliseconds.
    """
    import psutil  # noqa: PLC0415 - not before a local model is shown

    total = int(psutil.virtual_memory().total) if total_bytes is None else total_bytes
    bytes_per_number = _FLOAT32_BYTES if computing_device(device) == "cpu" else _BFLOAT16_BYTES
    needs = [(name, needed_bytes(weights, name, bytes_per_number)) for name, _ in weights.gguf_gb]
    return tuple(MemoryNeed(name, needed, memory_fit(needed, total)) for name, needed in needs)


def computing_device(preference: str) -> str:
    """Return what the engine's `choose_device` will choose: "mps", "cuda" or "cpu"."""
    if preference != "auto":
        return preference
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    return "cuda" if _NVIDIA_DRIVER.exists() and not _is_built_for_the_cpu() else "cpu"


def _is_built_for_the_cpu() -> bool:
    from importlib import metadata  # noqa: PLC0415 - imports a good deal itself, and the window comes first

    try:
        return metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return True
