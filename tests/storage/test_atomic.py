from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qie_desktop.core.errors import DiskFull, StorageError
from qie_desktop.storage import atomic


def test_write_replaces_a_file_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    atomic.write_text(path, "old")
    atomic.write_text(path, "nëw")
    assert path.read_text(encoding="utf-8") == "nëw"
    assert os.listdir(path.parent) == ["a.txt"]  # noqa: PTH208 - names alone


def test_copy_keeps_every_byte(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_001))
    atomic.copy_file(source, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


def test_copy_of_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        atomic.copy_file(tmp_path / "nowhere", tmp_path / "target")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, StorageError)]
)
def test_failed_write_keeps_the_old_file_and_removes_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[StorageError]
) -> None:
    path = tmp_path / "a.txt"
    atomic.write_text(path, "old")

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(kind) as caught:
        atomic.write_text(path, "new")
    assert type(caught.value) is kind
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_really_full_disk_is_told_as_such() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with pytest.raises(DiskFull), atomic.mapped_errors(full, "write"), full.open("w") as file:
        file.write("x")


def test_folder_that_is_a_file_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError) as caught:
        atomic.write_text(tmp_path / "file" / "a.txt", "x")
    assert "QIE_HOME" in caught.value.hint


def test_appended_lines_follow_each_other_and_a_cut_line_spoils_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    atomic.append_line(path, '{"a": 1}')
    with path.open("a") as file:
        file.write('{"cut')
    atomic.append_line(path, '{"a": 2}\n')
    assert path.read_text().splitlines() == ['{"a": 1}', '{"cut', '{"a": 2}']


def test_append_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.jsonl"
    atomic.append_line(path, "one")
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:2]))
    with pytest.raises(DiskFull):
        atomic.append_line(path, "two")
    monkeypatch.undo()
    atomic.append_line(path, "three")
    assert path.read_text() == "one\nthree\n"


def test_lines_appended_by_several_processes_are_all_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    code = (
        "import sys, json; from pathlib import Path; from qie_desktop.storage import atomic\n"
        "for i in range(40):\n"
        "    atomic.append_line(Path(sys.argv[1]), json.dumps([sys.argv[2], i] + ['x'] * 300))"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "ab"]
    assert [run.wait(30) for run in runs] == [0, 0]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((line[0], line[1]) for line in lines) == [(name, i) for name in "ab" for i in range(40)]


def test_sweep_removes_leftovers_and_nothing_else(tmp_path: Path) -> None:
    leftover = tmp_path / ".metadata.json.0123abcd.part"
    kept = [tmp_path / name for name in ("metadata.json", ".part", "movie.part", ".a.part", ".env")]
    for path in (leftover, *kept):
        path.write_text("x")
    assert atomic.sweep_leftovers(tmp_path) == [leftover]
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_sweep_leaves_what_is_being_written(tmp_path: Path) -> None:
    def swept_meanwhile() -> bytes:
        assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
        assert atomic.sweep_leftovers(tmp_path) == []
        return b"whole"

    with atomic._replacing(tmp_path / "a.txt") as file:
        file.write(swept_meanwhile())
    assert (tmp_path / "a.txt").read_bytes() == b"whole"


def test_lock_file_is_held_until_it_is_closed(tmp_path: Path) -> None:
    first = atomic.try_lock_file(tmp_path / ".lock")
    assert first is not None
    assert atomic.try_lock_file(tmp_path / ".lock") is None
    os.close(first)
    again = atomic.try_lock_file(tmp_path / ".lock")
    assert again is not None
    os.close(again)
