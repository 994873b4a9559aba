"""The compact text encoder: Qwen2.5-VL as two GGUF files of llama.cpp's, and whether they are that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from qie_desktop.core.errors import CheckpointMismatch
from qie_desktop.engines.local.gguf_header import read_header
from qie_desktop.engines.local.text_encoder_names import (
    LANGUAGE_ARCHITECTURE,
    LANGUAGE_HEAD,
    LANGUAGE_SIZES,
    PROJECTOR,
    PROJECTOR_TYPES,
    VISION_ARCHITECTURE,
    VISION_SIZES,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qie_desktop.engines.local.gguf_header import GgufHeader

_SAME_MODEL = "Use both .gguf files of Qwen2.5-VL-7B-Instruct: the model itself and its mmproj."


@dataclass(frozen=True, slots=True)
class TextEncoderWish:
    """What the settings say of the text encoder: auto, full or compact, and own files of the latter."""

    form: str = "auto"
    language: Path | None = None
    vision: Path | None = None

    @classmethod
    def again(cls, used: Mapping[str, str]) -> TextEncoderWish | None:
        """Return what asks for the text encoder of an earlier job; None where its files are gone, or unknown.

        `used` is what `Checkpoint.used_files` gave.
        """
        if "text_encoder" not in used:
            return None
        if "text_encoder_mmproj" not in used:
            return cls("full")
        language, vision = Path(used["text_encoder"]), Path(used["text_encoder_mmproj"])
        return cls("compact", language, vision) if language.exists() and vision.exists() else None

    @property
    def wants_compact(self) -> bool:
        """Whether nothing but the compact one will do: it is asked for, or own files of it are."""
        return self.form == "compact" or (self.form == "auto" and bool(self.language or self.vision))


@dataclass(frozen=True, slots=True)
class CompactTextEncoder:
    """The two files; the folder's `text_encoder/config.json` says what they are to hold."""

    language: Path
    vision: Path

    @property
    def files(self) -> tuple[Path, Path]:
        """Both, the language model first."""
        return self.language, self.vision

    def memory_bytes(self, bytes_per_number: int) -> int:
        """Return what the weights take in memory: nearly all are kept in blocks. Reads both headers."""
        return sum(
            tensor.resident_bytes(bytes_per_number)
            for header in (read_language(self.language), read_vision(self.vision))
            for name, tensor in header.tensors.items()
            if not name.startswith(f"{LANGUAGE_HEAD}.")
        )

    def check(self, config: Mapping[str, object]) -> tuple[GgufHeader, GgufHeader]:
        """Return both headers, the language model's first, if they belong to a config; no weights are read.

        `config` is that of the text encoder. Raises CheckpointMismatch, saying what a file is, and what
        `read_header` raises.
        """
        language, vision = read_language(self.language), read_vision(self.vision)
        # Older releases of transformers put the language model's part on the top level.
        text = {**config, **_part(config, "text_config")}
        _check_sizes(language, LANGUAGE_SIZES, text)
        _check_sizes(vision, VISION_SIZES, _part(config, "vision_config"))
        return language, vision


def read_language(path: Path) -> GgufHeader:
    """Read the header of the language model's file.

    Raises CheckpointMismatch, saying what it is, when it is something else, and what `read_header` raises.
    """
    header = read_header(path, "Set local.text_encoder_gguf to a .gguf file of Qwen2.5-VL-7B-Instruct.")
    if header.architecture == VISION_ARCHITECTURE:
        raise CheckpointMismatch(
            f"{path.name} holds a vision tower ({_projector(header)}), not the language model.", _SAME_MODEL
        )
    header.require(LANGUAGE_ARCHITECTURE, _SAME_MODEL)
    return header


def read_vision(path: Path) -> GgufHeader:
    """Read the header of the vision tower's file. Raises as `read_language` does."""
    header = read_header(path, "Set local.text_encoder_mmproj to the mmproj file of Qwen2.5-VL-7B-Instruct.")
    header.require(VISION_ARCHITECTURE, _SAME_MODEL)
    if _projector(header) != PROJECTOR:
        raise CheckpointMismatch(
            f"{path.name} holds the vision tower of another model: its projector is {_projector(header)}, "
            f"not {PROJECTOR}.",
            _SAME_MODEL,
        )
    return header


def _projector(header: GgufHeader) -> str:
    return str(next((header.metadata[key] for key in PROJECTOR_TYPES if key in header.metadata), "unknown"))


def _check_sizes(
    header: GgufHeader, sizes: tuple[tuple[str, str, str], ...], config: Mapping[str, object]
) -> None:
    for key, name, words in sizes:
        found, wanted = header.metadata.get(key), config.get(name)
        if found and wanted and found != wanted:
            raise CheckpointMismatch(
                f"{header.path.name} has {words} {found}; the folder's config says {wanted}.", _SAME_MODEL
            )


def _part(config: Mapping[str, object], name: str) -> dict[str, object]:
    part = config.get(name)
    return cast("dict[str, object]", part) if isinstance(part, dict) else {}
