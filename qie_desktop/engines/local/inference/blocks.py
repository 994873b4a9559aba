"""One block of the transformer, as a function of its weights.

Source: `QwenImageTransformerBlock` of diffusers, with the same arithmetic in fewer and larger operations:
text and picture tokens of all passes lie end to end, so that each weight is dequantised once for all of them,
and only attention, which must not see across passes, takes them apart. Modulation comes ready from
`modulation.py`. Batch 1 without masks: so the fused attention kernels of MPS and CUDA are taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

from qie_desktop.core.memory_plan import SCORES_BYTES
from qie_desktop.engines.local.inference.attention import Rotary, attend, rotate, scores_budget
from qie_desktop.engines.local.inference.quantised_linear import LinearWeights, linear

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

EPSILON = 1e-6
_HALF_MAX = 65504.0


class StreamWeights(NamedTuple):
    """What a block has for its picture tokens, and again for its text tokens."""

    query: LinearWeights
    key: LinearWeights
    value: LinearWeights
    query_norm: Tensor
    key_norm: Tensor
    out: LinearWeights
    up: LinearWeights
    down: LinearWeights


class BlockWeights(NamedTuple):
    """A block without its modulation layers."""

    image: StreamWeights
    text: StreamWeights


class StreamModulation(NamedTuple):
    """What one timestep does to one stream of one block; each `(width,)`, scales with 1 added."""

    shift_1: Tensor
    scale_1: Tensor
    gate_1: Tensor
    shift_2: Tensor
    scale_2: Tensor
    gate_2: Tensor


class Passes(NamedTuple):
    """How the tokens of all passes lie: text tokens of each, picture tokens of every one, and positions.

    `image_rotary` and `text_rotary` are those of all tokens of a stream, pass after pass; `scores_bytes` is
    what attention's scores may take where they are materialised.
    """

    text_tokens: tuple[int, ...]
    image_tokens: int
    image_rotary: Rotary
    text_rotary: Rotary
    scores_bytes: int = SCORES_BYTES


class Steps(NamedTuple):
    """The two halves of a block around its attention: functions of tokens, each for itself.

    As they stand here, or compiled, which is the same in fewer kernels.
    """

    project: Callable[[Tensor, StreamWeights, Tensor, Tensor, Rotary], tuple[Tensor, Tensor, Tensor]]
    finish: Callable[[Tensor, Tensor, StreamWeights, StreamModulation], Tensor]


def run_block(  # noqa: PLR0913, PLR0917 - everything that a block depends on
    image: Tensor,
    text: Tensor,
    weights: BlockWeights,
    modulation: tuple[StreamModulation, StreamModulation],
    passes: Passes,
    steps: Steps,
) -> tuple[Tensor, Tensor]:
    """Return picture tokens `(passes · tokens, width)` and text tokens `(tokens, width)` after a block."""
    of_image, of_text = modulation
    image_qkv = steps.project(image, weights.image, of_image.shift_1, of_image.scale_1, passes.image_rotary)
    text_qkv = steps.project(text, weights.text, of_text.shift_1, of_text.scale_1, passes.text_rotary)
    from_image, from_text = _joint_attention(image_qkv, text_qkv, passes)
    # The feed-forward to come is what takes the most memory: a quarter of it would be these.
    del image_qkv, text_qkv
    image = steps.finish(image, from_image, weights.image, of_image)
    return image, steps.finish(text, from_text, weights.text, of_text)


def project(
    tokens: Tensor, stream: StreamWeights, shift: Tensor, scale: Tensor, rotary: Rotary
) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries and keys, normalised and turned, and values, each `(tokens, heads, head width)`."""
    modulated = _modulated(tokens, shift, scale)
    width = stream.query_norm.shape[0]
    query = linear(modulated, stream.query).unflatten(-1, (-1, width))
    key = linear(modulated, stream.key).unflatten(-1, (-1, width))
    value = linear(modulated, stream.value).unflatten(-1, (-1, width))
    query = rotate(functional.rms_norm(query, (width,), stream.query_norm, EPSILON), rotary)
    return query, rotate(functional.rms_norm(key, (width,), stream.key_norm, EPSILON), rotary), value


def finish(tokens: Tensor, attended: Tensor, stream: StreamWeights, mod: StreamModulation) -> Tensor:
    """Return tokens `(tokens, width)` with what they take from attention, and through the feed-forward."""
    tokens = torch.addcmul(tokens, mod.gate_1, linear(attended, stream.out))
    inner = linear(_modulated(tokens, mod.shift_2, mod.scale_2), stream.up)
    inner = functional.gelu(inner, approximate="tanh")
    tokens = torch.addcmul(tokens, mod.gate_2, linear(inner, stream.down))
    return tokens.clip(-_HALF_MAX, _HALF_MAX) if tokens.dtype == torch.float16 else tokens


EAGER = Steps(project, finish)


def _modulated(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    normed = functional.layer_norm(tokens, tokens.shape[-1:], eps=EPSILON)
    return torch.addcmul(shift, normed, scale)


def _joint_attention(
    image: tuple[Tensor, Tensor, Tensor], text: tuple[Tensor, Tensor, Tensor], passes: Passes
) -> tuple[Tensor, Tensor]:
    """Let the tokens of each pass attend to each other; return what each stream takes from it."""
    from_image: list[Tensor] = []
    from_text: list[Tensor] = []
    text_at = image_at = 0
    for count in passes.text_tokens:
        # (1, heads, tokens, head width)
        query, key, value = (
            torch.cat(
                [of_text[text_at : text_at + count], of_image[image_at : image_at + passes.image_tokens]]
            ).transpose(0, 1)[None]
            for of_text, of_image in zip(text, image, strict=True)
        )
        attended = (
            attend(query, key, value, scores_budget(query, passes.scores_bytes))[0].transpose(0, 1).flatten(1)
        )
        from_text.append(attended[:count])
        from_image.append(attended[count:])
        text_at, image_at = text_at + count, image_at + passes.image_tokens
    if len(from_image) == 1:
        return from_image[0], from_text[0]
    return torch.cat(from_image), torch.cat(from_text)
