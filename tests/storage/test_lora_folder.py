"""The folder of LoRA files: nothing taken twice, nothing replaced, nothing lost with its original."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qie_desktop.storage.lora_folder import lora_names, take_in


def made(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("links", [True, False])
def test_a_file_stays_when_its_original_goes(tmp_path, monkeypatch, links):
    def refuse(*_args, **_kwargs):
        raise OSError(errno.EXDEV, "another disk")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    original, folder = made(tmp_path / "a.safetensors", b"one"), tmp_path / "loras"

    assert take_in(folder, original, "a.safetensors") == "a.safetensors"
    assert take_in(folder, original, "a.safetensors") == "a.safetensors"
    assert (original.stat().st_nlink > 1) is links
    original.unlink()

    assert (folder / "a.safetensors").read_bytes() == b"one"
    assert [path.name for path in folder.iterdir()] == ["a.safetensors"]


def test_another_file_of_the_same_name_gets_one_of_its_own(tmp_path):
    folder = tmp_path / "loras"
    for content in (b"one", b"two", b"two", b"one"):
        take_in(folder, made(tmp_path / "a.safetensors", content), "a.safetensors")
        (tmp_path / "a.safetensors").unlink()

    names = lora_names(folder)
    assert len(names) == 2
    assert {(folder / name).read_bytes() for name in names} == {b"one", b"two"}
    assert (folder / "a.safetensors").read_bytes() == b"one"


def test_a_file_of_the_folder_itself_stays_where_it_is(tmp_path):
    file = made(tmp_path / "loras" / "a.safetensors", b"one")
    link = tmp_path / "link.safetensors"
    link.symlink_to(file)

    assert take_in(file.parent, file, "other.safetensors") == "a.safetensors"
    assert take_in(file.parent, link, "link.safetensors") == "a.safetensors"


def test_only_lora_files_are_listed_as_people_sort_them(tmp_path):
    for name in ("b.safetensors", "A.safetensors", ".hidden.safetensors", "notes.txt"):
        made(tmp_path / name, b"")
    (tmp_path / "folder.safetensors").mkdir()

    assert lora_names(tmp_path) == ["A.safetensors", "b.safetensors"]
    assert lora_names(tmp_path / "nowhere") == []
