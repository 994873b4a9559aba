"""How large the parts of a local model are inside: what a run's memory is worked out from.

As they stand here, the widths of Qwen-Image-Edit-2509 (the `config.json` of each of its parts).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qie_desktop.core.geometry import Size

_RGB = 3
_MODULATIONS = 12
"""A block has six vectors of modulation for its picture tokens and six for its text tokens."""


@dataclass(frozen=True, slots=True)
class TransformerShape:
    """The transformer: `blocks` of two streams, `width` wide, with heads of `head_width`."""

    width: int = 3072
    blocks: int = 60
    head_width: int = 128
    text_width: int = 3584

    @property
    def modulation_numbers(self) -> int:
        """How many weights the modulation layers have: they are read when they are needed, and not kept."""
        return self.blocks * _MODULATIONS * self.width**2

    @property
    def numbers(self) -> int:
        """How many weights all blocks have: 8 layers of `width²`, 4 of `4 · width²`, and modulation."""
        return self.blocks * 24 * self.width**2 + self.modulation_numbers

    def kept_modulations(self, steps: int) -> int:
        """Return how many numbers the modulations of a schedule are."""
        return steps * self.blocks * _MODULATIONS * self.width


@dataclass(frozen=True, slots=True)
class TextEncoderShape:
    """The text encoder: `width` wide, `inner` in its feed-forward; its language head is not loaded."""

    width: int = 3584
    inner: int = 18944
    heads: int = 28
    vocabulary: int = 152064

    @property
    def head_numbers(self) -> int:
        """How many weights the language head has."""
        return self.width * self.vocabulary


@dataclass(frozen=True, slots=True)
class VaeShape:
    """The VAE in two dimensions: `multiples` of `base_width`, one for each scale from the finest on."""

    base_width: int = 96
    multiples: tuple[int, ...] = (1, 2, 4, 4)
    latent_channels: int = 16
    numbers: int = 44_600_000

    @property
    def factor(self) -> int:
        """How many pixels a latent is wide and high."""
        return 2 ** (len(self.multiples) - 1)

    def encoding_numbers(self, size: Size) -> int:
        """Return how many numbers are in memory at most while a picture is encoded in one piece.

        The largest of what each layer needs, as `Layer.numbers` in `inference/vae_layers.py` tells it.
        """
        return round(max(self._encoder()) * size.area_px)

    def decoding_numbers(self, size: Size) -> int:
        """Return the same for decoding a picture of `size`."""
        return round(max(self._decoder()) * size.area_px)

    def attention_numbers(self, size: Size) -> int:
        """Return what the one layer needs that cannot be tiled."""
        return round(self._attention() * size.area_px)

    def border_numbers(self, size: Size) -> int:
        """Return how many numbers lie before, or after, the layers that run in tiles."""
        scale = max(0, len(self.multiples) - 2)
        return round(self._widths[scale] / 4**scale * size.area_px)

    @property
    def _widths(self) -> tuple[int, ...]:
        return tuple(multiple * self.base_width for multiple in self.multiples)

    def _attention(self) -> float:
        return 7 * self._widths[-1] / self.factor**2

    def _encoder(self) -> Iterator[float]:
        """Yield for each layer how many numbers it needs for each pixel of the picture."""
        width = self.base_width
        yield _RGB + width
        for scale, wide in enumerate(self._widths):
            yield (width + wide + max(width, wide)) / 4**scale
            yield 3 * wide / 4**scale
            width = wide
            if scale < len(self._widths) - 1:
                yield 9 * width / 4 ** (scale + 1)
        yield self._attention()

    def _decoder(self) -> Iterator[float]:
        width = self._widths[-1]
        yield self._attention()
        for scale, wide in reversed(list(enumerate(self._widths))):
            yield (width + wide + max(width, wide)) / 4**scale
            yield 3 * wide / 4**scale
            width = wide
            if scale:
                yield 7 * width / 4**scale
                width //= 2
        yield width + _RGB


@dataclass(frozen=True, slots=True)
class ModelShape:
    """All three parts."""

    transformer: TransformerShape = TransformerShape()
    text_encoder: TextEncoderShape = TextEncoderShape()
    vae: VaeShape = VaeShape()
