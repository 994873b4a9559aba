"""`qie edit` with the compact text encoder, from settings and from options."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from tests.cli.conftest import save_picture
from tests.support.hub_server import HubServer, model_repositories
from tests.support.tiny_text_encoder import write_text_encoder

MODEL = ("--model", "qwen-image-edit-2509-gguf", "--set", "quality=full", "--steps", 2, "--seed", 3)


@pytest.fixture
def edit(qie, tmp_path, tiny, tiny_gguf):
    """Edits a picture with the tiny checkpoint; returns the picture and the job."""
    photos = [save_picture(tmp_path / name, (96, 64)) for name in ("a.jpg", "b.jpg")]

    def edit(name: str, *words: object):
        out = tmp_path / f"{name}.png"
        own = ("--checkpoint", tiny, "--gguf", tiny_gguf)
        done = qie("edit", *photos, "make it warmer", *MODEL, *own, *words, "-o", out, "--json")
        assert done.exit_code == 0, done.stderr
        with Image.open(out) as picture:
            return np.asarray(picture.convert("RGB")).astype(int), done.json

    return edit


def test_it_makes_nearly_the_same_picture_as_the_full_one(edit, qie, tiny, tmp_path):
    files = {each: write_text_encoder(tiny, tmp_path / "own", each) for each in ("F32", "Q8_0", "Q4_0")}
    full, _ = edit("full")

    def off(quantisation: str) -> float:
        language, vision = files[quantisation]
        options = ("--text-encoder-gguf", language, "--text-encoder-mmproj", vision)
        return float(np.abs(edit(quantisation, *options)[0] - full).max())

    assert full.std() > 10
    assert off("F32") <= 1
    assert 0 < off("Q8_0") <= 16
    assert off("Q4_0") > off("Q8_0"), "it is the compact one that reads the prompt"


def test_the_settings_name_it_and_a_retry_takes_it_again(edit, qie, tiny, tmp_path, home):
    language, vision = write_text_encoder(tiny, tmp_path / "own", "Q8_0")
    assert qie("config", "set", "local.text_encoder_gguf", language).exit_code == 0
    assert qie("config", "set", "local.text_encoder_mmproj", vision).exit_code == 0
    first, made = edit("first")
    assert qie("config", "set", "local.text_encoder", "full").exit_code == 0

    again = qie("jobs", "retry", made["job_id"], "-o", tmp_path / "again.png", "--json")

    assert str(language) in (home / "jobs" / made["job_id"] / "metadata.json").read_text()
    assert again.exit_code == 0
    with Image.open(tmp_path / "again.png") as picture:
        assert np.array_equal(np.asarray(picture.convert("RGB")), first)
    other, _ = edit("other")
    assert not np.array_equal(other, first)


def test_a_file_that_is_something_else_is_refused_before_a_job(edit, qie, tiny, tiny_gguf, tmp_path):
    _, vision = write_text_encoder(tiny, tmp_path / "own", "Q8_0")
    photo = save_picture(tmp_path / "c.jpg", (96, 64))
    own = ("--checkpoint", tiny, "--gguf", tiny_gguf, "--text-encoder-gguf", tiny_gguf)

    done = qie("edit", photo, "warmer", *MODEL, *own, "--text-encoder-mmproj", vision, "--json")

    assert done.json["error"]["code"] == "checkpoint_mismatch"
    assert "qwen_image, not qwen2vl" in done.json["error"]["message"]
    assert qie("jobs", "list", "--json").json == []
    missing = qie("edit", photo, "warmer", *MODEL, "--text-encoder-gguf", tmp_path / "none.gguf")
    assert missing.exit_code == 2
    assert "--text-encoder-gguf" in missing.stderr


def test_downloaded_with_the_compact_one_it_edits(qie, monkeypatch, tiny, tiny_gguf, tmp_path, home):
    form = next(form for form in LOCAL_WEIGHTS.text_encoders if form.is_gguf)
    language, vision = write_text_encoder(tiny, tmp_path / "published", "Q8_0")
    published = {form.repo: {form.language: language, form.vision: vision}}
    photo, out = save_picture(tmp_path / "c.jpg", (96, 64)), tmp_path / "out.png"
    with HubServer(model_repositories(tiny, {"Q5_K_S": tiny_gguf}, more=published)) as hub:
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        got = qie("download", "--quant", "Q5_K_S", "--text-encoder", "compact", "--no-lightning")
        assert got.exit_code == 0, got.stderr

        done = qie("edit", photo, "warmer", *MODEL, "-o", out, "--json")

    assert done.exit_code == 0, done.stderr
    noted = json.loads((home / "jobs" / done.json["job_id"] / "metadata.json").read_text())["remote"]
    assert noted["text_encoder"].endswith(form.language)
    assert noted["text_encoder_mmproj"].endswith(form.vision)
    assert not list((home / "huggingface_cache").rglob("text_encoder/*.safetensors"))
    with Image.open(out) as picture:
        assert picture.size == (96, 64)
