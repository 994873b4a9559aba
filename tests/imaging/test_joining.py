"""Joining pictures side by side."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from qie_desktop.core.errors import ImageTooLarge
from qie_desktop.core.geometry import Size
from qie_desktop.imaging.joining import join_side_by_side
from qie_desktop.imaging.opening import Picture, PictureInfo


def _picture(rgb: Image.Image, alpha: Image.Image | None = None) -> Picture:
    return Picture(rgb, alpha, PictureInfo(Size(*rgb.size), "PNG", 1, sendable=True))


def test_the_tallest_keeps_its_pixels_and_the_other_is_enlarged(ramp, difference):
    tall, low = ramp(60, 90), ramp(40, 30)
    joined = join_side_by_side([_picture(tall), _picture(low)])
    assert joined.rgb.size == joined.info.size == (60 + 120, 90)
    assert joined.alpha is None
    assert joined.rgb.crop((0, 0, 60, 90)).tobytes() == tall.tobytes()
    assert difference(joined.rgb.crop((60, 0, 180, 90)), ramp(120, 90)) < 2


def test_pictures_of_one_height_are_only_put_next_to_each_other(ramp):
    one, two = ramp(31, 50), Image.effect_noise((77, 50), 60).convert("RGB")
    joined = join_side_by_side([_picture(one), _picture(two)]).rgb
    assert joined.crop((0, 0, 31, 50)).tobytes() == one.tobytes()
    assert joined.crop((31, 0, 108, 50)).tobytes() == two.tobytes()


def test_one_picture_stays_as_it_is(ramp):
    assert join_side_by_side([_picture(ramp(20, 30))]).rgb.tobytes() == ramp(20, 30).tobytes()


def test_the_canvas_has_alpha_where_one_picture_has(ramp):
    clear = Image.linear_gradient("L").resize((20, 30))
    joined = join_side_by_side([_picture(ramp(20, 30), clear), _picture(ramp(20, 15))])
    alpha = np.asarray(joined.alpha)
    assert np.array_equal(alpha[:, :20], np.asarray(clear))
    assert (alpha[:, 20:] == 255).all()


def test_what_is_transparent_does_not_shine_through_when_enlarged():
    """A black disc on transparent white keeps black edges."""
    alpha = Image.new("L", (20, 20), 0)
    alpha.paste(255, (5, 5, 15, 15))
    rgb = Image.new("RGB", (20, 20), "white")
    rgb.paste("black", (5, 5, 15, 15))
    joined = join_side_by_side([_picture(Image.new("RGB", (10, 80))), _picture(rgb, alpha)])
    seen = np.asarray(joined.rgb)[np.asarray(joined.alpha) > 8]
    assert seen.max() <= 16
    assert (np.asarray(joined.rgb)[np.asarray(joined.alpha) == 0] == 255).all()


def test_a_strip_that_would_become_enormous_is_refused():
    """64 px high beside 8000 px: it would be a million pixels wide."""
    strip, tower = Image.new("RGB", (8000, 64)), Image.new("RGB", (64, 8000))
    with pytest.raises(ImageTooLarge) as caught:
        join_side_by_side([_picture(strip), _picture(tower)])
    assert caught.value.field == "images"


def test_joining_nothing_is_an_error():
    with pytest.raises(ValueError, match="nothing"):
        join_side_by_side([])
