"""Colour and alpha: what the pixels of a file mean."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from qie_desktop.imaging.colour import srgb_profile
from qie_desktop.imaging.opening import open_picture


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A minimal ICC 2.4 display profile."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + table + body


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


_WHITE = _xyz(0.9642, 1.0, 0.8249)
DISPLAY_P3 = _profile(
    b"RGB ",
    {
        b"wtpt": _WHITE,
        b"rXYZ": _xyz(0.51512, 0.24120, -0.00105),
        b"gXYZ": _xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": _xyz(0.15710, 0.06657, 0.78407),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma(2.2)),
    },
)
"""The primaries of Display P3, adapted to D50, with a plain gamma of 2.2."""
_SRGB_CURVE = b"para\0\0\0\0\0\x03\0\0" + struct.pack(
    ">5i", *(round(value * 65536) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
ROUNDED_SRGB = _profile(
    b"RGB ",
    {
        b"wtpt": _WHITE,
        b"rXYZ": _xyz(0.43607, 0.22249, 0.01392),
        b"gXYZ": _xyz(0.38515, 0.71687, 0.09708),
        b"bXYZ": _xyz(0.14307, 0.06061, 0.71410),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _SRGB_CURVE),
    },
)
"""sRGB as another program might write it, with its numbers rounded."""
DARK_GREY = _profile(b"GRAY", {b"wtpt": _WHITE, b"kTRC": _gamma(4.0)})


def _pixel(image: Image.Image) -> float | tuple[int, ...]:
    return image.getpixel((0, 0))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "HEIF", "AVIF"])
def test_a_wide_gamut_colour_moves_out_towards_the_edge_of_srgb(kind, written):
    image = Image.new("RGB", (32, 32), (180, 120, 100))
    plain = _pixel(open_picture(written(image, kind, "plain", quality=95)).rgb)
    moved = _pixel(open_picture(written(image, kind, "p3", quality=95, icc_profile=DISPLAY_P3)).rgb)
    # Display P3 (180, 120, 100) is about (191, 118, 96) in sRGB.
    assert np.abs(np.subtract(plain, (180, 120, 100))).max() <= 3
    assert np.abs(np.subtract(moved, (191, 118, 96))).max() <= 4


def test_the_purest_red_of_display_p3_stays_within_srgb(written):
    path = written(Image.new("RGB", (4, 4), (255, 0, 0)), "PNG", icc_profile=DISPLAY_P3)
    assert _pixel(open_picture(path).rgb) == (255, 0, 0)


@pytest.mark.parametrize("profile", [srgb_profile(), ROUNDED_SRGB], ids=["ours", "rounded"])
def test_a_picture_tagged_srgb_keeps_every_pixel(profile, written):
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8))
    path = written(noise, "PNG", icc_profile=profile)
    assert open_picture(path).rgb.tobytes() == noise.tobytes()


def test_the_profile_does_not_travel_on(written):
    path = written(Image.new("RGB", (4, 4)), "PNG", icc_profile=DISPLAY_P3)
    assert open_picture(path).rgb.info == {}


@pytest.mark.parametrize("junk", [b"x", b"not a profile" * 20, DISPLAY_P3[:200], DARK_GREY, bytes(128)])
def test_a_profile_that_does_not_fit_is_left_aside(junk, written):
    path = written(Image.new("RGB", (4, 4), (180, 120, 100)), "PNG", icc_profile=junk)
    assert _pixel(open_picture(path).rgb) == (180, 120, 100)


def test_a_grey_profile_is_followed(written):
    path = written(Image.new("L", (4, 4), 200), "PNG", icc_profile=DARK_GREY)
    # 0.784 to the power 4 is 0.378 of the light, which sRGB writes as 166.
    assert np.abs(np.subtract(_pixel(open_picture(path).rgb), 166)).max() <= 2


def test_a_grey_picture_with_an_rgb_profile_stays_grey(written):
    path = written(Image.new("L", (4, 4), 200), "JPEG", icc_profile=DISPLAY_P3)
    red, green, blue = _pixel(open_picture(path).rgb)
    assert max(red, green, blue) - min(red, green, blue) <= 1


@pytest.mark.parametrize(
    ("ink", "expected"),
    [((0, 0, 0, 0), (255, 255, 255)), ((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0))],
)
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_becomes_rgb(kind, ink, expected, written):
    path = written(Image.new("CMYK", (16, 16), ink), kind)
    assert np.abs(np.subtract(_pixel(open_picture(path).rgb), expected)).max() <= 3


def test_cmyk_with_an_unfitting_profile_becomes_rgb(written):
    path = written(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "TIFF", icc_profile=DISPLAY_P3)
    assert _pixel(open_picture(path).rgb) == (255, 0, 0)


def test_lab_becomes_rgb(written):
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (4, 4), (180, 120, 100)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    path = written(lab, "TIFF")
    assert np.abs(np.subtract(_pixel(open_picture(path).rgb), (180, 120, 100))).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_alpha_is_kept_apart_and_colours_stay_straight(kind, written):
    image = Image.new("RGBA", (16, 16), (200, 100, 50, 128))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {"quality": 95}
    picture = open_picture(written(image, kind, **options))
    assert picture.alpha.mode == "L"
    assert abs(_pixel(picture.alpha) - 128) <= 1
    assert np.abs(np.subtract(_pixel(picture.rgb), (200, 100, 50))).max() <= 4


def test_an_opaque_alpha_channel_is_still_one(written):
    picture = open_picture(written(Image.new("RGBA", (4, 4), (1, 2, 3, 255)), "PNG"))
    assert picture.alpha.getextrema() == (255, 255)
    assert _pixel(picture.rgb) == (1, 2, 3)


def test_what_cannot_be_seen_is_white(written):
    image = Image.new("RGBA", (2, 1), (200, 100, 50, 0))
    image.putpixel((1, 0), (200, 100, 50, 1))
    picture = open_picture(written(image, "PNG"))
    assert [picture.rgb.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (200, 100, 50)]
    assert [picture.alpha.getpixel((x, 0)) for x in (0, 1)] == [0, 1]


def test_grey_with_alpha_is_opened(written):
    picture = open_picture(written(Image.new("LA", (4, 4), (77, 99)), "PNG"))
    assert (_pixel(picture.rgb), _pixel(picture.alpha)) == ((77, 77, 77), 99)


@pytest.mark.parametrize("transparency", [0, bytes((0, 128, 255))])
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_with_transparency_is_opened(kind, transparency, written):
    if kind == "GIF" and isinstance(transparency, bytes):
        transparency = 0
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    for index in range(3):
        image.putpixel((index, 0), index)
    picture = open_picture(written(image, kind, transparency=transparency))
    second = 128 if isinstance(transparency, bytes) else 255
    assert np.asarray(picture.alpha)[0].tolist() == [0, second, 255]
    assert np.asarray(picture.rgb)[0].tolist() == [[255] * 3, [40, 50, 60], [70, 80, 90]]


def test_one_bit_is_black_and_white(written):
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert np.asarray(open_picture(written(image, "PNG")).rgb)[0].tolist() == [[0] * 3, [255] * 3]


@pytest.mark.parametrize(("mode", "value", "other"), [("L", 7, 8), ("I;16", 1799, 1800)])
def test_one_transparent_grey_makes_alpha(mode, value, other, written):
    image = Image.new(mode, (2, 1), other)
    image.putpixel((0, 0), value)
    picture = open_picture(written(image, "PNG", transparency=value))
    assert np.asarray(picture.alpha)[0].tolist() == [0, 255]
    assert np.asarray(picture.rgb)[0, :, 0].tolist() == [255, round(other / 257) if mode == "I;16" else other]


def test_our_srgb_profile_is_the_same_each_time():
    assert srgb_profile() == srgb_profile()
    assert ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())).profile.xcolor_space == "RGB "
