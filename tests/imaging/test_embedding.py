"""Results as files that carry their request."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from qie_desktop.core.errors import ImageDamaged, ImageMissing, ImageNotRecognised, InvalidRequest
from qie_desktop.imaging.embedding import encode, format_for, read_request
from qie_desktop.imaging.opening import open_picture

FORMATS = ["PNG", "JPEG", "WEBP"]
REQUEST = {
    "model": "starter",
    "prompt": "把天空变成\"紫色\" 🎨\n\\ and 'quotes' </x:xmpmeta> \0",
    "negative_prompt": None,
    "inputs": ["Ünï.jpg"],
    "parameters": {"steps": 4, "guidance": 1.5, "go_fast": True},
    "seed": 2**31 - 1,
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_request_is_read_back_from_the_file(kind, mode, ramp, tmp_path):
    path = tmp_path / "result"
    path.write_bytes(encode(ramp(40, 30).convert(mode), kind, REQUEST))
    assert read_request(path) == REQUEST
    assert open_picture(path).info.format == kind


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=40, deadline=None)
@given(request_data=st.dictionaries(st.text(), _JSON, max_size=4))
def test_any_json_is_read_back(kind, request_data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_bytes(encode(Image.new("RGB", (2, 2)), kind, request_data))
    assert read_request(path) == request_data


@pytest.mark.parametrize("kind", FORMATS)
def test_a_lone_surrogate_from_the_command_line_does_no_harm(kind, tmp_path):
    (tmp_path / "x").write_bytes(encode(Image.new("RGB", (2, 2)), kind, {"prompt": "caf\udce9"}))
    assert read_request(tmp_path / "x") == {"prompt": "caf\udce9"}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_longest_prompt_fits(kind, tmp_path):
    """10,000 emoji are 120 kB of ASCII, and a JPEG has room for 64."""
    long = {"prompt": "🎨" * 10_000}
    (tmp_path / "x").write_bytes(encode(Image.new("RGB", (2, 2)), kind, long))
    assert read_request(tmp_path / "x") == long


def test_a_jpeg_without_room_for_the_request_is_still_written(tmp_path):
    huge = {"prompt": "".join(map(chr, random.Random(1).choices(range(0x4E00, 0x9FFF), k=60_000)))}
    (tmp_path / "x").write_bytes(encode(Image.new("RGB", (2, 2)), "JPEG", huge))
    assert read_request(tmp_path / "x") is None
    assert open_picture(tmp_path / "x").rgb.size == (2, 2)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_without_a_request_has_none(kind, tmp_path):
    (tmp_path / "x").write_bytes(encode(Image.new("RGB", (2, 2)), kind, None))
    assert read_request(tmp_path / "x") is None


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_lossless_format_keeps_every_pixel_even_those_not_seen(kind):
    noise = Image.fromarray(np.random.default_rng(5).integers(0, 256, (33, 47, 4), np.uint8))
    with Image.open(io.BytesIO(encode(noise, kind, REQUEST))) as image:
        assert image.convert("RGBA").tobytes() == noise.tobytes()


def test_a_jpeg_is_near_and_without_chroma_subsampling(ramp, difference):
    with Image.open(io.BytesIO(encode(ramp(40, 30), "JPEG", None))) as image:
        assert difference(image.convert("RGB"), ramp(40, 30)) < 1.5
        assert {layer[1:3] for layer in image.layer} == {(1, 1)}


def test_what_is_transparent_is_white_in_a_jpeg():
    with Image.open(io.BytesIO(encode(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "JPEG", None))) as image:
        assert image.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_file_is_tagged_srgb(kind):
    with Image.open(io.BytesIO(encode(Image.new("RGB", (8, 8)), kind, REQUEST))) as image:
        assert image.info["icc_profile"][16:20] == b"RGB "
        assert "sRGB".encode("utf-16-be") in image.info["icc_profile"]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_picture_and_request_give_the_same_bytes(kind, ramp):
    assert encode(ramp(20, 20), kind, REQUEST) == encode(ramp(20, 20), kind, REQUEST)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "HEIF", "AVIF"])
def test_another_programs_picture_has_no_request(kind, ramp, written):
    assert read_request(written(ramp(64, 64), kind)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[1]",
        "null",
        '{"request": {"prompt": "x"}}',
        '{"qwen_image_editor": 1, "request": 3}',
        '{"qwen_image_editor": 1}',
        "[" * 100_000,
        "zlib:",
        "zlib:AAAA",
        "zlib:é",
        "{",
    ],
    ids=range(12),
)
def test_words_of_another_program_are_not_taken_for_a_request(text, written):
    info = PngInfo()
    info.add_itxt("qwen-image-editor", text)
    picture = Image.new("RGB", (2, 2))
    assert read_request(written(picture, "PNG", pnginfo=info)) is None
    for prefix in (b"ASCII\0\0\0", b"UNICODE\0", b""):
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = prefix + text[:2000].encode()
        assert read_request(written(picture, "JPEG", exif=exif)) is None
        assert read_request(written(picture, "WEBP", exif=exif)) is None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_damaged_exif_holds_no_request(kind, written):
    path = written(Image.new("RGB", (2, 2)), kind, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x20")
    assert read_request(path) is None


def test_what_is_no_picture_has_its_own_error(tmp_path):
    (tmp_path / "x.png").write_text("words")
    (tmp_path / "y.png").write_bytes(encode(Image.new("RGB", (2, 2)), "PNG", None)[:20])
    for name, error in {"x.png": ImageNotRecognised, "y.png": ImageDamaged, "z.png": ImageMissing}.items():
        with pytest.raises(error):
            read_request(tmp_path / name)


@pytest.mark.parametrize(("kind", "side"), [("WEBP", 16384), ("JPEG", 65501)])
def test_a_side_too_long_for_the_format_is_named(kind, side):
    with pytest.raises(InvalidRequest, match="px") as caught:
        encode(Image.new("RGB", (side, 1)), kind, None)
    assert caught.value.field == "output"


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("a.b.WebP", "WEBP")]
)
def test_the_suffix_says_the_format(name, kind):
    assert format_for(Path("/folder.gif") / name) == kind


@pytest.mark.parametrize("name", ["a.gif", "a", "a.tiff", ".png", "a.png "])
def test_a_suffix_that_cannot_be_written_is_named(name):
    with pytest.raises(InvalidRequest) as caught:
        format_for(Path(name))
    assert caught.value.field == "output"
    assert ".webp" in caught.value.hint


def test_the_request_in_a_png_can_be_read_by_other_programs(tmp_path):
    (tmp_path / "x.png").write_bytes(encode(Image.new("RGB", (2, 2)), "PNG", REQUEST))
    with Image.open(tmp_path / "x.png") as image:
        assert json.loads(image.text["qwen-image-editor"])["request"] == REQUEST
