"""Pictures that a cloud model does not take as they are: refused before anything is spent, or scaled."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.cli.conftest import save_picture

PLUS = ("--model", "qwen-image-edit-plus")


@pytest.mark.parametrize("size", [(383, 500), (3073, 2000), (96, 64)])
def test_a_picture_out_of_range_is_refused_before_anything_is_spent(qie, home, server, tmp_path, size):
    photo = save_picture(tmp_path / "photo.png", size)

    refused = qie("edit", photo, "warmer", *PLUS)

    assert refused.exit_code == 2
    assert f"photo.png is {size[0]}×{size[1]} px" in refused.stderr
    assert "--scale" in refused.stderr
    assert not server.requests
    assert not list((home / "jobs").glob("*"))


@pytest.mark.parametrize(("size", "scaled"), [((96, 64), (576, 384)), ((3500, 1750), (3072, 1536))])
def test_with_scale_a_copy_is_sent_and_its_size_comes_back(qie, home, server, tmp_path, size, scaled):
    photo, out = save_picture(tmp_path / "photo.jpg", size), tmp_path / "out.png"
    before = photo.read_bytes()

    done = qie("edit", photo, "warmer", *PLUS, "--scale", "-o", out, "--json")

    assert done.exit_code == 0
    assert (done.json["width"], done.json["height"]) == scaled
    assert f"photo.jpg is sent as a copy scaled to {scaled[0]}×{scaled[1]} px" in done.stderr
    [prediction] = server.created
    stored = home / "jobs" / done.json["job_id"] / "input_1.png"
    assert prediction.contents == (stored.read_bytes(),)
    with Image.open(io.BytesIO(prediction.contents[0])) as sent, Image.open(out) as result:
        assert sent.size == result.size == scaled
    assert photo.read_bytes() == before
    again = qie("jobs", "retry", done.json["job_id"], "--json").json
    assert (again["width"], again["height"]) == scaled


def test_with_scale_what_fits_is_sent_as_it_is(qie, server, tmp_path):
    good = save_picture(tmp_path / "good.jpg", (700, 900))
    small = save_picture(tmp_path / "small.png", (90, 90))

    done = qie("edit", good, small, "both", *PLUS, "--scale", "--json")

    assert (done.json["width"], done.json["height"]) == (700, 900)
    assert "good.jpg" not in done.stderr
    assert "small.png is sent as a copy scaled to 384×384 px" in done.stderr
    assert server.created[0].contents[0] == good.read_bytes()


def test_with_scale_what_is_too_long_is_still_refused(qie, server, tmp_path):
    strip = save_picture(tmp_path / "strip.png", (3200, 100))

    refused = qie("edit", strip, "warmer", *PLUS, "--scale")

    assert refused.exit_code == 2
    assert "No scale" in refused.stderr
    assert not server.requests


@pytest.mark.parametrize(
    ("size", "hinted"), [((400, 400), True), ((1000, 1000), False), ((1600, 1500), True)]
)
def test_a_picture_far_from_the_ideal_comes_with_a_hint(qie, server, tmp_path, size, hinted):
    photo = save_picture(tmp_path / "photo.jpg", size)

    done = qie("edit", photo, "warmer", *PLUS)

    assert done.exit_code == 0
    assert ("megapixel" in done.stderr) is hinted
    assert "megapixel" not in qie("edit", photo, "warmer", "--model", "qwen-image-edit").stderr
