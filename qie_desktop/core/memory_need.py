"""What each stage of a run takes in memory beside the weights: bytes, worked out from the model's shapes.

The counts are of the code in `engines/local/inference`, line by line, at the point where most is held; see
the comments. A *unit* is one number for each token and each of the transformer's widths. Not counted is what
a library takes within one operation, but for what is known to be large.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from qie_desktop.core.geometry import Size, plan_working
from qie_desktop.core.model_shape import ModelShape

if TYPE_CHECKING:
    from collections.abc import Sequence

PATCH_PX = 16
"""A token of the transformer stands for so many pixels in both directions."""
CPU_SHARE = 0.85
"""How much of a machine's memory a run on its processor may take."""
_FLOAT_BYTES = 4
_PLAIN_DEQUANTISATION_BYTES = 11
"""For each weight of a layer: what plain torch holds while it dequantises (8.7 to 10.7, by type)."""
_CPU_LIBRARY_BYTES = 150_000_000
_VAE_SCORES_BYTES = 2**28
"""The bound of the VAE's own attention scores where they are written out; see `inference/vae_layers.py`."""
RETRY_TILE_SHARE = 4
"""Of what the VAE takes for a picture in one piece, so much less may tiles take where it runs in float32."""
_FUSED_HEAD_WIDTH = 128
_TEMPLATE_TOKENS, _PICTURE_TOKENS, _MOST_PROMPT_TOKENS = 90, 210, 1024
_BYTES_OF_A_TOKEN = 2
"""A token of a prompt has about four letters, and at the least some two bytes."""


class DeviceKind(StrEnum):
    """What computes, by torch's names."""

    MPS = "mps"
    CUDA = "cuda"
    CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Machine:
    """What computes, and in how much memory. GPUs compute in bfloat16, a CPU in float32.

    `total_bytes` is what it is sold with; a run may take `usable_bytes` of it.
    """

    kind: DeviceKind
    total_bytes: int
    usable_bytes: int

    @property
    def bytes_per_number(self) -> int:
        """How large a number is in what is computed."""
        return 4 if self.kind is DeviceKind.CPU else 2

    @property
    def library_bytes(self) -> int:
        """What the libraries keep for themselves: measured on a CPU, some 80 to 160 MB."""
        return _CPU_LIBRARY_BYTES if self.kind is DeviceKind.CPU else 0

    @property
    def encoding_copies(self) -> float:
        """How many times over the numbers of a picture's encoding are held, with copies in another layout.

        Libraries make one of what goes into a convolution and of what comes out: of a residual block's three
        parts, two. Measured on a CPU: 1.45 to 1.5; with CUDA 1.74, with what its library works in. On Apple's
        GPU it is taken to be as on a CPU.
        """
        return 1.8 if self.kind is DeviceKind.CUDA else 5 / 3

    @property
    def decoding_copies(self) -> float:
        """The same of its decoding: of the last upsampling's seven parts, six.

        Measured on a CPU: 1.9 to 2.0; with CUDA 2.02 to 2.11.
        """
        return 2.15 if self.kind is DeviceKind.CUDA else 13 / 7

    def writes_scores(self, head_width: int) -> bool:
        """Whether attention writes its scores out: on Apple's GPU, where its fused kernel does not apply."""
        return self.kind is DeviceKind.MPS and head_width != _FUSED_HEAD_WIDTH

    def dequantised_bytes(self, weights: int) -> int:
        """Return what a layer of so many weights takes while it is dequantised."""
        each = _PLAIN_DEQUANTISATION_BYTES if self.kind is DeviceKind.CPU else self.bytes_per_number
        return weights * each

    def text_dequantised_bytes(self, weights: int) -> int:
        """Return the same of a layer of the text encoder, which is not compiled."""
        is_plain = self.kind is DeviceKind.CUDA
        return weights * _PLAIN_DEQUANTISATION_BYTES if is_plain else self.dequantised_bytes(weights)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the weights of each part take in memory, in bytes, as they are held there.

    `text_encoder_in_blocks`: it is quantised too, the compact one. `shape` is how the parts are inside.
    """

    transformer: int
    text_encoder: int
    vae: int
    loras: int = 0
    text_encoder_in_blocks: bool = False
    shape: ModelShape = field(default_factory=ModelShape)

    @property
    def together(self) -> int:
        """What all of them take at a time."""
        return self.transformer + self.text_encoder + self.vae + self.loras


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the sizes of its pictures, the edited one first, and how it is computed.

    The working area is `area_px` unless memory is short. `passes` is 2 with guidance. `cached_units` are
    those that first-block caching keeps; 0 where it is off.
    """

    sizes: tuple[Size, ...]
    area_px: int = 1024 * 1024
    max_side_px: int | None = None
    grid_px: int = 16
    passes: int = 2
    steps: int = 40
    text_tokens: int = _TEMPLATE_TOKENS + _PICTURE_TOKENS + _MOST_PROMPT_TOKENS // 8
    cached_units: int = 0

    def working_sizes(self, area_px: int) -> tuple[Size, ...]:
        """Return the sizes at which its pictures are worked on within an area."""
        plans = (plan_working(size, area_px, self.max_side_px, self.grid_px) for size in self.sizes)
        return tuple(plan.padded for plan in plans)

    def image_tokens(self, area_px: int) -> int:
        """Return the picture tokens of one pass: of the picture to be made, and of all that are given."""
        sizes = self.working_sizes(area_px)
        return sum(size.area_px for size in (sizes[0], *sizes)) // PATCH_PX**2


def text_tokens(prompt: str, picture_count: int) -> int:
    """Return about how many tokens a prompt becomes, rather more than fewer: nothing is tokenised."""
    own = min(_MOST_PROMPT_TOKENS, len(prompt.encode()) // _BYTES_OF_A_TOKEN + 1)
    return _TEMPLATE_TOKENS + _PICTURE_TOKENS * picture_count + own


def text_encoding_bytes(machine: Machine, parts: Parts, run: Run) -> int:
    """Return what the text encoder takes while it reads a prompt.

    In a feed-forward: gate, its activation, what goes up, their product; beside it the hidden states, those
    that are added, the normalised. In attention: a score and a weight for each pair and head.
    """
    shape, tokens, each = parts.shape.text_encoder, run.text_tokens, machine.bytes_per_number
    feed_forward = tokens * (4 * shape.inner + 4 * shape.width) * each
    scores = 2 * shape.heads * tokens**2 * _FLOAT_BYTES
    layer = machine.text_dequantised_bytes(shape.inner * shape.width) if parts.text_encoder_in_blocks else 0
    return max(feed_forward, scores) + layer


def picture_encoding_bytes(
    machine: Machine, parts: Parts, sizes: Sequence[Size], tile_bytes: int | None
) -> int:
    """Return what the VAE takes while it encodes the largest of pictures of these working sizes."""
    shape = parts.shape.vae
    return max(
        _vae_bytes(machine, parts, size, shape.encoding_numbers(size), machine.encoding_copies, tile_bytes)
        for size in sizes
    )


def decoding_bytes(machine: Machine, parts: Parts, size: Size, tile_bytes: int | None) -> int:
    """Return what the VAE takes while it decodes a picture of a working size."""
    numbers = parts.shape.vae.decoding_numbers(size)
    return _vae_bytes(machine, parts, size, numbers, machine.decoding_copies, tile_bytes)


def _vae_bytes(  # noqa: PLR0913, PLR0917 - all that it depends on
    machine: Machine, parts: Parts, size: Size, numbers: int, copies: float, tile_bytes: int | None
) -> int:
    """Return the more of what it takes, and of what it takes once more in float32, see `Autoencoder`."""
    each = machine.bytes_per_number
    needed = _activation_bytes(machine, parts, size, numbers * copies, each, tile_bytes)
    if each == _FLOAT_BYTES:
        return needed
    tiles = min(numbers * each // RETRY_TILE_SHARE, tile_bytes or numbers * each)
    retry = _activation_bytes(machine, parts, size, numbers * copies, _FLOAT_BYTES, tiles)
    # The weights are held twice as wide.
    return max(needed, parts.vae * (_FLOAT_BYTES - each) // each + retry)


def _activation_bytes(  # noqa: PLR0913, PLR0917 - all that it depends on
    machine: Machine, parts: Parts, size: Size, numbers: float, each: int, tile_bytes: int | None
) -> int:
    shape = parts.shape.vae
    needed, attention = numbers * each, shape.attention_numbers(size) * each
    if tile_bytes is not None:
        # Half for a tile, half for what tiles are cut out of; no tile is smaller than attention. See `Chain`.
        tiles = max(tile_bytes, 2 * attention) * machine.decoding_copies
        needed = min(needed, tiles + 2 * shape.border_numbers(size) * each)
    if machine.kind is DeviceKind.MPS:
        attention += min(_VAE_SCORES_BYTES, _FLOAT_BYTES * (size.area_px // shape.factor**2) ** 2)
    return round(max(needed, attention))


def denoising_bytes(machine: Machine, parts: Parts, run: Run, area_px: int, scores_bytes: int) -> int:
    """Return what the transformer takes while it denoises: the widest point of a block, and what is kept."""
    shape, each = parts.shape.transformer, machine.bytes_per_number
    image = run.passes * run.image_tokens(area_px)
    text = run.passes * run.text_tokens
    modulations = shape.kept_modulations(run.steps) * each
    kept = modulations + run.cached_units * (image + text) * shape.width * each
    # Cosines and sines for each token, and the hidden states of the prompts.
    kept += 2 * (image + text) * shape.head_width * _FLOAT_BYTES + text * shape.text_width * each
    block = _block_bytes(machine, parts, run, image, text)
    if machine.writes_scores(shape.head_width):
        heads, tokens = shape.width // shape.head_width, (image + text) // run.passes
        scores = heads * tokens**2 * _FLOAT_BYTES
        block += min(scores, scores_bytes)
    # Once, before the first step: half of the modulations a second time, and the largest layer there is.
    largest = 6 * shape.width**2
    working_out = modulations // 2 + machine.dequantised_bytes(largest) + largest
    return kept + max(block, working_out)


def _block_bytes(machine: Machine, parts: Parts, run: Run, image: int, text: int) -> int:
    """Return the most that a block holds: see `run_block` and what it calls."""
    width, each = parts.shape.transformer.width, machine.bytes_per_number
    unit, both = image * width * each, (image + text) * width * each
    layer = machine.dequantised_bytes(4 * width**2)
    # Tokens of the picture, these modulated, query, key twice, value; and three copies in float32, of which
    # one is the query itself where it is in float32. Beside them the text's tokens.
    in_float = 2 if each == _FLOAT_BYTES else 3
    projecting = 6 * unit + in_float * image * width * _FLOAT_BYTES
    # Tokens and the query, key and value of both streams; the same three of one pass, put together; what all
    # passes take from it, and once more, put together. Apple's kernel makes copies of its own.
    attending = 5 * both + (6 if machine.kind is DeviceKind.MPS else 3) * both // run.passes
    attending += both if run.passes > 1 else 0
    # Tokens before and after, what attention gave, and four times as many numbers before and after GELU; or
    # half of these, what comes of it, and the layer's weights.
    feeding = max(11 * unit, 8 * unit + layer)
    return max(projecting, attending, feeding) + 2 * (both - unit)
