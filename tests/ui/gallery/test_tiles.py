from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from qie_desktop.core.errors import ImageDamaged, ImageMissing, ImageNotRecognised
from qie_desktop.ui.gallery.tile_decoding import decode_scaled, decode_tile


def striped(path: Path, size: tuple[int, int]) -> Path:
    """Red, green and blue thirds from left to right."""
    image = Image.new("RGB", size, (0, 255, 0))
    image.paste((255, 0, 0), (0, 0, size[0] // 3, size[1]))
    image.paste((0, 0, 255), (size[0] - size[0] // 3, 0, size[0], size[1]))
    image.save(path)
    return path


def test_a_tile_is_filled_from_the_middle_of_the_picture_with_round_corners(tmp_path: Path) -> None:
    tile = decode_tile(striped(tmp_path / "a.png", (300, 150)), 90, 12)
    assert (tile.width(), tile.height()) == (90, 90)
    assert tile.pixelColor(45, 45).green() > 250
    assert tile.pixelColor(2, 45).red() > 200
    assert tile.pixelColor(87, 45).blue() > 200
    assert tile.pixelColor(0, 0).alpha() == 0
    assert tile.pixelColor(45, 0).alpha() == 255


@pytest.mark.parametrize("size", [(900, 100), (100, 900)])
def test_a_very_long_picture_is_whole_on_its_tile(tmp_path: Path, size: tuple[int, int]) -> None:
    tile = decode_tile(striped(tmp_path / "a.png", size), 90, 4)
    across = [tile.pixelColor(at, 45).alpha() for at in (0, 45, 89)]
    down = [tile.pixelColor(45, at).alpha() for at in (0, 45, 89)]
    assert (across, down) == (([255] * 3, [0, 255, 0]) if size[0] > size[1] else ([0, 255, 0], [255] * 3))


def test_a_picture_that_qt_cannot_read_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    import pillow_heif

    pillow_heif.from_pillow(Image.new("RGB", (80, 60), (200, 30, 30))).save(path)
    image = decode_scaled(path, 40)
    assert (image.width(), image.height()) == (40, 30)
    assert image.pixelColor(20, 15).red() > 180


def test_a_turned_photo_is_upright(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 40), (10, 20, 30)).save(path, exif=exif)
    image = decode_scaled(path, 40)
    assert (image.width(), image.height()) == (20, 40)


def test_what_is_no_picture_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(striped(tmp_path / "a.png", (300, 300)).read_bytes()[:100])
    with pytest.raises(ImageNotRecognised):
        decode_tile(tmp_path / "text.png", 90, 4)
    with pytest.raises(ImageDamaged):
        decode_tile(tmp_path / "cut.png", 90, 4)
    with pytest.raises(ImageMissing):
        decode_tile(tmp_path / "none.png", 90, 4)
