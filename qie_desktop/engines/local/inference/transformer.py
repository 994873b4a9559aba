"""The transformer: what diffusers' QwenImageTransformer2DModel computes, from a GGUF file's own blocks.

Source: its `forward`, in diffusers 0.42. The tokens of both passes of guidance go through the blocks
together, see `blocks.py`; modulation is worked out ahead, see `modulation.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from diffusers.models.embeddings import get_timestep_embedding
from torch.nn import functional

from qie_desktop.engines.local.inference.attention import RotaryTables
from qie_desktop.engines.local.inference.blocks import (
    EAGER,
    EPSILON,
    BlockWeights,
    Passes,
    StreamWeights,
    run_block,
)
from qie_desktop.engines.local.inference.interruption import Pacer
from qie_desktop.engines.local.inference.modulation import ModulationCache, Modulations
from qie_desktop.engines.local.inference.quantised_linear import NUMBERS, LinearWeights, linear

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.inference.attention import Shape
    from qie_desktop.engines.local.inference.dequantisers import Dequantiser
    from qie_desktop.engines.local.inference.device import Device

_TIME_CHANNELS = 256
_TIME_SCALE = 1000.0
_STREAMS = {
    "image": ("to_q", "to_k", "to_v", "norm_q", "norm_k", "to_out.0", "img_mlp"),
    "text": (
        "add_q_proj",
        "add_k_proj",
        "add_v_proj",
        "norm_added_q",
        "norm_added_k",
        "to_add_out",
        "txt_mlp",
    ),
}


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
        self._time = tuple(
            weights.linear(f"time_text_embed.timestep_embedder.linear_{number}") for number in (1, 2)
        )
        self._out = weights.linear("proj_out")
        self.blocks: list[BlockWeights] = []
        for number in range(weights.block_count):
            cancel.raise_if_cancelled()
            self.blocks.append(_block(weights, f"transformer_blocks.{number}"))
        last = weights.linear("norm_out.linear")
        self._modulations = ModulationCache(self._embedded, modulation_weights, last, len(self.blocks))
        self.steps = EAGER
        """How the halves of a block are run."""

    @property
    def resident_bytes(self) -> int:
        """How much memory the weights take."""
        return sum(tensor.nbytes for tensor in _tensors(tuple(self.blocks)))

    def samples(self) -> dict[str, Tensor]:
        """Return blocks of each GGUF type that the layers have: those of one layer each."""
        return {part.type_name: part.blocks for part in self._linears() if part.type_name != NUMBERS}

    def use(self, dequantisers: Mapping[str, Dequantiser]) -> None:
        """Dequantise the layers' blocks by these from now on, by type."""

        def changed(part: LinearWeights) -> LinearWeights:
            return part._replace(dequantise=dequantisers.get(part.type_name, part.dequantise))

        def stream(parts: StreamWeights) -> StreamWeights:
            return parts._replace(
                query=changed(parts.query),
                key=changed(parts.key),
                value=changed(parts.value),
                out=changed(parts.out),
                up=changed(parts.up),
                down=changed(parts.down),
            )

        self.blocks = [BlockWeights(*map(stream, block)) for block in self.blocks]

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
    ) -> list[Tensor]:
        """Return the prediction of each pass for packed latents `(1, tokens, channels)`, of the same shape.

        `texts` are of `embed_text`, one for each pass; `shapes` are those of the target and its references.
        Raises JobCancelled between two blocks.
        """
        pace = Pacer(self._device.device, cancel)
        image = linear(tokens[0], self._image_in).repeat(len(texts), 1)
        text = texts[0] if len(texts) == 1 else torch.cat(list(texts))
        counts = tuple(each.shape[0] for each in texts)
        passes = Passes(counts, tokens.shape[1], *self._rotary.of(shapes, counts))
        for number, block in enumerate(self.blocks):
            pace.check()
            image, text = run_block(image, text, block, modulations.at(step, number), passes, self.steps)
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
        query, key, value, query_norm, key_norm, out, mlp = _STREAMS[kind]
        return StreamWeights(
            query=weights.linear(f"{name}.attn.{query}"),
            key=weights.linear(f"{name}.attn.{key}"),
            value=weights.linear(f"{name}.attn.{value}"),
            query_norm=weights.vector(f"{name}.attn.{query_norm}.weight"),
            key_norm=weights.vector(f"{name}.attn.{key_norm}.weight"),
            out=weights.linear(f"{name}.attn.{out}"),
            up=weights.linear(f"{name}.{mlp}.net.0.proj"),
            down=weights.linear(f"{name}.{mlp}.net.2"),
        )

    return BlockWeights(stream("image"), stream("text"))


def _tensors(tree: object) -> list[Tensor]:
    if isinstance(tree, torch.Tensor):
        return [tree]
    return [tensor for item in tree for tensor in _tensors(item)] if isinstance(tree, tuple) else []
