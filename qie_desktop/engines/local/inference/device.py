"""Which device computes, in which type, and how its memory is let go."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import psutil
import torch

from qie_desktop.core.errors import SettingsError
from qie_desktop.core.memory_need import CPU_SHARE, DeviceKind, Machine

_PREFERENCES = ("auto", "mps", "cuda", "cpu")


@dataclass(frozen=True, slots=True)
class Device:
    """A device and the type that it computes in.

    bfloat16 on GPUs, never float16: this model's activations reach some 2·10⁷, and float16 ends at 65504.
    """

    device: torch.device
    dtype: torch.dtype
    memory_limit_bytes: int | None = None
    """No more than this is to be used, where it is set."""

    @property
    def name(self) -> str:
        """What the device is called, for people."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return {"mps": "Apple GPU (Metal)", "cpu": "CPU"}[self.device.type]

    def machine(self) -> Machine:
        """Return what there is to compute in now: what this process holds of it counts as free."""
        kind, total = DeviceKind(self.device.type), psutil.virtual_memory().total
        match kind:
            case DeviceKind.CUDA:
                free, total = torch.cuda.mem_get_info(self.device)
                usable = free + torch.cuda.memory_reserved(self.device)
            case DeviceKind.MPS:
                usable = torch.mps.recommended_max_memory()
            case DeviceKind.CPU:
                usable = int(total * CPU_SHARE)
        return Machine(kind, total, min(usable, self.memory_limit_bytes or usable))

    def synchronize(self) -> None:
        """Wait until everything that was asked of the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def release(self) -> None:
        """Collect garbage and give the device's cached memory back."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


def choose_device(preference: str = "auto", memory_limit_bytes: int | None = None) -> Device:
    """Return the best device: MPS, then CUDA, then the CPU; or the one asked for.

    Raises SettingsError for a device that this machine does not have.
    """
    available = {"mps": torch.backends.mps.is_available(), "cuda": torch.cuda.is_available(), "cpu": True}
    wanted = [name for name, there in available.items() if there] if preference == "auto" else [preference]
    if preference not in _PREFERENCES or not available[wanted[0]]:
        here = ", ".join(name for name, there in available.items() if there)
        raise SettingsError(
            f'There is no device "{preference}" here.', f"Set local.device to auto, or: {here}."
        )
    device = torch.device(wanted[0])
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    return Device(device, dtype, memory_limit_bytes)
