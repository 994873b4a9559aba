"""Modulation ahead of time.

A third of all parameters (two layers `width → 6 · width` in each block) only ever multiply one vector, the
timestep's embedding, and the timesteps are known before the first step. So all of a schedule's modulations
are worked out at once, block by block, from weights that are read for it and let go; what is kept is small.
Both passes of guidance share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from qie_desktop.engines.local.inference.blocks import StreamModulation
from qie_desktop.engines.local.inference.quantised_linear import LinearWeights, linear

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken

_KEPT_SCHEDULES = 4
_SCALES = (1, 4)
"""Which of the six parts of a modulation are scales, and get 1 added."""


@dataclass(frozen=True, slots=True)
class Modulations:
    """All modulations of a schedule.

    `image` and `text` are `(timesteps, blocks, 6, width)`; `last` `(timesteps, 2, width)`: scale (with 1
    added) and shift of the last norm.
    """

    image: Tensor
    text: Tensor
    last: Tensor

    def at(self, step: int, block: int) -> tuple[StreamModulation, StreamModulation]:
        """Return what step number `step` (from 0) does to the picture and text streams of a block."""
        image, text = self.image[step, block], self.text[step, block]
        return StreamModulation(*image.unbind(0)), StreamModulation(*text.unbind(0))


class ModulationCache:
    """Works out modulations, and keeps those of the last few schedules.

    `read` gives a layer's weights by its name; nothing but its result is kept of them.
    """

    def __init__(
        self,
        embed: Callable[[Tensor], Tensor],
        read: Callable[[str], LinearWeights],
        last: LinearWeights,
        block_count: int,
    ) -> None:
        self._embed = embed
        self._read = read
        self._last = last
        self._block_count = block_count
        self._kept: dict[tuple[float, ...], Modulations] = {}

    def of(self, timesteps: Tensor, cancel: CancelToken) -> Modulations:
        """Return the modulations at timesteps `(n,)`, 0 to 1. Raises JobCancelled between two blocks."""
        key = tuple(timesteps.float().tolist())
        if key not in self._kept:
            while len(self._kept) >= _KEPT_SCHEDULES:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = self._worked_out(timesteps, cancel)
        return self._kept[key]

    def clear(self) -> None:
        """Keep nothing: after the layers have changed."""
        self._kept.clear()

    def _worked_out(self, timesteps: Tensor, cancel: CancelToken) -> Modulations:
        embedding = functional.silu(self._embed(timesteps))
        streams: list[Tensor] = []
        for stream in ("img", "txt"):
            blocks: list[Tensor] = []
            for number in range(self._block_count):
                cancel.raise_if_cancelled()
                layer = self._read(f"transformer_blocks.{number}.{stream}_mod.1")
                # A weight at a time: reading runs ahead of a GPU, and would fill it with blocks to come.
                blocks.append(linear(embedding, layer).unflatten(-1, (6, -1)))
            together = torch.stack(blocks, dim=1)
            together[:, :, _SCALES] += 1
            streams.append(together)
        last = linear(embedding, self._last).unflatten(-1, (2, -1))
        image, text = streams
        return Modulations(image, text, torch.stack([last[:, 0] + 1, last[:, 1]], dim=1))
