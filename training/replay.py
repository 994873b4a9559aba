"""Steps that are recorded once and then replayed.

Launching their thousand kernels one by one takes longer than running them.
Source: "Whole-network capture" in torch's notes on CUDA graphs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Recorder:
    """Runs functions by name: the first time as they are, from the second on as a recording.

    A function must do the same at every call, on tensors that stay where they are, and take no numbers but
    those that are on the device. What it allocates is shared by all recordings: nothing of it may be kept.
    """

    def __init__(self, device: str, *, recording: bool) -> None:
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph | None] = {}
        self._recording = recording and device == "cuda"
        self._stream = torch.cuda.Stream() if self._recording else None
        self._pool: Any = torch.cuda.graph_pool_handle() if self._recording else None

    def __len__(self) -> int:
        """Return how many recordings there are."""
        return sum(graph is not None for graph in self._graphs.values())

    def run(self, name: Hashable | None, function: Callable[[], None]) -> None:
        """Run a function, or its recording; one without a name is never recorded."""
        if self._stream is None:
            function()
            return
        if name is None or name not in self._graphs:
            # All on one stream: autograd's nodes belong to the one on which they were made.
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                function()
            torch.cuda.current_stream().wait_stream(self._stream)
            if name is not None:
                self._graphs[name] = None
            return
        graph = self._graphs[name]
        if graph is None:
            graph = torch.cuda.CUDAGraph()
            torch.cuda.synchronize()
            # Not torch.cuda.graph, which each time also collects garbage and empties the cache.
            with torch.cuda.stream(self._stream):
                graph.capture_begin(pool=self._pool)
                function()
                graph.capture_end()
            self._graphs[name] = graph
        graph.replay()
