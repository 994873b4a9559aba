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
    from collections.abc import Callable, Hashable

    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.inference.quantised_linear import LowRank

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
    """Works out modulations, and keeps those of the last schedule: what the memory plan counts.

    `read` gives a layer's weights by its name; nothing but its result is kept of them. The same schedule has
    other modulations with other LoRAs.
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
        self._loras: Hashable = None
        self._side_path: Callable[[str], LowRank | None] = _no_side_path
        self._kept: tuple[Hashable, Modulations] | None = None

    def of(self, timesteps: Tensor, cancel: CancelToken) -> Modulations:
        """Return the modulations at timesteps `(n,)`, 0 to 1. Raises JobCancelled between two blocks."""
        key = self._loras, tuple(timesteps.float().tolist())
        if self._kept is None or self._kept[0] != key:
            # Those before are let go of first: both are never in memory together.
            self._kept = None
            self._kept = key, self._worked_out(timesteps, cancel)
        return self._kept[1]

    def forget(self) -> None:
        """Let go of what is kept."""
        self._kept = None

    def use(self, loras: Hashable, side_path: Callable[[str], LowRank | None]) -> None:
        """Work with what LoRAs add to the layers from now on; `loras` tells one set of them from another.

        `side_path` is asked for a layer by its name whenever modulations are worked out.
        """
        self._loras, self._side_path = loras, side_path

    def _worked_out(self, timesteps: Tensor, cancel: CancelToken) -> Modulations:
        embedding = functional.silu(self._embed(timesteps))
        streams: list[Tensor] = []
        for stream in ("img", "txt"):
            blocks: list[Tensor] = []
            for number in range(self._block_count):
                cancel.raise_if_cancelled()
                layer = self._layer(f"transformer_blocks.{number}.{stream}_mod.1")
                # A weight at a time: reading runs ahead of a GPU, and would fill it with blocks to come.
                blocks.append(linear(embedding, layer).unflatten(-1, (6, -1)))
            together = torch.stack(blocks, dim=1)
            together[:, :, _SCALES] += 1
            streams.append(together)
        last_layer = self._last._replace(low_rank=self._side_path("norm_out.linear"))
        last = linear(embedding, last_layer).unflatten(-1, (2, -1))
        image, text = streams
        return Modulations(image, text, torch.stack([last[:, 0] + 1, last[:, 1]], dim=1))

    def _layer(self, name: str) -> LinearWeights:
        return self._read(name)._replace(low_rank=self._side_path(name))


def _no_side_path(_name: str) -> None:
    return None
