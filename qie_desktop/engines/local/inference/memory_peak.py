"""How much memory jobs really take: the peak of one at a time."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import torch

if TYPE_CHECKING:
    from collections.abc import Generator

    from qie_desktop.engines.local.inference.device import Device

_EVERY_S = 0.02


class PeakMeter:
    """Measures the peak of a job, as the device tells it.

    CUDA counts it itself: `peak_bytes` is exactly what torch's tensors take at most. Apple's GPU is asked
    whenever `sample` is called: what torch has had of Metal, which keeps what it was given, so that little is
    missed. On the CPU it is by how much this process has grown since the meter was made, looked at every 20
    ms: make it before anything is loaded.
    """

    def __init__(self, device: Device) -> None:
        self._device = device.device
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self._peak = 0

    @property
    def peak_bytes(self) -> int:
        """The peak of the job that is, or was, measured last."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        return self._peak

    @contextmanager
    def measuring(self) -> Generator[None]:
        """Measure a job while this lasts."""
        self._peak = 0
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(ended,), name="qie-memory", daemon=True)
        if self._device.type == "cpu":
            watch.start()
        try:
            yield
        finally:
            ended.set()
            if watch.ident is not None:
                watch.join()
            self.sample()

    def sample(self) -> None:
        """Look how much it is now. On the inference thread."""
        if self._device.type == "mps":
            self._peak = max(self._peak, torch.mps.driver_allocated_memory())

    def _watch(self, ended: threading.Event) -> None:
        while True:
            self._peak = max(self._peak, self._process.memory_info().rss - self._before)
            if ended.wait(_EVERY_S):
                return
