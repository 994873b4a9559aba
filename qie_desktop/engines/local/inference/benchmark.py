"""Our transformer against diffusers' own on the same device, side by side: random weights of the real size.

Each contender runs in turn, round after round, so that what changes meanwhile (clocks, heat, other programs)
meets all alike. No checkpoint is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, cast

import torch

from qie_desktop.engines.local.inference.benchmark_parts import cached_run, median_s, preview_s, timed
from qie_desktop.engines.local.inference.compilation import fastest_steps
from qie_desktop.engines.local.inference.first_block_cache import FirstBlockCache
from qie_desktop.engines.local.inference.latents import PATCH
from qie_desktop.engines.local.inference.synthetic import Dimensions, SyntheticWeights, random_blocks
from qie_desktop.engines.local.inference.transformer import EditTransformer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.inference.benchmark_parts import CachedRun
    from qie_desktop.engines.local.inference.device import Device

OURS, STOCK_BF16, STOCK_GGUF = "ours", "stock bf16", "stock GGUF"
_TEXT_TOKENS = (300, 260)
_VAE_FACTOR = 8
_WARM_UP, _ROUNDS = 2, 7
_STEPS = 40
"""A run in full quality."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One contender: medians of one forward and of a step with guidance (two passes), and its memory.

    `resident_bytes` is what the weights take, `peak_bytes` what all takes at most during a step; None where
    the device does not tell.
    """

    name: str
    forward_s: float
    guided_s: float
    resident_bytes: int
    peak_bytes: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All contenders, and of ours: a preview, and a forward and a guided step that reuse a step before.

    `cached` is a whole run with first-block caching, where one was asked for.
    """

    timings: tuple[Timing, ...]
    preview_s: float
    reused_forward_s: float
    reused_guided_s: float
    cached: CachedRun | None


@dataclass(frozen=True, slots=True)
class _Work:
    """The same inputs for all: a target and one reference, and two prompts."""

    tokens: Tensor
    texts: tuple[Tensor, ...]
    side: int
    dimensions: Dimensions

    @property
    def shapes(self) -> tuple[tuple[int, int, int], ...]:
        return ((1, self.side, self.side),) * 2


@dataclass(frozen=True, slots=True)
class _Contender:
    name: str
    run: Callable[[int], object]
    """Takes the number of passes."""
    resident_bytes: int


@torch.inference_mode()
def compare(  # noqa: PLR0913, PLR0917 - what is measured
    device: Device,
    type_name: str,
    size_px: int,
    block_count: int,
    against: tuple[str, ...],
    dimensions: Dimensions | None = None,
    *,
    threshold: float = 0.0,
    cancel: CancelToken,
) -> Comparison:
    """Time a 1-image edit of `size_px` squared; ours first, then those of `against`.

    With `threshold`, also a run of all steps with first-block caching. Raises JobCancelled between two runs.
    """
    work = _work(size_px, device, dimensions or Dimensions())
    ours = _Ours(device, type_name, block_count, work, cancel)
    contenders = [_Contender(OURS, ours.run, ours.transformer.resident_bytes)]
    makers = {STOCK_BF16: _stock_bf16, STOCK_GGUF: _stock_gguf}
    contenders += [makers[name](device, type_name, block_count, work) for name in against]
    times: dict[tuple[str, int], list[float]] = {}
    for number in range(_WARM_UP + _ROUNDS):
        for contender in contenders:
            for passes in (1, 2):
                cancel.raise_if_cancelled()
                seconds = timed(lambda c=contender, p=passes: c.run(p), device)
                if number >= _WARM_UP:
                    times.setdefault((contender.name, passes), []).append(seconds)
    timings = tuple(
        Timing(
            contender.name,
            median(times[contender.name, 1]),
            median(times[contender.name, 2]),
            contender.resident_bytes,
            _peak_bytes(contender, device),
        )
        for contender in contenders
    )
    noise = work.tokens[:, : work.side**2].float()
    return Comparison(
        timings,
        preview_s(device, work.side, work.dimensions.channels),
        median_s(ours.reusing(1), device),
        median_s(ours.reusing(2), device),
        cached_run(ours.predict, noise, _STEPS, threshold, device) if threshold else None,
    )


class _Ours:
    """Our transformer with random weights."""

    def __init__(
        self, device: Device, type_name: str, block_count: int, work: _Work, cancel: CancelToken
    ) -> None:
        weights = SyntheticWeights(type_name, block_count, device, work.dimensions)
        self.transformer = EditTransformer(weights, weights.linear, work.dimensions.axes, device, cancel)
        self.transformer.steps = fastest_steps(self.transformer.blocks, device)
        self._modulations = self.transformer.modulations(torch.linspace(1, 1 / _STEPS, _STEPS), cancel)
        self._texts = [self.transformer.embed_text(text) for text in work.texts]
        self._work = work
        self._cancel = cancel

    def run(self, passes: int, cache: FirstBlockCache | None = None) -> list[Tensor]:
        """Predict what so many passes do."""
        return self._predicted(self._work.tokens, passes, 1, cache)

    def reusing(self, passes: int) -> Callable[[], object]:
        """Return what predicts by reusing what is computed now."""
        cache = FirstBlockCache(math.inf)
        self.run(passes, cache)
        return lambda: self.run(passes, cache)

    def predict(self, target: Tensor, step: int, cache: FirstBlockCache | None) -> list[Tensor]:
        """Predict both passes for other tokens of the target."""
        tokens = torch.cat(
            [target.to(self._work.tokens.dtype), self._work.tokens[:, target.shape[1] :]], dim=1
        )
        return [part[:, : target.shape[1]] for part in self._predicted(tokens, 2, step, cache)]

    def _predicted(
        self, tokens: Tensor, passes: int, step: int, cache: FirstBlockCache | None
    ) -> list[Tensor]:
        texts = self._texts[:passes]
        return self.transformer.predict(
            tokens, texts, self._work.shapes, self._modulations, step, self._cancel, cache
        )


def _stock_bf16(device: Device, _type_name: str, block_count: int, work: _Work) -> _Contender:
    model = _stock(device, block_count, work.dimensions)
    return _Contender(STOCK_BF16, _stock_run(model, device, work), _bytes_of(model))


def _stock_gguf(device: Device, type_name: str, block_count: int, work: _Work) -> _Contender:
    """Replace linear layers by diffusers' own GGUF layers, with random blocks, in each block."""
    from diffusers.quantizers.gguf.utils import GGUFLinear, GGUFParameter  # noqa: PLC0415 - slow to import
    from gguf import GGMLQuantizationType  # noqa: PLC0415

    def in_blocks(layer: nn.Linear) -> nn.Module:
        made = cast("Any", GGUFLinear)(
            layer.in_features, layer.out_features, bias=True, compute_dtype=device.dtype, device="meta"
        )
        raw = random_blocks(type_name, layer.out_features, layer.in_features, device)
        made.weight = cast("Any", GGUFParameter)(raw, quant_type=GGMLQuantizationType[type_name])
        made.bias = layer.bias
        return made

    model = _stock(device, block_count, work.dimensions, in_blocks)
    return _Contender(STOCK_GGUF, _stock_run(model, device, work), _bytes_of(model))


def _stock(
    device: Device, block_count: int, size: Dimensions, change: Callable[[nn.Linear], nn.Module] | None = None
) -> nn.Module:
    """Build diffusers' transformer a block at a time, so that it is never in memory twice."""
    from diffusers import QwenImageTransformer2DModel  # noqa: PLC0415 - slow to import

    before = torch.get_default_dtype()
    torch.set_default_dtype(device.dtype)
    try:
        with torch.device(device.device):
            kind = cast("Any", QwenImageTransformer2DModel)
            settings = {
                "in_channels": size.channels,
                "out_channels": size.channels // PATCH**2,
                "num_attention_heads": size.heads,
                "attention_head_dim": size.width // size.heads,
                "joint_attention_dim": size.text_width,
                "axes_dims_rope": size.axes,
            }
            model: Any = kind(num_layers=0, **settings)
            for _ in range(block_count):
                block = kind(num_layers=1, **settings).transformer_blocks[0]
                if change is not None:
                    _changed(block, change)
                model.transformer_blocks.append(block)
    finally:
        torch.set_default_dtype(before)
    return model.eval()


def _changed(module: nn.Module, change: Callable[[nn.Linear], nn.Module]) -> None:
    for name, child in module.named_children():
        if isinstance(child, torch.nn.Linear):
            setattr(module, name, change(child))
        else:
            _changed(child, change)


def _stock_run(model: nn.Module, device: Device, work: _Work) -> Callable[[int], object]:
    timestep = torch.tensor([0.7], device=device.device, dtype=device.dtype)

    def run(passes: int) -> object:
        return [
            model(
                hidden_states=work.tokens,
                encoder_hidden_states=text,
                timestep=timestep,
                img_shapes=[list(work.shapes)],
                return_dict=False,
            )
            for text in work.texts[:passes]
        ]

    return run


def _work(size_px: int, device: Device, dimensions: Dimensions) -> _Work:
    side = size_px // (_VAE_FACTOR * PATCH)
    options: dict[str, Any] = {"device": device.device, "dtype": device.dtype}
    tokens = torch.randn(1, 2 * side * side, dimensions.channels, **options)
    texts = tuple(torch.randn(1, count, dimensions.text_width, **options) for count in _TEXT_TOKENS)
    return _Work(tokens, texts, side, dimensions)


def _peak_bytes(contender: _Contender, device: Device) -> int | None:
    """Return what a contender takes at most: its weights, and what one guided step adds to all there is."""
    if device.device.type != "cuda":
        return None
    before = torch.cuda.memory_allocated(device.device)
    torch.cuda.reset_peak_memory_stats(device.device)
    contender.run(2)
    device.synchronize()
    return contender.resident_bytes + torch.cuda.max_memory_allocated(device.device) - before


def _bytes_of(model: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
