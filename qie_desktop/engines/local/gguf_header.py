"""The header of any GGUF file: what it says of itself, and which tensors lie where.

Layout: docs/gguf.md of the ggml repository. gguf-py's own reader makes an object of every entry of every
list: for a vocabulary of 152,000 tokens that takes seconds and half a gigabyte. Lists are skipped here.
"""

from __future__ import annotations

import errno
import mmap
import struct
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from qie_desktop.core.errors import CheckpointDamaged, CheckpointIncomplete, CheckpointMismatch, OutOfMemory

if TYPE_CHECKING:
    from pathlib import Path

Value = bool | int | float | str
"""A single value of the metadata."""

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_ALIGNMENT = 32
_MAX_DIMENSIONS = 4
_MAX_STRING_BYTES = 2**30
"""As ggml has it (`GGUF_MAX_STRING_LENGTH`)."""
_UINT32, _UINT64 = struct.Struct("<I"), struct.Struct("<Q")
_SCALARS = {
    number: struct.Struct(f"<{code}")
    for number, code in {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?"}.items()
} | {number: struct.Struct(f"<{code}") for number, code in {10: "Q", 11: "q", 12: "d"}.items()}
_STRING, _LIST = 8, 9
_NUMBER_BYTES = {"F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor of the file: its shape in torch's order, its type's name, and where its bytes lie."""

    name: str
    type_name: str
    shape: tuple[int, ...]
    offset: int
    byte_count: int

    def resident_bytes(self, bytes_per_number: int) -> int:
        """Return what it takes in memory: as it is, or as numbers where those are no larger."""
        if _NUMBER_BYTES.get(self.type_name, 0) >= bytes_per_number:
            return prod(self.shape) * bytes_per_number
        return self.byte_count


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """A file's metadata, lists left out, and its tensors by name."""

    path: Path
    metadata: dict[str, Value]
    tensors: dict[str, GgufTensor]

    @property
    def architecture(self) -> str:
        """What kind of model the file says that it holds."""
        return str(self.metadata.get("general.architecture", "unknown"))

    def require(self, architecture: str, hint: str) -> None:
        """Raise CheckpointMismatch, saying what the file is, unless it is of this architecture."""
        if self.architecture != architecture:
            found = f"{self.path.name} holds a model of the architecture {self.architecture}"
            raise CheckpointMismatch(f"{found}, not {architecture}.", hint)


def read_header(path: Path, hint: str = "") -> GgufHeader:
    """Read the header of a GGUF file, and no weights.

    Raises CheckpointIncomplete with the hint when there is no such file, and CheckpointDamaged when it is cut
    off, within its weights too, or not GGUF at all.
    """
    if not path.is_file():
        raise CheckpointIncomplete(f"There is no file {path}.", hint)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _Reader(path, content).header()
    except (ValueError, IndexError, KeyError, OverflowError, struct.error, OSError, MemoryError) as error:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            raise OutOfMemory(
                f"There was not enough memory to read {path.name}.", "Close other apps."
            ) from error
        raise CheckpointDamaged(
            f"{path.name} cannot be read as a GGUF file: {error}.",
            "Download it again: it is cut off or damaged.",
        ) from error


class _Reader:
    """Reads from the beginning of a file to the end of its header."""

    def __init__(self, path: Path, content: mmap.mmap) -> None:
        self._path = path
        self._content = content
        self._at = 0

    def header(self) -> GgufHeader:
        if self._content[:4] != _MAGIC:
            raise ValueError("it does not begin as one")
        self._at = 4
        version = self._number(_UINT32)
        if version not in _VERSIONS:
            raise ValueError(f"its version is {version}")
        tensor_count, entry_count = self._number(_UINT64), self._number(_UINT64)
        metadata: dict[str, Value] = {}
        for _ in range(entry_count):
            key = self._string()
            value = self._value(self._number(_UINT32))
            if value is not None:
                metadata[key] = value
        found = [self._tensor() for _ in range(tensor_count)]
        alignment = int(metadata.get("general.alignment", _ALIGNMENT))
        if alignment < 1:
            raise ValueError(f"its alignment is {alignment}")
        start = -(-self._at // alignment) * alignment
        return GgufHeader(self._path, metadata, self._placed(found, start))

    def _placed(
        self, found: list[tuple[str, tuple[int, ...], int, int]], start: int
    ) -> dict[str, GgufTensor]:
        """Return the tensors with where they lie in the file, of which `start` is the first byte of data."""
        from gguf.constants import (  # noqa: PLC0415 - brings numpy in: only when a file is read
            GGML_QUANT_SIZES,
            GGMLQuantizationType,
        )

        tensors: dict[str, GgufTensor] = {}
        for name, shape, type_number, offset in found:
            if name in tensors:
                raise ValueError(f"it has {name} twice")
            type_ = GGMLQuantizationType(type_number)
            block, block_bytes = GGML_QUANT_SIZES[type_]
            if shape[-1] % block:
                raise ValueError(f"the rows of {name} are no whole blocks of {type_.name}")
            tensor = GgufTensor(name, type_.name, shape, start + offset, prod(shape) // block * block_bytes)
            if tensor.offset + tensor.byte_count > len(self._content):
                raise ValueError(f"it ends before {name} does")
            tensors[name] = tensor
        return tensors

    def _tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        """Return a tensor's name, its shape in torch's order, the number of its type, and its offset."""
        name = self._string()
        dimensions = self._number(_UINT32)
        if not 0 < dimensions <= _MAX_DIMENSIONS:
            raise ValueError(f"{name} has {dimensions} dimensions")
        sides = [self._number(_UINT64) for _ in range(dimensions)]
        return name, tuple(reversed(sides)), self._number(_UINT32), self._number(_UINT64)

    def _value(self, kind: int) -> Value | None:
        """Return a single value; a list is skipped."""
        if kind == _STRING:
            return self._string()
        if kind != _LIST:
            return self._number(_SCALARS[kind])
        item, count = self._number(_UINT32), self._number(_UINT64)
        if item == _STRING:
            self._skip_strings(count)
        else:
            # A list of lists ends here, with a KeyError: no model has any.
            self._at += _SCALARS[item].size * count
        return None

    def _skip_strings(self, count: int) -> None:
        content, at, length = self._content, self._at, _UINT64.unpack_from
        for _ in range(count):
            at += 8 + length(content, at)[0]
        self._at = at

    def _string(self) -> str:
        length = self._number(_UINT64)
        # Looked at before it is copied: a wrong length may be that of all the weights.
        if length > _MAX_STRING_BYTES:
            raise ValueError(f"it has a string of {length} bytes")
        text = self._content[self._at : self._at + length]
        if len(text) < length:
            raise ValueError("it is cut off")
        self._at += length
        return text.decode("utf-8")

    def _number(self, layout: struct.Struct) -> int:
        number = layout.unpack_from(self._content, self._at)[0]
        self._at += layout.size
        return number
