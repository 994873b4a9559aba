"""The halves of a block compiled by torch, where that is worth it.

Dequantisation, and all that lies between two matrix products, become one kernel each. Compiled for any
number of tokens, and for the shapes of the weights as they are: one of unknown size takes as long as
dequantisation that is not compiled (measured on an H200: 541 ms a forward instead of 293).
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from qie_desktop.engines.local.inference.attention import Rotary
from qie_desktop.engines.local.inference.blocks import (
    EAGER,
    BlockWeights,
    Steps,
    StreamModulation,
    StreamWeights,
    finish,
    project,
)
from qie_desktop.engines.local.inference.quantised_linear import NUMBERS, LowRank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from qie_desktop.engines.local.inference.device import Device
    from qie_desktop.engines.local.inference.quantised_linear import LinearWeights

_log = logging.getLogger(__name__)

_KINDS = 64
"""For how many kinds of weights one function is compiled: types differ within a file, and so do shapes."""
_CHECKED_TOKENS, _TIMED_TOKENS = 512, 4096
_ROUNDS = 5
_HALVES = (("query", "key", "value"), ("out", "up", "down"))
_LINEARS = tuple(field for half in _HALVES for field in half)
"""The layers that run in each of a block's halves."""
_TOLERANCE = 0.02
"""Of the largest value: some units of bfloat16's last place, since fused kernels round less often."""


def fastest_steps(blocks: Sequence[BlockWeights], device: Device) -> Steps:
    """Return the halves of a block as they run fastest here, and right: checked on each kind of real weights.

    Compiled on CUDA alone: MPS has its own kernels, and a compiler is not to be relied on elsewhere. Whatever
    goes wrong costs speed and a line in the log, never a picture. Takes some seconds. Not to be cancelled.
    """
    if device.device.type != "cuda":
        return EAGER
    kinds = {_kind(stream): stream for block in blocks for stream in block}
    try:
        compiled = _compiled()
        for stream in kinds.values():
            _check(stream, compiled, device)
        seconds = {steps: _seconds(blocks[0].image, steps, device) for steps in (EAGER, compiled)}
    except Exception as error:  # noqa: BLE001 - a compiler can fail in any way, and there is another path
        _log.warning("The compiled blocks are not used: %s: %s", type(error).__name__, error)
        return EAGER
    best = min(seconds, key=lambda steps: seconds[steps])
    _log.info(
        "Blocks %s: %.2f ms a stream, %.2f ms as they are",
        "compiled" if best is compiled else "as they are",
        seconds[compiled] * 1000,
        seconds[EAGER] * 1000,
    )
    return best


def checked_steps(steps: Steps, blocks: Sequence[BlockWeights], device: Device) -> Steps:
    """Return `steps` where they are right for blocks with LoRAs too, else the halves as they are.

    Layers with a side path are other kinds, and are compiled when they are first met; the rank may vary. The
    blocks are `evened`.
    """
    if steps is EAGER:
        return EAGER
    kinds = {_kind(stream): stream for block in blocks for stream in block}
    try:
        for stream in kinds.values():
            _check(stream, steps, device)
    except Exception as error:  # noqa: BLE001 - as above
        _log.warning("The compiled blocks are not used with LoRAs: %s: %s", type(error).__name__, error)
        return EAGER
    return steps


def evened(blocks: Sequence[BlockWeights]) -> list[BlockWeights]:
    """Return the blocks with side paths of one rank, filled up with zeros, in all or none of a half's layers.

    So a LoRA that changes some layers alone, or each by another rank, runs in what was compiled for any
    other: measured on an H200, another rank needs nothing compiled, and layers with and without a side path
    in one half are more than the compiler's guards can tell apart (torch 2.11).
    """
    layers = [getattr(stream, field) for block in blocks for stream in block for field in _LINEARS]
    rank = max((layer.low_rank.down.shape[0] for layer in layers if layer.low_rank is not None), default=0)

    def stream(parts: StreamWeights) -> StreamWeights:
        for half in _HALVES:
            found: dict[str, LinearWeights] = {field: getattr(parts, field) for field in half}
            sample = next((layer.low_rank for layer in found.values() if layer.low_rank is not None), None)
            if sample is not None:
                parts = parts._replace(
                    **{field: _filled_up(layer, rank, sample.down) for field, layer in found.items()}
                )
        return parts

    return [BlockWeights(stream(block.image), stream(block.text)) for block in blocks]


def _filled_up(layer: LinearWeights, rank: int, like: Tensor) -> LinearWeights:
    """Return a layer with a side path of this rank, of which what it does not have is zero."""
    if layer.low_rank is None:
        rows, columns = layer.blocks.shape
        if layer.type_name != NUMBERS:
            block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[layer.type_name]]
            columns = columns // block_bytes * block
        return layer._replace(low_rank=LowRank(like.new_zeros(rank, columns), like.new_zeros(rows, rank)))
    down, up = layer.low_rank
    missing = rank - down.shape[0]
    if not missing:
        return layer
    down = torch.cat([down, down.new_zeros(missing, down.shape[1])])
    return layer._replace(low_rank=LowRank(down, torch.cat([up, up.new_zeros(up.shape[0], missing)], dim=1)))


def _compiled() -> Steps:
    from torch import _dynamo  # noqa: PLC0415 - there is no other way # pyright: ignore[reportPrivateUsage]

    dynamo: Any = _dynamo
    config = dynamo.config
    config.recompile_limit = max(config.recompile_limit, _KINDS)
    # Another type of weights at the same place is another kind, not a size that varies.
    config.automatic_dynamic_shapes = False
    fast_project = torch.compile(project, fullgraph=True)
    fast_finish = torch.compile(finish, fullgraph=True)

    def mark_ranks(*layers: LinearWeights) -> None:
        for low_rank in (layer.low_rank for layer in layers):
            if low_rank is not None:
                dynamo.maybe_mark_dynamic(low_rank.down, 0)
                dynamo.maybe_mark_dynamic(low_rank.up, 1)

    def compiled_project(
        tokens: Tensor, stream: StreamWeights, shift: Tensor, scale: Tensor, rotary: Rotary
    ) -> tuple[Tensor, Tensor, Tensor]:
        for varying in (tokens, *rotary):
            dynamo.maybe_mark_dynamic(varying, 0)
        mark_ranks(stream.query, stream.key, stream.value)
        return fast_project(tokens, stream, shift, scale, rotary)

    def compiled_finish(
        tokens: Tensor, attended: Tensor, stream: StreamWeights, mod: StreamModulation
    ) -> Tensor:
        for varying in (tokens, attended):
            dynamo.maybe_mark_dynamic(varying, 0)
        mark_ranks(stream.out, stream.up, stream.down)
        return fast_finish(tokens, attended, stream, mod)

    return Steps(compiled_project, compiled_finish)


def _kind(stream: StreamWeights) -> tuple[tuple[object, ...], ...]:
    """Return what makes weights be compiled anew: types and shapes, and whether there is a side path."""
    return tuple(
        (part.type_name, tuple(part.blocks.shape), part.low_rank is not None)
        for part in (stream.query, stream.key, stream.value, stream.out, stream.up, stream.down)
    )


class _Inputs(NamedTuple):
    """Random tokens, and what else both halves take."""

    tokens: Tensor
    mod: StreamModulation
    rotary: Rotary

    def run(self, stream: StreamWeights, steps: Steps) -> tuple[Tensor, ...]:
        """Return what both halves of a stream make of this."""
        qkv = steps.project(self.tokens, stream, self.mod.shift_1, self.mod.scale_1, self.rotary)
        return (*qkv, steps.finish(self.tokens, self.tokens, stream, self.mod))


def _inputs(stream: StreamWeights, device: Device, count: int) -> _Inputs:
    generator = torch.Generator().manual_seed(0)
    head, width = stream.query_norm.shape[0], stream.out.blocks.shape[0]

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device.device, device.dtype)

    angles = torch.rand(count, 1, head, generator=generator).to(device.device)
    mod = StreamModulation(*numbers(6, width).unbind(0))
    return _Inputs(numbers(count, width), mod, Rotary(angles.cos(), angles.sin()))


def _check(stream: StreamWeights, steps: Steps, device: Device) -> None:
    """Raise ValueError where the compiled halves give anything else than those as they are."""
    inputs = _inputs(stream, device, _CHECKED_TOKENS)
    for found, expected in zip(inputs.run(stream, steps), inputs.run(stream, EAGER), strict=True):
        if not bool((found - expected).abs().max() <= _TOLERANCE * expected.abs().max()):
            raise ValueError("its results differ")


def _seconds(stream: StreamWeights, steps: Steps, device: Device) -> float:
    inputs = _inputs(stream, device, _TIMED_TOKENS)
    times: list[float] = []
    for _ in range(_ROUNDS):
        device.synchronize()
        began = time.perf_counter()
        inputs.run(stream, steps)
        device.synchronize()
        times.append(time.perf_counter() - began)
    return min(times)
