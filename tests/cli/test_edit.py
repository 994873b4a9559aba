"""`qie edit` from a file to a file, with the starter model."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from qie_desktop.imaging.embedding import read_request
from tests.cli.conftest import save_picture


@pytest.fixture(autouse=True, scope="module")
def _heif_can_be_written():
    register_heif_opener()


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.jpg", "RGB"), ("a.jpg", "CMYK"), ("a.png", "RGBA"), ("a.png", "P"),
        ("a.webp", "RGB"), ("a.avif", "RGB"), ("a.heic", "RGB"), ("a.tiff", "L"),
        ("a.gif", "P"), ("a.bmp", "RGB"),
    ],
)  # fmt: skip
def test_a_picture_of_any_format_comes_back_at_its_size(qie, tmp_path, name, mode):
    photo = save_picture(tmp_path / name, (100, 76), mode)
    out = tmp_path / "out.png"

    done = qie("edit", photo, "make it black and white", "-o", out, "--steps", 1, "--json")

    assert done.exit_code == 0
    assert (done.json["width"], done.json["height"]) == (100, 76)
    with Image.open(out) as picture:
        assert picture.size == (100, 76)
        assert ("A" in picture.mode) is (mode == "RGBA")


@pytest.mark.parametrize(
    "size", [(64, 64), (65, 131), (1200, 800), pytest.param((4000, 3000), marks=pytest.mark.slow), (64, 1500)]
)
def test_a_picture_of_any_size_comes_back_at_its_size(qie, tmp_path, size):
    photo = save_picture(tmp_path / "photo.jpg", size)
    out = tmp_path / "out.png"

    done = qie("edit", photo, "sepia", "-o", out, "--steps", 1, "--json")

    assert done.exit_code == 0
    with Image.open(out) as picture:
        assert picture.size == size


def test_a_portrait_turned_by_exif_comes_back_upright(qie, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = save_picture(tmp_path / "photo.jpg", (160, 96), exif=exif.tobytes())
    out = tmp_path / "out.png"

    done = qie("edit", photo, "make it black and white", "-o", out, "--json")

    with Image.open(photo) as stored, Image.open(out) as picture:
        assert (stored.size, picture.size) == ((160, 96), (96, 160))
        assert 0x0112 not in picture.getexif()
        # Green grows from top to bottom as stored, so from right to left when upright: so must the grey.
        grey = np.asarray(picture.convert("L"), dtype=float)
    assert done.json["width"] == 96
    assert grey[:, :20].mean() > grey[:, -20:].mean() + 20


def test_the_json_says_what_the_design_says(qie, photo, tmp_path):
    out = tmp_path / "out.png"

    said = qie("edit", photo, "sepia", "-o", out, "--seed", 7, "--json").json

    assert list(said) == [
        "job_id", "state", "model", "outputs", "width", "height", "seed", "seconds", "cost_usd", "error",
    ]  # fmt: skip
    assert (said["state"], said["model"], said["seed"]) == ("succeeded", "starter", 7)
    assert said["outputs"] == [str(out)]
    assert said["seconds"] > 0
    assert said["error"] is None


def test_the_request_is_read_back_from_every_kind_of_output(qie, photo, tmp_path):
    for suffix in ("png", "jpg", "webp"):
        out = tmp_path / f"out.{suffix}"
        assert qie("edit", photo, "夜 “night”", "-o", out, "--seed", 3, "--steps", 1).exit_code == 0
        said = read_request(out)
        assert (said["prompt"], said["model"], said["seed"]) == ("夜 “night”", "starter", 3)
        assert str(photo.parent) not in json.dumps(said)


def test_progress_goes_to_stderr_and_the_path_to_stdout(qie, photo, tmp_path):
    done = qie("edit", photo, "sepia", "-o", tmp_path / "out.png")

    assert done.stdout.splitlines()[0] == str(tmp_path / "out.png")
    assert "Denoising 1 of 1" in done.stderr
    assert qie("edit", photo, "sepia", "--quiet").stderr == ""


def test_the_same_seed_gives_the_same_picture(qie, photo, tmp_path):
    for name in ("a.png", "b.png"):
        qie("edit", photo, "sepia", "-o", tmp_path / name, "--seed", 5)

    with Image.open(tmp_path / "a.png") as a, Image.open(tmp_path / "b.png") as b:
        assert a.tobytes() == b.tobytes()


def test_the_own_bytes_are_kept_untouched(qie, home, photo):
    job = qie("edit", photo, "sepia", "--steps", 1, "--json").json["job_id"]

    assert (home / "jobs" / job / "input_1.jpg").read_bytes() == photo.read_bytes()


def test_a_folder_as_output_takes_the_picture_under_its_jobs_name(qie, photo, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()

    said = qie("edit", photo, "sepia", "-o", folder, "--steps", 1, "--json").json

    assert [path.name for path in folder.iterdir()] == [f"{said['job_id']}_1.png"]


def test_the_model_used_last_is_taken_next(qie, photo):
    assert qie("config", "get", "general.last_model").stdout.strip() == ""
    qie("edit", photo, "sepia", "--steps", 1)
    assert qie("config", "get", "general.last_model").stdout.strip() == "starter"


def test_alpha_comes_back_as_it_was(qie, tmp_path):
    photo = save_picture(tmp_path / "photo.png", (90, 70), "RGBA")
    with Image.open(photo) as picture:
        alpha = Image.linear_gradient("L").resize((90, 70))
        picture.putalpha(alpha)
        picture.save(photo)

    qie("edit", photo, "sepia", "-o", tmp_path / "out.png", "--steps", 1)

    with Image.open(tmp_path / "out.png") as result:
        assert result.getchannel("A").tobytes() == alpha.tobytes()


def test_what_is_written_elsewhere_counts_as_saved(qie, tmp_path):
    photo = save_picture(tmp_path / "photo.jpg", (100, 76))
    qie("config", "set", "general.keep_jobs", "until-saved")
    kept = qie("edit", photo, "sepia", "--steps", 1, "--json").json["job_id"]
    saved = qie("edit", photo, "sepia", "--steps", 1, "--json", "-o", tmp_path / "out.webp").json["job_id"]

    assert qie("cleanup", "--expired", "--yes").exit_code == 0

    left = [job["job_id"] for job in qie("jobs", "list", "--json").json]
    assert kept in left
    assert saved not in left
