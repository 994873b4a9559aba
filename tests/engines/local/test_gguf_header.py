"""Our reader of GGUF headers finds what gguf-py's own finds, and refuses what is damaged."""

import errno
import mmap
import struct
import time
from pathlib import Path

import gguf
import numpy as np
import pytest

from qie_desktop.core.errors import CheckpointDamaged, CheckpointIncomplete, OutOfMemory
from qie_desktop.engines.local import gguf_header
from qie_desktop.engines.local.gguf_header import read_header

TOKENS = 152_064


def write(path: Path, *, tensors: dict[str, np.ndarray] | None = None, tokens: int = 3) -> Path:
    writer = gguf.GGUFWriter(path, "qwen2vl")
    writer.add_bool("a.bool", True)
    writer.add_int8("a.int8", -3)
    writer.add_uint64("a.uint64", 2**40)
    writer.add_float32("a.float32", 0.5)
    writer.add_float64("a.float64", -0.25)
    writer.add_string("a.string", "größer")
    writer.add_array("a.numbers", [1, 2, 3])
    writer.add_array("a.floats", [0.5, 1.5])
    writer.add_token_list([f"token {number}" for number in range(tokens)])
    for name, tensor in (tensors or {"x": np.zeros((4, 32), np.float32)}).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_single_values_are_read_and_lists_are_left_out(tmp_path):
    header = read_header(write(tmp_path / "a.gguf"))

    assert header.metadata == {
        "general.architecture": "qwen2vl",
        "a.bool": True,
        "a.int8": -3,
        "a.uint64": 2**40,
        "a.float32": 0.5,
        "a.float64": -0.25,
        "a.string": "größer",
    }


def test_tensors_are_where_gguf_py_finds_them(tmp_path, tiny_gguf):
    rng = np.random.default_rng(0)
    tensors = {"a": rng.random((3, 5), np.float32), "b": rng.random((2, 3, 4), np.float32)}
    for path in (write(tmp_path / "a.gguf", tensors=tensors), tiny_gguf):
        found = {
            tensor.name: (
                tensor.tensor_type.name,
                tuple(int(side) for side in reversed(tensor.shape)),
                int(tensor.data_offset),
                int(tensor.n_bytes),
            )
            for tensor in gguf.GGUFReader(path).tensors
        }

        assert {
            each.name: (each.type_name, each.shape, each.offset, each.byte_count)
            for each in read_header(path).tensors.values()
        } == found


def test_a_large_vocabulary_takes_no_time(tmp_path):
    path = write(tmp_path / "a.gguf", tokens=TOKENS)
    began = time.process_time()

    read_header(path)

    # gguf-py takes some 3 s for it.
    assert time.process_time() - began < 0.5


def test_a_file_that_is_not_there_is_named_with_what_to_do(tmp_path):
    with pytest.raises(CheckpointIncomplete, match=r"no\.gguf") as caught:
        read_header(tmp_path / "no.gguf", "Set it.")
    assert caught.value.hint == "Set it."


def test_a_header_cut_off_anywhere_is_named(tmp_path):
    content = write(tmp_path / "whole.gguf").read_bytes()
    cut = tmp_path / "cut.gguf"

    for keep in range(len(content)):
        cut.write_bytes(content[:keep])
        with pytest.raises(CheckpointDamaged, match=r"cut\.gguf"):
            read_header(cut)


def test_a_header_with_a_wrong_byte_is_read_or_named(tmp_path):
    """Whatever stands there: never another exception, never a tensor beyond the end of the file."""
    content = write(tmp_path / "whole.gguf").read_bytes()
    wrong = tmp_path / "wrong.gguf"
    damaged = 0
    for at in range(len(content) - 4 * 32 * 4):
        for value in (0x00, 0x7F, 0xFF):
            wrong.write_bytes(content[:at] + bytes([value]) + content[at + 1 :])
            try:
                header = read_header(wrong)
            except CheckpointDamaged:
                damaged += 1
                continue
            assert all(each.offset + each.byte_count <= len(content) for each in header.tensors.values())
    assert damaged > 100


@pytest.mark.parametrize(
    ("at", "value", "what"), [(0, b"GGML", "begin"), (4, struct.pack("<I", 9), "version is 9")]
)
def test_what_is_no_gguf_of_ours_is_named(tmp_path, at, value, what):
    path = write(tmp_path / "a.gguf")
    content = path.read_bytes()
    path.write_bytes(content[:at] + value + content[at + len(value) :])

    with pytest.raises(CheckpointDamaged, match=what):
        read_header(path)


def test_a_tensor_that_is_there_twice_is_named(tmp_path):
    path = write(tmp_path / "a.gguf", tensors={"aa": np.zeros(4, np.float32), "bb": np.zeros(4, np.float32)})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"bb", b"aa"))

    with pytest.raises(CheckpointDamaged, match="aa twice"):
        read_header(path)


def test_a_string_of_an_absurd_length_is_not_copied(tmp_path):
    """Its bytes may all be there: those of the weights."""
    path = tmp_path / "a.gguf"
    length = 3 * 2**30
    with path.open("wb") as file:
        file.write(struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, length))
        # Without blocks on the disk.
        file.truncate(2 * length)

    with pytest.raises(CheckpointDamaged, match=f"a string of {length} bytes"):
        read_header(path)


@pytest.mark.parametrize("shortage", [MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory")])
def test_too_little_memory_is_no_damage(tmp_path, monkeypatch, shortage):
    def mapped(*_: object, **__: object) -> mmap.mmap:
        raise shortage

    path = write(tmp_path / "a.gguf")
    monkeypatch.setattr(gguf_header.mmap, "mmap", mapped)

    with pytest.raises(OutOfMemory, match=r"not enough memory to read a\.gguf"):
        read_header(path)


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refused(*_: object, **__: object) -> mmap.mmap:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    path = write(tmp_path / "a.gguf")
    monkeypatch.setattr(gguf_header.mmap, "mmap", refused)

    with pytest.raises(CheckpointDamaged, match=r"a\.gguf cannot be read .*not permitted"):
        read_header(path)
