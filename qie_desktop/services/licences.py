"""Whose work the program stands on, and under which licences: read from the packages that are installed."""

from __future__ import annotations

import platform
import re
import sysconfig
from collections import deque
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from qie_desktop.storage.resources import resources_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "qie-desktop"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHORT = 60
"""A longer `License` field is the text of one, not its name."""
_SHARED_TEXTS = {"LGPL-3.0": ("LGPL-3.0.txt", "GPL-3.0.txt")}
"""Texts that a package names without bringing them: the files in `resources/licences/`."""
_OWN_TEXTS = ("LICENSE", "NOTICE")
"""The program's own, beside `resources/`."""
_PYTHON = "Python"


@dataclass(frozen=True, slots=True)
class Licence:
    """One package and its licence. `terms` is an SPDX expression where the package gives one."""

    name: str
    version: str
    terms: str


def package_names(program: str = PROGRAM) -> tuple[str, ...]:
    """Return the installed packages that a program requires, directly or not, itself first.

    Raises PackageNotFoundError where the program is not installed.
    """
    found: dict[str, str] = {}
    waiting = deque([metadata.distribution(program)])
    while waiting:
        package = waiting.popleft()
        key = _key(package.name)
        if key in found:
            continue
        found[key] = package.name
        for requirement in package.requires or ():
            name = _NAME.match(requirement)
            # What is for another system, or for an extra, is mostly not here.
            if name and "extra ==" not in requirement and (required := _distribution(name[0])):
                waiting.append(required)
    return tuple(found.values())


def licences() -> tuple[Licence, ...]:
    """Return what the program is made of, by name. Reads some hundred small files."""
    packages = [metadata.distribution(name) for name in package_names()]
    rows = [Licence(package.name, package.version, _terms(package)) for package in packages]
    rows.append(Licence(_PYTHON, platform.python_version(), "PSF-2.0"))
    return tuple(sorted(rows, key=lambda row: row.name.lower()))


def licence_text(name: str) -> str:
    """Return all that a package of `licences()` says of its licence, as text."""
    if name == _PYTHON:
        path = Path(sysconfig.get_paths()["stdlib"]) / "LICENSE.txt"
        return (
            path.read_text(encoding="utf-8") if path.is_file() else "https://docs.python.org/3/license.html"
        )
    if name == PROGRAM:
        folder = resources_folder().parent
        return "\n\n".join((folder / file).read_text(encoding="utf-8") for file in _OWN_TEXTS)
    package = metadata.distribution(name)
    texts = list(_own_texts(package)) or list(_shared_texts(_terms(package)))
    return "\n\n".join(texts) or f"{_terms(package)}\n{_home_page(package)}".strip()


def _own_texts(package: metadata.Distribution) -> Iterator[str]:
    files = package.metadata.get_all("License-File") or []
    several = len(files) > 1
    for file in files:
        text = package.read_text(f"licenses/{file}") or package.read_text(file)
        if text:
            yield f"— {file} —\n\n{text}" if several else text


def _shared_texts(terms: str) -> Iterator[str]:
    folder = resources_folder() / "licences"
    for name, files in _SHARED_TEXTS.items():
        if name in terms:
            for file in files:
                yield (folder / file).read_text(encoding="utf-8")


def _terms(package: metadata.Distribution) -> str:
    about = package.metadata
    classifiers = [line for line in about.get_all("Classifier") or [] if line.startswith("License ::")]
    given = _field(package, "License-Expression") or _field(package, "License")
    if given and len(given) <= _SHORT:
        return given
    return ", ".join(line.rpartition(" :: ")[2] for line in classifiers) or "see its text"


def _home_page(package: metadata.Distribution) -> str:
    links = package.metadata.get_all("Project-URL") or []
    return _field(package, "Home-page") or (links[0].partition(", ")[2] if links else "")


def _field(package: metadata.Distribution, name: str) -> str:
    values = package.metadata.get_all(name) or []
    return values[0] if values else ""


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _key(name: str) -> str:
    """Return a name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
