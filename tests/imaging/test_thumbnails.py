"""Thumbnails."""

from __future__ import annotations

import io

import pytest
from PIL import ExifTags, Image

from qie_desktop.core.errors import ImageDamaged, ImageNotRecognised
from qie_desktop.imaging.thumbnails import draft_thumbnail, make_thumbnail


def _read(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "WEBP"
        image.load()
        return image


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1600, 1200), (512, 384)), ((300, 900), (171, 512)), ((512, 512), (512, 512)), ((40, 30), (40, 30)),
     ((8000, 64), (512, 4)), ((4000, 1), (512, 1))],
)  # fmt: skip
def test_a_thumbnail_keeps_the_aspect_and_is_never_enlarged(size, expected, ramp):
    assert _read(make_thumbnail(ramp(*size))).size == expected


def test_a_thumbnail_looks_like_the_picture(ramp, difference):
    thumbnail = _read(make_thumbnail(ramp(900, 700), side_px=90)).convert("RGB")
    assert difference(thumbnail, ramp(90, 70)) < 5


def test_a_thumbnail_keeps_alpha(ramp):
    picture = ramp(200, 100)
    picture.putalpha(Image.linear_gradient("L").resize((200, 100)))
    thumbnail = _read(make_thumbnail(picture, side_px=50))
    assert thumbnail.mode == "RGBA"
    low, high = thumbnail.getchannel("A").getextrema()
    assert (low < 20, high > 235) == (True, True)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF", "BMP"])
def test_a_thumbnail_is_drawn_straight_from_any_file(kind, ramp, written, difference):
    thumbnail = _read(draft_thumbnail(written(ramp(640, 480), kind), 64))
    assert thumbnail.size == (64, 48)
    assert difference(thumbnail.convert("RGB"), ramp(64, 48)) < 6


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "HEIF"])
def test_a_thumbnail_from_a_file_is_upright(kind, ramp, written, difference):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stored = ramp(480, 640).transpose(Image.Transpose.ROTATE_90)
    thumbnail = _read(draft_thumbnail(written(stored, kind, exif=exif.tobytes()), 64))
    assert thumbnail.size == (48, 64)
    assert difference(thumbnail.convert("RGB"), ramp(48, 64)) < 6


def test_a_thumbnail_from_a_file_keeps_alpha(written):
    thumbnail = _read(draft_thumbnail(written(Image.new("RGBA", (99, 99), (9, 9, 9, 128)), "PNG"), 10))
    assert thumbnail.mode == "RGBA"


def test_no_thumbnail_comes_of_what_cannot_be_opened(ramp, written, tmp_path):
    path = written(ramp(640, 480), "JPEG")
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(ImageDamaged):
        draft_thumbnail(path)
    (tmp_path / "words.jpg").write_text("words")
    with pytest.raises(ImageNotRecognised):
        draft_thumbnail(tmp_path / "words.jpg")
