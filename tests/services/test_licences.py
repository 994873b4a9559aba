from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from qie_desktop.services.licences import licence_text, licences, package_names

ROOT = Path(__file__).resolve().parents[2]


def key(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_every_dependency_and_what_it_needs_is_named() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = {key(name) for name in package_names()}
    direct = {key(line.partition(">")[0].partition("=")[0]) for line in wanted}
    assert direct <= found
    # What torch, replicate and httpx bring along.
    assert {"sympy", "pydantic", "h11"} <= found
    # What only those who work on the program need.
    assert not {"pytest", "ruff", "pyinstaller", "hypothesis"} & found


def test_every_package_has_a_version_terms_and_a_text() -> None:
    found = licences()
    assert [row.name.lower() for row in found] == sorted(row.name.lower() for row in found)
    assert {"Python", "qie-desktop", "torch"} <= {row.name for row in found}
    for row in found:
        assert row.version
        assert row.terms
        assert len(licence_text(row.name)) > 20, row.name


def test_texts_that_a_package_names_without_bringing_them_are_there() -> None:
    text = licence_text("PySide6_Essentials")
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in text
    assert "GNU GENERAL PUBLIC LICENSE" in text


def test_package_that_is_not_installed_is_an_error() -> None:
    with pytest.raises(metadata.PackageNotFoundError):
        package_names("no-such-program")
