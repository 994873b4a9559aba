"""`qie edit` with own weights against diffusers' own pipeline, from picture files to picture files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from qie_desktop.cli.main import app
from tests.support.stock_pipeline import run_stock

STEPS = 5


@pytest.mark.parametrize("count", [1, 2])
def test_a_picture_is_within_2_of_255_of_the_stock_pipelines(count, tiny, tiny_gguf, tmp_path, monkeypatch):
    monkeypatch.setenv("QIE_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(7)
    paths = [tmp_path / f"{index}.png" for index in range(count)]
    for path in paths:
        small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        small.resize((128, 96), Image.Resampling.BICUBIC).save(path)
    prompt, out = "swap the seasons", tmp_path / "out.png"

    words = ["edit", *map(str, paths), prompt, "--checkpoint", str(tiny), "--gguf", str(tiny_gguf)]
    words += ["--set", "quality=full", "--steps", str(STEPS), "--seed", "123", "-o", str(out), "--json"]
    words += ["--set", "combine=references"] if count > 1 else []
    done = CliRunner().invoke(app, words)

    assert done.exit_code == 0
    assert json.loads(done.stdout)["model"] == "qwen-image-edit-2509-gguf"
    stock = run_stock(
        tiny, tiny_gguf, [Image.open(path).convert("RGB") for path in paths], prompt, " ",
        seed=123, steps=STEPS, true_cfg_scale=4.0, reference_area_px=128 * 96, width=128, height=96,
    )  # fmt: skip
    with Image.open(out) as picture:
        difference = np.abs(np.asarray(picture.convert("RGB"), dtype=float) - stock.picture * 255)
    assert difference.max() <= 2


def test_two_pictures_side_by_side_come_back_as_one_canvas(tiny, tiny_gguf, tmp_path, monkeypatch):
    monkeypatch.setenv("QIE_HOME", str(tmp_path / "home"))
    Image.new("RGB", (100, 80), "red").save(tmp_path / "a.png")
    Image.new("RGB", (64, 160), "blue").save(tmp_path / "b.png")

    words = ["edit", str(tmp_path / "a.png"), str(tmp_path / "b.png"), "join them", "--checkpoint", str(tiny)]
    words += ["--gguf", str(tiny_gguf), "--set", "quality=full", "--steps", "1", "--json"]
    said = json.loads(CliRunner().invoke(app, words).stdout)

    # The taller keeps its size, the other is enlarged to its height: 200×160 beside 64×160.
    assert (said["width"], said["height"]) == (264, 160)
