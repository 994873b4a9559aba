"""LoRAs as a request names them: files of the data folder's `loras/`, each with a strength."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SUFFIX = ".safetensors"
_FORBIDDEN = ("/", "\\", ":", ";")
"""In a file's name: what leads out of the folder, or has a meaning in the text."""


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA by the name of its file, with its suffix and without a folder, and how strongly it acts."""

    name: str
    strength: float = 1.0

    def __str__(self) -> str:
        """Return it as it is written: `style.safetensors:0.8`."""
        return f"{self.name}:{self.strength:g}"


def split_strength(text: str) -> tuple[str, float | None]:
    """Split `style:0.8` into the file and its strength; the latter is None where there is none.

    Only what can be read as a number after the last colon is a strength.
    """
    file, colon, number = text.rpartition(":")
    if colon:
        try:
            return file.strip(), float(number)
        except ValueError:
            pass
    return text.strip(), None


def parse_loras(text: str) -> tuple[Lora, ...]:
    """Read `style.safetensors:0.8; ink`: files by their names, `.safetensors` added, strength 1 left out.

    Raises ValueError, saying what is wrong: a path, no name, a strength that is no number, a name twice.
    """
    loras = tuple(_lora(part) for part in text.split(";") if part.strip())
    names = [lora.name for lora in loras]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is named twice.")
    return loras


def format_loras(loras: Iterable[Lora]) -> str:
    """Return the text that `parse_loras` reads, in the one form in which it is stored."""
    return "; ".join(map(str, loras))


def file_name(name: str) -> str:
    """Return the name of a LoRA's file, with its suffix. Raises ValueError for what is no plain name."""
    bare = name.strip()
    if not bare or bare.startswith(".") or any(each in bare for each in _FORBIDDEN) or not bare.isprintable():
        raise ValueError(f'"{name.strip()}" is not the name of a LoRA file.')
    return bare if bare.lower().endswith(SUFFIX) else bare + SUFFIX


def _lora(text: str) -> Lora:
    name, strength = split_strength(text)
    if strength is None:
        return Lora(file_name(name))
    if not math.isfinite(strength):
        raise ValueError(f"The strength of {name} must be a number, not {strength}.")
    # As it is written and read again: what is stored is what ran.
    return Lora(file_name(name), float(f"{strength:g}"))
