"""The transformer: what diffusers' QwenImageTransformer2DModel computes, from a GGUF file's own blocks.

Source: its `forward`, in diffusers 0.42. The tokens of both passes of guidance go through the blocks
together, see `blocks.py`; modulation is worked out ahead, see `modulation.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from diffusers.models.embeddings import get_timestep_embedding
from torch.nn import functional

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.memory_plan import SCORES_BYTES
from qie_desktop.engines.local.inference.attention import RotaryTables
from qie_desktop.engines.local.inference.blocks import (
    EAGER,
    EPSILON,
    BlockWeights,
    Passes,
    StreamWeights,
    run_block,
)
from qie_desktop.engines.local.inference.compilation import checked_steps, evened
from qie_desktop.engines.local.inference.interruption import Pacer
from qie_desktop.engines.local.inference.lora import NO_LORAS
from qie_desktop.engines.local.inference.modulation import ModulationCache, Modulations
from qie_desktop.engines.local.inference.quantised_linear import NUMBERS, LinearWeights, linear

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from torch import Tensor

    from qie_desktop.engines.local.inference.attention import Shape
    from qie_desktop.engines.local.inference.blocks import Steps
    from qie_desktop.engines.local.inference.dequantisers import Dequantiser
    from qie_desktop.engines.local.inference.device import Device
    from qie_desktop.engines.local.inference.first_block_cache import FirstBlockCache
    from qie_desktop.engines.local.inference.lora import Loras
    from qie_desktop.engines.local.inference.quantised_linear import LowRank

_TIME_CHANNELS = 256
_TIME_SCALE = 1000.0
_TIME_LAYERS = tuple(f"time_text_embed.timestep_embedder.linear_{number}" for number in (1, 2))
_NORMS = {"image": ("attn.norm_q", "attn.norm_k"), "text": ("attn.norm_added_q", "attn.norm_added_k")}
_LAYERS = {
    "image": {
        "query": "attn.to_q",
        "key": "attn.to_k",
        "value": "attn.to_v",
        "out": "attn.to_out.0",
        "up": "img_mlp.net.0.proj",
        "down": "img_mlp.net.2",
    },
    "text": {
        "query": "attn.add_q_proj",
        "key": "attn.add_k_proj",
        "value": "attn.add_v_proj",
        "out": "attn.to_add_out",
        "up": "txt_mlp.net.0.proj",
        "down": "txt_mlp.net.2",
    },
}
"""The linear layers of a block's streams, by the field of `StreamWeights`."""


class Weights(Protocol):
    """Where the weights come from: a file, or nowhere at all for a measurement."""

    @property
    def block_count(self) -> int:
        """How many blocks there are."""
        ...

    def linear(self, name: str) -> LinearWeights:
        """Return a layer's weights and bias on the device."""
        ...

    def vector(self, name: str) -> Tensor:
        """Return a tensor of numbers on the device, in the type that is computed in."""
        ...


class EditTransformer:
    """The transformer on its device. Use it from one thread, under `torch.inference_mode`.

    `modulation_weights` gives the modulation layers by name, whenever a new schedule needs them.
    """

    def __init__(
        self,
        weights: Weights,
        modulation_weights: Callable[[str], LinearWeights],
        axes: Sequence[int],
        device: Device,
        cancel: CancelToken,
    ) -> None:
        """Read all weights. Raises JobCancelled between two blocks, and what reading raises."""
        self._device = device
        self._rotary = RotaryTables(axes, device.device)
        self._image_in = weights.linear("img_in")
        self._text_in = weights.linear("txt_in")
        self._text_norm = weights.vector("txt_norm.weight")
        self._time = tuple(map(weights.linear, _TIME_LAYERS))
        self._out = weights.linear("proj_out")
        self.blocks: list[BlockWeights] = []
        for number in range(weights.block_count):
            cancel.raise_if_cancelled()
            self.blocks.append(_block(weights, f"transformer_blocks.{number}"))
        last = weights.linear("norm_out.linear")
        self._modulations = ModulationCache(self._embedded, modulation_weights, last, len(self.blocks))
        self.steps = EAGER
        """How the halves of a block are run."""
        self.scores_bytes = SCORES_BYTES
        """What attention's scores may take where they are materialised."""
        self._lora_steps: Steps | None = None
        self._loras: Hashable = NO_LORAS

    @property
    def resident_bytes(self) -> int:
        """How much memory the weights take."""
        return sum(tensor.nbytes for tensor in _tensors(tuple(self.blocks)))

    def samples(self) -> dict[str, Tensor]:
        """Return blocks of each GGUF type that the layers have: those of one layer each."""
        return {part.type_name: part.blocks for part in self._linears() if part.type_name != NUMBERS}

    def use(self, dequantisers: Mapping[str, Dequantiser]) -> None:
        """Dequantise the layers' blocks by these from now on, by type."""

        def changed(_name: str, part: LinearWeights) -> LinearWeights:
            return part._replace(dequantise=dequantisers.get(part.type_name, part.dequantise))

        for number in range(len(self.blocks)):
            self._change_block(number, changed)

    def use_loras(self, loras: Loras, cancel: CancelToken) -> None:
        """Let these LoRAs act from now on, in place of those before; none of the weights are read again.

        Raises JobCancelled between two blocks, and what reading the files raises: then none act.
        """
        if loras.key == self._loras:
            return
        # Those before are let go of first: both may not be in memory together.
        self._attach(NO_LORAS, _nothing, CancelToken())
        try:
            self._attach(loras.key, loras.side_path, cancel)
            if loras.key:
                if self.steps is not EAGER:
                    self.blocks = evened(self.blocks)
                self._lora_steps = checked_steps(self.steps, self.blocks, self._device)
        except BaseException:
            self._attach(NO_LORAS, _nothing, CancelToken())
            raise

    def _attach(self, key: Hashable, side_path: Callable[[str], LowRank | None], cancel: CancelToken) -> None:
        def changed(name: str, part: LinearWeights) -> LinearWeights:
            return part._replace(low_rank=side_path(name))

        self._image_in = changed("img_in", self._image_in)
        self._text_in = changed("txt_in", self._text_in)
        self._out = changed("proj_out", self._out)
        self._time = tuple(changed(*each) for each in zip(_TIME_LAYERS, self._time, strict=True))
        for number in range(len(self.blocks)):
            cancel.raise_if_cancelled()
            self._change_block(number, changed)
        self._modulations.use(key, side_path)
        self._loras, self._lora_steps = key, None

    def _change_block(self, number: int, change: Callable[[str, LinearWeights], LinearWeights]) -> None:
        """Change the linear layers of a block, each by its full name."""

        def stream(parts: StreamWeights, kind: str) -> StreamWeights:
            return parts._replace(
                **{
                    field: change(f"transformer_blocks.{number}.{name}", getattr(parts, field))
                    for field, name in _LAYERS[kind].items()
                }
            )

        block = self.blocks[number]
        self.blocks[number] = BlockWeights(stream(block.image, "image"), stream(block.text, "text"))

    def _linears(self) -> list[LinearWeights]:
        return [
            part
            for block in self.blocks
            for stream in block
            for part in stream
            if isinstance(part, LinearWeights)
        ]

    def modulations(self, timesteps: Tensor, cancel: CancelToken) -> Modulations:
        """Return what the timesteps `(n,)`, 0 to 1, do to each block, from weights that are let go again."""
        return self._modulations.of(timesteps.to(self._device.device, self._device.dtype), cancel)

    def embed_text(self, hidden: Tensor) -> Tensor:
        """Return text tokens `(tokens, width)` from hidden states `(1, tokens, text width)`."""
        normed = functional.rms_norm(hidden[0], self._text_norm.shape, self._text_norm, EPSILON)
        return linear(normed, self._text_in)

    def predict(  # noqa: PLR0913, PLR0917 - all that a prediction depends on
        self,
        tokens: Tensor,
        texts: Sequence[Tensor],
        shapes: tuple[Shape, ...],
        modulations: Modulations,
        step: int,
        cancel: CancelToken,
        cache: FirstBlockCache | None = None,
    ) -> list[Tensor]:
        """Return the prediction of each pass for packed latents `(1, tokens, channels)`, of the same shape.

        `texts` are of `embed_text`, one for each pass; `shapes` are those of the target and its references.
        With `cache`, the blocks after the first may be left out. Raises JobCancelled between two blocks.
        """
        pace, steps = Pacer(self._device.device, cancel), self._lora_steps or self.steps
        image = linear(tokens[0], self._image_in).repeat(len(texts), 1)
        text = texts[0] if len(texts) == 1 else torch.cat(list(texts))
        counts = tuple(each.shape[0] for each in texts)
        passes = Passes(counts, tokens.shape[1], *self._rotary.of(shapes, counts), self.scores_bytes)
        for number, block in enumerate(self.blocks):
            pace.check()
            before = image
            image, text = run_block(image, text, block, modulations.at(step, number), passes, steps)
            if number == 0 and cache is not None:
                known = cache.after_first(before, image, len(texts))
                if known is not None:
                    image = known
                    break
            del before
        else:
            if cache is not None:
                cache.after_last(image)
        scale, shift = modulations.last[step].unbind(0)
        normed = functional.layer_norm(image, image.shape[-1:], eps=EPSILON)
        result = linear(torch.addcmul(shift, normed, scale), self._out)
        return [each[None] for each in result.split(tokens.shape[1])]

    def _embedded(self, timesteps: Tensor) -> Tensor:
        """Return the embeddings `(n, width)` of timesteps `(n,)`."""
        waves = get_timestep_embedding(
            timesteps, _TIME_CHANNELS, flip_sin_to_cos=True, downscale_freq_shift=0, scale=_TIME_SCALE
        )
        first, second = self._time
        return linear(functional.silu(linear(waves.to(self._device.dtype), first)), second)


def _block(weights: Weights, name: str) -> BlockWeights:
    def stream(kind: str) -> StreamWeights:
        layers = {field: weights.linear(f"{name}.{layer}") for field, layer in _LAYERS[kind].items()}
        query_norm, key_norm = (weights.vector(f"{name}.{norm}.weight") for norm in _NORMS[kind])
        return StreamWeights(
            layers["query"],
            layers["key"],
            layers["value"],
            query_norm,
            key_norm,
            layers["out"],
            layers["up"],
            layers["down"],
        )

    return BlockWeights(stream("image"), stream("text"))


def _nothing(_name: str) -> None:
    return None


def _tensors(tree: object) -> list[Tensor]:
    if isinstance(tree, torch.Tensor):
        return [tree]
    return [tensor for item in tree for tensor in _tensors(item)] if isinstance(tree, tuple) else []
