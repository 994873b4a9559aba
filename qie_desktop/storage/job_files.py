"""The pictures in a job's folder: the user's own bytes going in, results coming out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qie_desktop.core.job import InputFile, Output
from qie_desktop.imaging.embedding import encode
from qie_desktop.imaging.thumbnails import make_thumbnail
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image

    from qie_desktop.core.job import Job
    from qie_desktop.imaging.embedding import OutputFormat
    from qie_desktop.imaging.opening import PictureInfo

_SUFFIXES: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "HEIF": (".heic", ".heif"),
    "AVIF": (".avif",),
    "TIFF": (".tiff", ".tif"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
}
"""The names that files of a format end in; the first where a file's own name says something else."""

_OUTPUT_SUFFIXES: dict[OutputFormat, str] = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
_PLAIN_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_OUTPUT_INDEX = re.compile(r"output_(\d+)\.")


@dataclass(frozen=True, slots=True)
class NewOutput:
    """A result to be written: RGB or RGBA in sRGB; with the provider's own file, where that is kept too."""

    index: int
    picture: Image.Image
    provider_bytes: bytes | None = None
    provider_suffix: str = ""
    format: OutputFormat = "PNG"


def copy_inputs(folder: Path, sources: Sequence[Path], infos: Sequence[PictureInfo]) -> tuple[InputFile, ...]:
    """Copy the user's own bytes into a job's folder as `input_1.jpg` …, untouched, and return what they are.

    The suffix is the file's own where it tells the truth. Raises StorageError or DiskFull.
    """
    files: list[InputFile] = []
    for number, (source, info) in enumerate(zip(sources, infos, strict=True), start=1):
        name = f"input_{number}{_suffix(source, info)}"
        atomic.copy_file(source, folder / name)
        files.append(InputFile(name, source.name, info.size.width, info.size.height))
    return tuple(files)


def write_output_files(folder: Path, job: Job, made: NewOutput) -> Output:
    """Write a result with its request inside, its thumbnail and the provider's own bytes.

    Raises StorageError, DiskFull or, for a picture that the format cannot hold, InvalidRequest.
    """
    provider_name = None
    if made.provider_bytes is not None:
        suffix = made.provider_suffix.lower()
        provider_name = f"provider_{made.index}{suffix if _PLAIN_SUFFIX.fullmatch(suffix) else '.bin'}"
        atomic.write_bytes(folder / provider_name, made.provider_bytes)
    name = f"output_{made.index}{_OUTPUT_SUFFIXES[made.format]}"
    atomic.write_bytes(folder / thumbnail_name(name), make_thumbnail(made.picture))
    atomic.write_bytes(folder / name, encode(made.picture, made.format, job.request.to_json()))
    return Output(name, made.picture.width, made.picture.height, provider_name)


def thumbnail_name(output_name: str) -> str:
    """Return the name of the thumbnail that belongs to a result."""
    return f"thumb_{index_of(output_name)}.webp"


def index_of(output_name: str) -> int:
    """Return the number in a result's name; 0 where it has none, as a legacy one may."""
    match = _OUTPUT_INDEX.match(output_name)
    return int(match[1]) if match else 0


def with_output(job: Job, output: Output) -> Job:
    """Return the job with this result in its place, in the stead of an earlier one of the same number."""
    index = index_of(output.name)
    others = [other for other in job.outputs if index_of(other.name) != index]
    return replace(job, outputs=tuple(sorted((*others, output), key=lambda item: index_of(item.name))))


def _suffix(source: Path, info: PictureInfo) -> str:
    own = source.suffix.lower()
    honest = _SUFFIXES.get(info.format, (own if _PLAIN_SUFFIX.fullmatch(own) else ".bin",))
    return own if own in honest else honest[0]
