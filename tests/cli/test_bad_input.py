"""Whatever is asked wrongly: exit 2, a message that names it, no traceback, and earlier jobs as they were."""

from __future__ import annotations

import hashlib
import shutil
import zlib

import pytest
from gguf import GGUFWriter
from PIL import Image
from typer.testing import CliRunner

from qie_desktop.cli.main import app
from tests.cli.conftest import save_picture


def cut_off(path):
    data = save_picture(path, (300, 200)).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def text_as_png(path):
    path.write_text("just some words")
    return path


def empty(path):
    path.touch()
    return path


def bomb(path):
    """A PNG of 60,000 × 60,000 pixels in a few kilobytes."""

    def chunk(name, data):
        body = name + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = (60_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def damaged(path):
    data = bytearray(save_picture(path, (120, 90)).read_bytes())
    data[60:400] = bytes(340)
    path.write_bytes(data)
    return path


def of_size(size):
    return lambda path: save_picture(path, size)


FILES = [
    ("missing.png", lambda path: path, "missing.png"),
    ("empty.png", empty, "empty.png"),
    ("words.png", text_as_png, "words.png"),
    ("cut.png", cut_off, "cut.png"),
    ("cut.jpg", cut_off, "cut.jpg"),
    ("damaged.png", damaged, "damaged.png"),
    ("bomb.png", bomb, "bomb.png"),
    ("narrow.png", of_size((63, 400)), "63×400"),
    ("wide.png", of_size((8001, 64)), "8001×64"),
    ("folder", lambda path: path.mkdir() or path, "folder"),
]
"""What a file is called, how it is made, and what the message must name."""

WORDS = [
    (["   "], "prompt"),
    (["x" * 10_001], "10,001"),
    (["warm", "--model", "sarter"], "starter"),
    (["warm", "--set", "colour=red"], "colour"),
    (["warm", "--set", "steps"], "steps"),
    (["warm", "--steps", "0"], "steps"),
    (["warm", "--steps", "many"], "steps"),
    (["warm", "--steps", "2.5"], "steps"),
    (["warm", "--seed", "-1"], "seed"),
    (["warm", "--seed", "99999999999"], "seed"),
    (["warm", "--aspect-ratio", "16:9"], "aspect_ratio"),
    (["warm", "--count", "3"], "count"),
    (["warm", "--model", "qwen-image-edit-2509-gguf", "--set", "quality=best"], "quality"),
    (["warm", "--model", "qwen-image-edit-2509-gguf", "--set", "combine=references"], "combine"),
    (["warm", "--model", "seedream-4", "--set", "width=2000"], "width"),
    (["warm", "--model", "hunyuan-image-3"], "images"),
    (["warm", "-o", "no-such-folder/out.png"], "no-such-folder"),
    (["warm", "--checkpoint", "no-such-folder", "--gguf", "x.gguf"], "no-such-folder"),
    (["warm", "-o", "out.xyz"], "xyz"),
]
"""What is typed after a good picture, and what the message must name."""


def everything_in(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.parent != folder and path.parent.name != "logs"
    }


@pytest.fixture(scope="module")
def a_job(tmp_path_factory):
    """A data folder with one finished job."""
    folder = tmp_path_factory.mktemp("earlier")
    photo = save_picture(folder / "photo.jpg", (96, 64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QIE_HOME", str(folder / "home"))
        words = ["edit", str(photo), "sepia", "--steps", "1", "--model", "starter"]
        assert CliRunner().invoke(app, words).exit_code == 0
    return folder / "home"


@pytest.fixture
def earlier(home, a_job):
    """A job that was there before, and every byte of it."""
    shutil.copytree(a_job, home)
    return everything_in(home)


def check_refused(refused, named, home, earlier):
    assert refused.exit_code == 2
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr + refused.stdout
    message, *hint = refused.stderr.strip().splitlines()
    assert message.startswith("Error: ")
    assert hint, "it says what to do"
    assert everything_in(home) == earlier


@pytest.mark.parametrize(("name", "make", "named"), FILES, ids=[name for name, _, _ in FILES])
def test_a_bad_file_is_named(qie, home, tmp_path, earlier, name, make, named):
    refused = qie("edit", make(tmp_path / name), "warmer")

    check_refused(refused, named, home, earlier)


@pytest.mark.parametrize(("words", "named"), WORDS, ids=[" ".join(words)[:40] for words, _ in WORDS])
def test_a_bad_wish_is_named(qie, home, photo, earlier, words, named):
    refused = qie("edit", photo, *words)

    check_refused(refused, named, home, earlier)


def test_too_many_pictures_are_refused(qie, home, photo, earlier):
    check_refused(qie("edit", photo, photo, "warmer"), "2 given", home, earlier)


def test_a_prompt_without_a_picture_is_refused(qie, home, earlier):
    check_refused(qie("edit", "warmer"), "0 given", home, earlier)


def test_a_forgotten_prompt_is_named(qie, home, photo, earlier):
    check_refused(qie("edit", photo), "prompt is missing", home, earlier)


def test_two_pictures_that_make_too_large_a_canvas_are_refused(qie, home, tmp_path, tiny, tiny_gguf, earlier):
    wide, tall = save_picture(tmp_path / "a.png", (8000, 64)), save_picture(tmp_path / "b.png", (64, 8000))
    weights = ("--checkpoint", tiny, "--gguf", tiny_gguf)

    check_refused(qie("edit", wide, tall, "join", *weights, "--set", "quality=full"), "canvas", home, earlier)


def test_the_input_is_never_overwritten(qie, home, photo, earlier):
    before = photo.read_bytes()

    check_refused(qie("edit", photo, "warmer", "-o", photo), "overwritten", home, earlier)

    assert photo.read_bytes() == before


def test_an_unknown_option_is_a_usage_error(qie, photo):
    assert qie("edit", photo, "warmer", "--strength", "2").exit_code == 2


def test_a_refusal_is_json_too(qie, tmp_path):
    refused = qie("edit", empty(tmp_path / "empty.png"), "warmer", "--json")

    assert refused.exit_code == 2
    said = refused.json
    assert (said["state"], said["job_id"], said["outputs"]) == ("failed", None, [])
    assert said["error"]["code"] == "image_empty"
    assert "empty.png" in said["error"]["message"]


def test_a_damaged_checkpoint_is_a_failure_that_is_told(qie, home, photo, tmp_path):
    (tmp_path / "nonsense.gguf").write_bytes(b"GGUF" + bytes(500))

    weights = ("--checkpoint", tmp_path, "--gguf", tmp_path / "nonsense.gguf")
    failed = qie("edit", photo, "warmer", *weights, "--set", "quality=full")

    assert failed.exit_code == 1
    assert "model_index" not in failed.stderr
    assert "Missing: transformer/config.json" in failed.stderr
    assert not (home / "jobs").exists()


def test_weights_of_another_model_are_found_before_there_is_a_job(qie, home, photo, tmp_path, tiny):
    other = tmp_path / "other.gguf"
    writer = GGUFWriter(other, "llama")
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        step()
    writer.close()

    failed = qie("edit", photo, "warmer", "--checkpoint", tiny, "--gguf", other, "--set", "quality=full")

    assert failed.exit_code == 1
    assert "llama" in failed.stderr
    assert not (home / "jobs").exists()


def test_a_picture_that_cannot_be_put_where_it_was_wanted_is_not_lost(qie, photo, tmp_path):
    """`/proc` takes no files, though it says that it can be written to."""
    failed = qie("edit", photo, "sepia", "--steps", 1, "-o", "/proc/out.png", "--json")

    assert failed.exit_code == 1
    said = failed.json
    assert said["state"] == "succeeded"
    assert said["error"]["code"] == "storage_failed"
    with Image.open(said["outputs"][0]) as picture:
        assert picture.size == (96, 64)


def test_a_transparent_gif_of_one_frame_is_no_bad_input(qie, tmp_path):
    path = tmp_path / "a.gif"
    Image.new("P", (80, 80), 0).save(path, transparency=0)

    assert qie("edit", path, "warmer", "--steps", 1).exit_code == 0
