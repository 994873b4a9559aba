"""Where things lie, and how large a training is: the real one, or a toy that only shows that it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there is."""

    drawn: int = 480
    drawn_px: int = 512
    prompts: int = 400_000
    bank_prompts: int = 150
    """For each instruction of one step; of those of two steps there are fewer."""
    pairs: float = 1.0
    """Of the pairs of steps, this part is drawn of what the real one has."""
    batch: float = 1.0
    """All batches are this part of the real ones."""


REAL = Size()
TOY = Size(drawn=10, drawn_px=256, prompts=2000, bank_prompts=6, pairs=0.01, batch=0.02)


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder, a device, a size."""

    folder: Path
    device: str
    size: Size
    compiled: bool
    seed: int = 1

    @property
    def pictures(self) -> Path:
        """The photographs, by role."""
        return self.folder / "pictures"

    @property
    def drawn(self) -> Path:
        """The procedural pictures."""
        return self.folder / "drawn.npy"

    @property
    def tokens(self) -> Path:
        """The numbers of the tokenizer."""
        return self.folder / "tokens.json"

    @property
    def vision(self) -> Path:
        """The vision tower and its features."""
        return self.folder / "vision.safetensors"

    def weights(self, stage: str) -> Path:
        """Return where a stage leaves its averaged weights."""
        return self.folder / f"{stage}.safetensors"

    def settled(self, stage: str) -> Path:
        """Return where the last training, `settle`, leaves the averaged weights of an earlier one."""
        return self.folder / f"{stage}_settled.safetensors"

    def checkpoint(self, stage: str) -> Path:
        """Return where a stage keeps what it needs to go on."""
        return self.folder / f"{stage}.checkpoint"

    def batch(self, count: int) -> int:
        """Return the size of a batch that is `count` in the real training."""
        return max(2, round(count * self.size.batch))
