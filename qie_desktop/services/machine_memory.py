"""What a local model needs of this machine's memory: one plan and one wording for every place that tells.

Nothing here imports torch: which device the engine will choose, and how much memory that has, is told from
what is installed. The engine plans again with what it finds there.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qie_desktop.core.geometry import Size
from qie_desktop.core.memory_need import CPU_SHARE, DeviceKind, Machine, Run
from qie_desktop.core.memory_parts import alternatives, published_parts, text_encoders
from qie_desktop.core.memory_plan import Fit, MemoryPlan, Policy, first_that_fits, plan_memory
from qie_desktop.core.memory_words import fit_words, gb_words, reasons, refusal, short_fit_words
from qie_desktop.core.model import HubWeights

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.model_parts import TextEncoderFiles
    from qie_desktop.core.request import Request
    from qie_desktop.storage.settings import Settings

_GIB = 2**30
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
_SMALL_MAC_BYTES = 32 * _GIB
_SMALL_SHARE, _LARGE_SHARE = 2 / 3, 3 / 4
"""What macOS lets the GPU use by default: two thirds up to 32 GB, three quarters and more above."""
_CUDA_OWN_BYTES = _GIB
"""What the driver and CUDA's own context take of a GPU, generously."""
_MEGAPIXEL = Size(1024, 1024)
_FULL, _LIGHTNING = Run((_MEGAPIXEL,), passes=2, steps=40), Run((_MEGAPIXEL,), passes=1, steps=8)


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What one quantisation takes with a text encoder, and how that sits in this machine's memory.

    Planned for one picture of a megapixel, in the quality that takes more: `plan` is how it will go, `least`
    how it goes with the least memory, which is what quantisations are compared by.
    """

    quantisation: str
    text_encoder: str
    plan: MemoryPlan
    least: MemoryPlan

    @property
    def needed_bytes(self) -> int:
        """The least memory in which it runs as it should."""
        return self.least.peak_bytes

    @property
    def fit(self) -> Fit:
        """How it sits there."""
        return self.plan.fit

    @property
    def fit_text(self) -> str:
        """How it sits there, in a word or two: "fits this Mac"."""
        return short_fit_words(self.fit)

    @property
    def spare_text(self) -> str:
        """How it sits there, with figures: "fits this 32 GB Mac with 6 GB to spare"."""
        return fit_words(self.least)

    @property
    def text(self) -> str:
        """The whole of it: "fits this 32 GB Mac with 6 GB to spare; needs 15.7 GB"."""
        with_what = "" if self.text_encoder == "full" else f" with the {self.text_encoder} text encoder"
        return f"{self.spare_text}; needs {gb_words(self.needed_bytes)}{with_what}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it goes as it does, a sentence each."""
        return reasons(self.plan)


def memory_needs(
    weights: HubWeights,
    device: str,
    total_bytes: int | None = None,
    *,
    text_encoder: str | None = None,
    policy: str = Policy.AUTO,
) -> tuple[MemoryNeed, ...]:
    """Return the needs of all quantisations, in their order, in a memory (this machine's where None).

    `device` and `policy` are the settings `local.device` and `local.memory_policy`. `text_encoder` is the
    name of one of its forms; None: for each quantisation the first with which it fits comfortably, or else
    fits.
    Reads what the system knows of itself: milliseconds.
    """
    machine = machine_memory(device, total_bytes)
    forms = _forms(weights, text_encoder)
    return tuple(_need(machine, weights, name, forms, policy) for name, _ in weights.gguf_gb)


def run_note(spec: ModelSpec, request: Request, settings: Settings) -> str:
    """Return what is to be known of a run's memory before it begins; nothing where there is plenty.

    Only of weights from the hub: what a person's own files take, the engine tells when it has looked at them.
    """
    weights = spec.local.weights if spec.local else None
    quantisation = str(request.value("quantisation"))
    own = settings.get("local.transformer") or settings.get("local.checkpoint")
    if not isinstance(weights, HubWeights) or own or quantisation not in dict(weights.gguf_gb):
        return ""
    wish, policy = str(settings.get("local.text_encoder")), str(settings.get("local.memory_policy"))
    forms = _forms(weights, None if wish == "auto" else wish)
    need = _need(machine_memory(str(settings.get("local.device"))), weights, quantisation, forms, policy)
    if need.fit is Fit.FITS:
        return ""
    lightning = need.plan.parts.loras > 0
    number_bytes = need.plan.machine.bytes_per_number
    others = alternatives(weights, quantisation, need.text_encoder, number_bytes, lightning=lightning)
    problem = refusal(need.plan, others)
    if problem is not None:
        return f"{problem.message} {problem.hint}"
    why = f" {need.reasons[-1]}" if need.plan.is_smaller else ""
    return f"{quantisation} is {need.text}.{why}"


def recommended(needs: Iterable[MemoryNeed], default: str) -> MemoryNeed | None:
    """Return the need of the default quantisation where it fits, or else of the largest that does.

    One that works on the model's own area comes before one for which it must be smaller.
    """
    fitting = [need for need in needs if need.fit is not Fit.TOO_LARGE]
    whole = [need for need in fitting if not need.plan.is_smaller] or fitting
    preferred = [need for need in whole if need.quantisation == default]
    return (preferred or whole[-1:] or [None])[0]


def machine_memory(device: str, total_bytes: int | None = None) -> Machine:
    """Return what the engine will compute in, about, for the setting `local.device`."""
    kind = DeviceKind(computing_device(device))
    total = total_bytes or _total_bytes(kind)
    match kind:
        case DeviceKind.MPS:
            usable = int(total * (_SMALL_SHARE if total <= _SMALL_MAC_BYTES else _LARGE_SHARE))
        case DeviceKind.CUDA:
            usable = max(0, total - _CUDA_OWN_BYTES)
        case DeviceKind.CPU:
            usable = int(total * CPU_SHARE)
    return Machine(kind, total, usable)


def computing_device(preference: str) -> str:
    """Return what the engine's `choose_device` will choose: "mps", "cuda" or "cpu"."""
    if preference != "auto":
        return preference
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    return "cuda" if _NVIDIA_DRIVER.exists() and not _is_built_for_the_cpu() else "cpu"


def _forms(weights: HubWeights, text_encoder: str | None) -> list[TextEncoderFiles]:
    return [form for form in text_encoders(weights) if text_encoder in {None, form.name}]


def _need(
    machine: Machine, weights: HubWeights, quantisation: str, forms: list[TextEncoderFiles], policy: str
) -> MemoryNeed:
    plans = [_plan(machine, weights, quantisation, form, policy) for form in forms]
    best = first_that_fits(plans)
    form = forms[plans.index(best)]
    in_turns = Policy.STAGED if policy == Policy.AUTO else policy
    least = _plan(machine, weights, quantisation, form, in_turns)
    return MemoryNeed(quantisation, form.name, best, least)


def _plan(
    machine: Machine, weights: HubWeights, quantisation: str, encoder: TextEncoderFiles, policy: str
) -> MemoryPlan:
    """Plan both qualities, and return what takes more."""
    plans = [
        plan_memory(
            machine,
            published_parts(weights, quantisation, encoder, machine.bytes_per_number, lightning=lightning),
            run,
            Policy(policy),
        )
        for run, lightning in ((_FULL, False), (_LIGHTNING, True))
    ]
    return max(plans, key=lambda plan: (list(Fit).index(plan.fit), plan.peak_bytes))


def _total_bytes(kind: DeviceKind) -> int:
    import psutil  # noqa: PLC0415 - not before a local model is shown

    machine = int(psutil.virtual_memory().total)
    return (_nvidia_bytes() or machine) if kind is DeviceKind.CUDA else machine


class _NvmlMemory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def _nvidia_bytes() -> int | None:
    """Return the memory of the first NVIDIA GPU as its driver tells it; None where it does not.

    https://docs.nvidia.com/deploy/nvml-api: each call returns 0 where it has succeeded.
    """
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    if nvml.nvmlInit_v2():
        return None
    device, memory = ctypes.c_void_p(), _NvmlMemory()
    failed = nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)) or nvml.nvmlDeviceGetMemoryInfo(
        device, ctypes.byref(memory)
    )
    nvml.nvmlShutdown()
    return None if failed else int(memory.total)


def _is_built_for_the_cpu() -> bool:
    from importlib import metadata  # noqa: PLC0415 - imports a good deal itself, and the window comes first

    try:
        return metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return True
