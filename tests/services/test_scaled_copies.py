from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import ImageDamaged, ImageMissing, ImageSizeOutOfRange
from qie_desktop.services.scaled_copies import scaled_copies
from tests.support.pictures import make_photo

if TYPE_CHECKING:
    from pathlib import Path

PLUS = find_model("qwen-image-edit-plus")


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "copies"


def test_what_is_in_range_stays_itself(tmp_path: Path, copies: Path) -> None:
    photos = [make_photo(tmp_path / f"{side}.png", (side, side)) for side in (384, 803)]
    assert scaled_copies(PLUS, photos, copies) == photos
    assert not copies.exists()


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((150, 100), (576, 384)),
        ((100, 700), (384, 2688)),
        ((3500, 1000), (3072, 878)),
        ((383, 383), (384, 384)),
    ],
)
def test_a_copy_is_scaled_by_the_least_that_fits(
    tmp_path: Path, copies: Path, size: tuple[int, int], scaled: tuple[int, int]
) -> None:
    photo = make_photo(tmp_path / "photo.png", size)
    before = photo.read_bytes()
    [copy] = scaled_copies(PLUS, [photo], copies)
    with Image.open(copy) as image, Image.open(photo) as original:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", scaled)
        same = original.resize(scaled, Image.Resampling.LANCZOS)
        assert np.array_equal(np.asarray(image), np.asarray(same))
    assert copy == copies / f"photo-{scaled[0]}x{scaled[1]}.png"
    assert photo.read_bytes() == before


def test_each_picture_has_a_copy_of_its_own(tmp_path: Path, copies: Path) -> None:
    good = make_photo(tmp_path / "good.png", (500, 400))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first = make_photo(tmp_path / "a" / "photo.png", (150, 100))
    second = make_photo(tmp_path / "b" / "photo.png", (300, 200), "RGBA")
    made = scaled_copies(PLUS, [first, good, second, first], copies)
    assert [path.name for path in made] == [
        "photo-576x384.png",
        "good.png",
        "photo-576x384-2.png",
        "photo-576x384.png",
    ]
    # Again into the same folder, as for the next run: what is there is somebody's input.
    [third] = scaled_copies(PLUS, [second], copies)
    assert third.name == "photo-576x384-3.png"


def test_a_copy_is_upright_and_keeps_its_alpha(tmp_path: Path, copies: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = tmp_path / "turned.jpg"
    Image.linear_gradient("L").resize((120, 90)).convert("RGB").save(turned, exif=exif.tobytes())
    clear = make_photo(tmp_path / "clear.png", (90, 90), "RGBA")
    upright, see_through = scaled_copies(PLUS, [turned, clear], copies)
    with Image.open(upright) as image:
        assert image.size == (384, 512)
        assert 0x0112 not in image.getexif()
    with Image.open(see_through) as image:
        assert (image.mode, image.size) == ("RGBA", (384, 384))
        assert image.getchannel("A").getextrema()[0] < 30


def test_what_no_scale_brings_into_range_is_named_and_nothing_is_made(tmp_path: Path, copies: Path) -> None:
    small = make_photo(tmp_path / "small.png", (150, 100))
    strip = make_photo(tmp_path / "strip.png", (3200, 200))
    with pytest.raises(ImageSizeOutOfRange, match=r"strip\.png is 3200×200 px") as caught:
        scaled_copies(PLUS, [small, strip], copies)
    assert "No scale" in caught.value.message
    assert "--scale" not in caught.value.hint
    assert not copies.exists()


def test_what_is_no_whole_picture_is_named(tmp_path: Path, copies: Path) -> None:
    with pytest.raises(ImageMissing, match=r"none\.png"):
        scaled_copies(PLUS, [tmp_path / "none.png"], copies)
    cut = make_photo(tmp_path / "cut.png", (100, 100))
    cut.write_bytes(cut.read_bytes()[:-40])
    with pytest.raises(ImageDamaged, match=r"cut\.png"):
        scaled_copies(PLUS, [cut], copies)
    assert not copies.exists()
