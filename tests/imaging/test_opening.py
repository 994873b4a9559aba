"""Opening good files: every format, every way up, every depth."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from qie_desktop.core.geometry import Size
from qie_desktop.imaging.opening import open_picture, open_reduced, probe

SIZES = [(1, 1), (3, 2), (64, 65), (101, 37), (37, 203)]
LOSSLESS = {
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},
    "TIFF": {},
    "BMP": {},
}
LOSSY = {"JPEG": {"quality": 95, "subsampling": 0}, "AVIF": {"quality": 95}, "HEIF": {"quality": 95}}
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is stored under each EXIF orientation."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_lossless_format_gives_back_every_pixel(kind, size, ramp, written):
    path = written(ramp(*size), kind, **LOSSLESS[kind])
    picture = open_picture(path)
    assert picture.rgb.mode == "RGB"
    assert picture.rgb.tobytes() == ramp(*size).tobytes()
    assert picture.alpha is None
    assert (picture.info.size, picture.info.format) == (Size(*size), kind)
    assert picture.info.byte_count == path.stat().st_size


@pytest.mark.parametrize("size", SIZES[2:])
@pytest.mark.parametrize("kind", LOSSY)
def test_a_lossy_format_gives_back_nearly_every_pixel(kind, size, ramp, written, difference):
    path = written(ramp(*size), kind, **LOSSY[kind])
    picture = open_picture(path)
    assert difference(picture.rgb, ramp(*size)) < 3
    assert (picture.info.size, picture.info.format) == (Size(*size), kind)


def test_the_first_frame_of_a_gif_is_opened(ramp, written):
    first = ramp(31, 17).quantize(64)
    path = written(first, "GIF", save_all=True, append_images=[Image.new("RGB", (31, 17))])
    assert open_picture(path).rgb.tobytes() == first.convert("RGB").tobytes()


@pytest.mark.parametrize("kind", [*LOSSLESS, *LOSSY, "GIF"])
def test_probe_tells_the_same_as_opening(kind, ramp, written):
    path = written(ramp(45, 67), kind)
    assert probe(path) == open_picture(path).info


def test_probe_reads_no_pixels(ramp, written):
    path = written(ramp(400, 300), "PNG")
    path.write_bytes(path.read_bytes()[:200])
    assert probe(path).size == (400, 300)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", LOSSY["JPEG"]),
        ("PNG", {}),
        ("WEBP", LOSSLESS["WEBP"]),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("HEIF", LOSSY["HEIF"]),
        ("AVIF", LOSSY["AVIF"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())) or "plain",
)
def test_a_picture_comes_upright(kind, options, orientation, ramp, written, difference):
    upright, turn = ramp(96, 41), TURNS[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = written(stored, kind, exif=exif.tobytes(), **options)

    picture = open_picture(path)

    assert picture.info.size == picture.rgb.size == (96, 41)
    assert difference(picture.rgb, upright) < 3
    assert probe(path).size == (96, 41)
    reduced = open_reduced(path, 24).rgb
    assert difference(reduced, upright.resize(reduced.size)) < 6


def test_a_heic_picture_is_turned_by_its_container_alone(ramp, written):
    """EXIF in a HEIC file repeats what the container says: it must not turn the picture again."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = written(ramp(96, 41), "HEIF", "turned.heic", exif=exif.tobytes())
    told = written(ramp(96, 41), "HEIF", "told.heic", exif=exif)  # pillow-heif writes EXIF alone here
    assert open_picture(turned).rgb.size == probe(turned).size == (41, 96)
    assert open_picture(told).rgb.size == probe(told).size == (96, 41)


def test_the_orientation_in_our_table_is_pillows(ramp, written):
    """The table above is what the tests trust: check it against Pillow's own exif_transpose."""
    for orientation, turn in TURNS.items():
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        stored = ramp(9, 5) if turn is None else ramp(9, 5).transpose(turn)
        with Image.open(written(stored, "PNG", exif=exif)) as image:
            assert ImageOps.exif_transpose(image).tobytes() == ramp(9, 5).tobytes()


def test_exif_after_the_pixels_of_a_png_turns_it(ramp, written):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = written(ramp(9, 5), "PNG", exif=exif)
    data = path.read_bytes()
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4])
    last = data.index(b"IEND") - 4
    path.write_bytes(data[:start] + data[end:last] + data[start:end] + data[last:])
    assert probe(path).size == open_picture(path).rgb.size == (5, 9)
    assert not probe(path).sendable


@pytest.mark.parametrize(
    "junk", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\0\x20", b"Exif\0\0" + bytes(range(256))]
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_is_left_aside(junk, ramp, written):
    path = written(ramp(9, 5), "JPEG", exif=junk)
    assert open_picture(path).info.size == (9, 5)


@pytest.mark.parametrize(
    ("kind", "mode", "options", "sendable"),
    [
        ("JPEG", "RGB", {}, True),
        ("JPEG", "L", {}, True),
        ("JPEG", "CMYK", {}, False),
        ("PNG", "RGB", {}, True),
        ("PNG", "RGBA", {}, True),
        ("PNG", "P", {}, True),
        ("PNG", "1", {}, True),
        ("PNG", "I;16", {}, False),
        ("WEBP", "RGB", {}, True),
        ("WEBP", "RGBA", {}, True),
        ("TIFF", "RGB", {}, False),
        ("BMP", "RGB", {}, False),
        ("GIF", "P", {}, False),
        ("HEIF", "RGB", {}, False),
        ("AVIF", "RGB", {}, False),
        ("PNG", "RGB", {"save_all": True, "append_images": [Image.new("RGB", (20, 30), "red")]}, False),
        ("WEBP", "RGB", {"save_all": True, "append_images": [Image.new("RGB", (20, 30), "red")]}, False),
    ],
)
def test_what_can_be_sent_as_it_is(kind, mode, options, sendable, written):
    assert probe(written(Image.new(mode, (20, 30)), kind, **options)).sendable is sendable


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_picture_cannot_be_sent_as_it_is(kind, ramp, written):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    assert not probe(written(ramp(20, 30), kind, exif=exif)).sendable


def test_a_phone_picture_with_more_pictures_behind_it_is_a_jpeg(ramp, written, difference):
    path = written(ramp(40, 30), "MPO", "phone.jpg", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    picture = open_picture(path)
    assert (picture.info.format, picture.info.sendable) == ("JPEG", True)
    assert difference(picture.rgb, ramp(40, 30)) < 5


def test_the_name_does_not_decide_the_format(ramp, written):
    assert probe(written(ramp(20, 30), "PNG", "holiday.jpg")).format == "PNG"


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_scaled_not_clipped(kind, mode, tmp_path):
    values = np.array([[0, 128, 129, 257, 1000, 32767, 32768, 65407, 65535]], np.uint16)
    stored = Image.frombytes(mode, (9, 1), values.astype(">u2" if mode.endswith("B") else "<u2").tobytes())
    path = tmp_path / "grey"
    stored.save(path, kind)
    picture = open_picture(path)
    expected = np.rint(values / 257).astype(np.uint8)
    assert np.array_equal(np.asarray(picture.rgb), np.repeat(expected[..., None], 3, -1))


def test_16_bits_kept_in_32_are_scaled(tmp_path):
    Image.fromarray(np.array([[0, 257, 32768, 65535]], np.int32)).save(tmp_path / "i.tif")
    assert np.asarray(open_picture(tmp_path / "i.tif").rgb)[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_a_tiff_of_floats_runs_from_black_to_white(white, tmp_path):
    values = np.array([[0.0, 0.25, 0.5, 1.0]], np.float32) * white
    Image.fromarray(values).save(tmp_path / "f.tif")
    assert np.asarray(open_picture(tmp_path / "f.tif").rgb)[0, :, 0].tolist() == [0, 64, 128, 255]


def test_floats_that_are_no_numbers_are_black(tmp_path):
    Image.fromarray(np.array([[np.nan, np.inf, -np.inf, -2.0, 1.0]], np.float32)).save(tmp_path / "f.tif")
    assert np.asarray(open_picture(tmp_path / "f.tif").rgb)[0, :, 0].tolist() == [0, 0, 0, 0, 255]


def test_rgb_of_16_bits_keeps_its_high_bits(tmp_path):
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    row = b"\0" + struct.pack(">6H", 0, 0x8000, 0xFFFF, 0x1234, 0x7FFF, 0x00FF)
    path = tmp_path / "deep.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )
    picture = open_picture(path)
    exact = np.array([[[0, 0x8000, 0xFFFF], [0x1234, 0x7FFF, 0x00FF]]]) / 257
    assert np.abs(np.asarray(picture.rgb) - exact).max() <= 1
    assert not picture.info.sendable


def test_a_jpeg_is_decoded_small_for_a_small_look(ramp, written):
    picture = open_reduced(written(ramp(1600, 1200), "JPEG"), 200)
    assert picture.rgb.size == (200, 150)
    assert picture.info.size == (1600, 1200)
