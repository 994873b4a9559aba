"""Opening what cannot be opened: each has its own error, naming the file."""

from __future__ import annotations

import os
import random
import socket
import struct
import zlib

import pytest
from PIL import Image

from qie_desktop.core.errors import (
    ImageDamaged,
    ImageEmpty,
    ImageMissing,
    ImageNotRecognised,
    ImageTooLarge,
    InputImageError,
)
from qie_desktop.imaging.formats import MAX_PIXELS
from qie_desktop.imaging.opening import open_picture, open_reduced, probe

KINDS = ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF", "BMP"]
WAYS = [probe, open_picture, lambda path: open_reduced(path, 64)]


def _refused(path, error, ways=WAYS):
    for way in ways:
        with pytest.raises(error) as caught:
            way(path)
        assert type(caught.value) is error
        assert caught.value.field == "images"
        assert path.name in caught.value.message
        assert str(path.parent) not in caught.value.message
        assert caught.value.hint


def test_a_file_that_is_not_there_is_missing(tmp_path):
    _refused(tmp_path / "gone.png", ImageMissing)


def test_a_file_below_a_file_is_missing(tmp_path):
    (tmp_path / "a").touch()
    _refused(tmp_path / "a" / "b.png", ImageMissing)


def test_a_folder_is_no_picture(tmp_path):
    (tmp_path / "album.png").mkdir()
    _refused(tmp_path / "album.png", ImageMissing)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    _refused(tmp_path / "pipe.png", ImageMissing)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        _refused(tmp_path / "socket.png", ImageMissing)


def test_a_link_to_itself_is_missing(tmp_path):
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    _refused(tmp_path / "loop.png", ImageMissing)


@pytest.mark.parametrize("name", ["x" * 300, "nul\0byte"])
def test_a_name_that_cannot_be_is_missing(name, tmp_path):
    _refused(tmp_path / name, ImageMissing)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_missing(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "private.png")
    (tmp_path / "private.png").chmod(0)
    _refused(tmp_path / "private.png", ImageMissing)


def test_a_file_of_no_bytes_is_empty(tmp_path):
    (tmp_path / "nothing.jpg").touch()
    _refused(tmp_path / "nothing.jpg", ImageEmpty)


@pytest.mark.parametrize(
    "content",
    [
        b"These are words, not a picture.\n" * 20,
        b"BMW is a maker of cars, and this is a text about it.\n",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>',
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"P6 1 1 255 abc",
        b"\xff",
    ],
)
def test_what_is_no_picture_is_not_recognised_whatever_its_name(content, tmp_path):
    (tmp_path / "picture.png").write_bytes(content)
    _refused(tmp_path / "picture.png", ImageNotRecognised)


@pytest.mark.parametrize("kind", ["ICO", "TGA", "PPM", "JPEG2000", "PCX"])
def test_a_picture_of_another_format_is_not_recognised(kind, written):
    _refused(written(Image.new("RGB", (32, 32)), kind, "picture.png"), ImageNotRecognised)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_picture_is_named(kind, part, written):
    noisy = Image.effect_noise((120, 90), 80).convert("RGB")
    path = written(noisy, kind)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    _refused(path, ImageDamaged, [open_picture])


def test_a_jpeg_short_of_its_last_bytes_is_named(written):
    path = written(Image.effect_noise((120, 90), 80), "JPEG")
    path.write_bytes(path.read_bytes()[:-40])
    _refused(path, ImageDamaged, WAYS[1:])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF"])
def test_the_first_bytes_alone_are_a_damaged_picture(kind, written, ramp):
    path = written(ramp(64, 64), kind)
    path.write_bytes(path.read_bytes()[:16] + b"junk" * 40)
    _refused(path, ImageDamaged)


def test_a_png_with_a_changed_byte_is_named(written, ramp):
    path = written(ramp(64, 64), "PNG")
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 30] ^= 0xFF
    path.write_bytes(data)
    _refused(path, ImageDamaged, [open_picture])


@pytest.mark.parametrize("kind", KINDS)
def test_no_damage_raises_anything_else(kind, written, ramp):
    """Bytes are changed and cut off at random: what comes is a picture or an error of ours."""
    path = written(ramp(37, 53), kind)
    whole, rng = path.read_bytes(), random.Random(kind)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 5, 20))):
            data[rng.randrange(min(len(data), 500))] = rng.randrange(256)
        path.write_bytes(data[: rng.choice((len(data), rng.randrange(1, len(data))))])
        try:
            picture = open_picture(path)
        except InputImageError as error:
            assert path.name in error.message
        else:
            assert picture.rgb.size == picture.info.size


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_of(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(99)))


@pytest.mark.parametrize("size", [(16001, 8000), (50_000, 50_000), (2**31 - 1, 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size, tmp_path):
    (tmp_path / "bomb.png").write_bytes(_png_of(*size))
    _refused(tmp_path / "bomb.png", ImageTooLarge)


def test_two_of_the_largest_pictures_side_by_side_are_not_too_large(tmp_path):
    """No warning of Pillow's gets out either: warnings are errors here."""
    (tmp_path / "large.png").write_bytes(_png_of(16000, 8000))
    assert probe(tmp_path / "large.png").size.area_px == MAX_PIXELS


def test_a_bomb_of_another_format_is_refused(tmp_path):
    for kind, data in {
        "bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 20000, 20000, 1, 24, 0, 0, 0, 0, 0, 0),
        "gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",\0\0\0\0\xff\xff\xff\xff\0\2\0;",
        "webp": b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"\xfe\x3f\0" * 2,
    }.items():
        (tmp_path / f"bomb.{kind}").write_bytes(data)
        _refused(tmp_path / f"bomb.{kind}", ImageTooLarge)


def test_opening_leaves_pillows_limit_alone(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    (tmp_path / "large.png").write_bytes(_png_of(16000, 8000))
    probe(tmp_path / "large.png")
    assert before == Image.MAX_IMAGE_PIXELS
