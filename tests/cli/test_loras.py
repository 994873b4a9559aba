"""Lightning and the person's own LoRAs from the command line, on a tiny checkpoint of the real classes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from qie_desktop.core.catalogue import find_model
from qie_desktop.imaging.embedding import read_request
from tests.support.tiny_loras import write_lora

LOCAL = find_model("qwen-image-edit-2509-gguf")
QUALITIES = {quality.name: quality for quality in LOCAL.local.qualities}


def lightning_file(quality: str) -> str:
    return Path(QUALITIES[quality].lora).name


def into_hub(home: Path, quality: str) -> Path:
    """Put a Lightning file into the hub's cache, as huggingface_hub lays it out."""
    weights = LOCAL.local.weights
    root = home / "huggingface_cache" / "hub" / f"models--{weights.lora_repo.replace('/', '--')}"
    (root / "refs").mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text("abc123")
    seed = QUALITIES[quality].steps
    return write_lora(root / "snapshots" / "abc123" / QUALITIES[quality].lora, seed=seed, dtype="bfloat16")


@pytest.fixture
def edit(qie, photo, tiny, tiny_gguf):
    def edit(*words: object):
        weights = ("--checkpoint", tiny, "--gguf", tiny_gguf)
        return qie("edit", photo, "warmer", *weights, "--seed", 5, "--json", *words)

    return edit


@pytest.fixture
def metadata(home):
    def metadata(job_id: str) -> dict:
        return json.loads((home / "jobs" / job_id / "metadata.json").read_text())

    return metadata


FULL = ("--set", "quality=full", "--steps", 1, "--set", "guidance=1")


def pixels(said: dict) -> bytes:
    with Image.open(said["outputs"][0]) as picture:
        return picture.tobytes()


@pytest.mark.parametrize("quality", ["lightning-4", "lightning-8"])
def test_lightning_runs_with_the_file_and_the_steps_that_belong_together(edit, home, metadata, quality):
    """Trap: lightx2v's README pairs the 4-step command with the 8-step file."""
    for each in ("lightning-4", "lightning-8"):
        into_hub(home, each)

    done = edit("--set", f"quality={quality}")

    assert done.exit_code == 0, done.stderr
    noted = metadata(done.json["job_id"])
    steps = QUALITIES[quality].steps
    assert (noted["request"]["parameters"]["steps"], noted["request"]["parameters"]["guidance"]) == (steps, 1)
    assert f"Lightning-{steps}steps" in noted["remote"]["loras"]
    assert f"Denoising {steps} of {steps}" in done.stderr


def test_lightning_is_the_default_where_its_file_is_there(edit, home, metadata):
    into_hub(home, "lightning-4")

    done = edit("--steps", 2)

    assert done.exit_code == 0, done.stderr
    assert "quality=full" not in done.stderr
    noted = metadata(done.json["job_id"])
    assert noted["request"]["parameters"]["quality"] == "lightning-4"
    assert "Lightning-4steps" in noted["remote"]["loras"], "other steps run with that file all the same"


def test_lightning_is_found_in_the_folder_of_loras_too(edit, home):
    write_lora(home / "loras" / lightning_file("lightning-8"))

    assert edit("--set", "quality=lightning-8").exit_code == 0


def test_lightning_that_is_missing_is_named_with_the_way_out(edit, home):
    into_hub(home, "lightning-4")

    refused = edit("--set", "quality=lightning-8")

    assert refused.exit_code == 3
    error = refused.json["error"]
    assert error["code"] == "model_not_installed"
    assert lightning_file("lightning-8") in error["message"]
    assert "--set quality=full" in error["hint"]


def test_a_lora_by_its_path_is_taken_in_and_only_its_name_is_told(edit, home, metadata, tmp_path):
    file = write_lora(tmp_path / "private place" / "style.safetensors")
    plain = pixels(edit(*FULL).json)

    done = edit(*FULL, "--lora", f"{file}:0.8")

    assert done.exit_code == 0, done.stderr
    assert pixels(done.json) != plain
    noted = metadata(done.json["job_id"])
    assert noted["request"]["parameters"]["loras"] == "style.safetensors:0.8"
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert noted["remote"]["loras"] == f"style.safetensors:0.8 sha256:{sha256}"
    assert read_request(Path(done.json["outputs"][0]))["parameters"]["loras"] == "style.safetensors:0.8"
    assert "private place" not in json.dumps(noted)
    shutil.rmtree(file.parent)
    again = edit(*FULL, "--lora", "style:0.8")
    assert pixels(again.json) == pixels(done.json)


def test_several_loras_and_lightning_act_together(edit, home, tmp_path):
    into_hub(home, "lightning-4")
    style, ink = (write_lora(tmp_path / f"{name}.safetensors", seed=at) for at, name in enumerate(["a", "b"]))
    words = ("--set", "quality=lightning-4", "--steps", 1)

    both = edit(*words, "--lora", style, "--lora", f"{ink}:-0.5")
    one = edit(*words, "--lora", style)
    none = edit(*words)

    assert len({pixels(done.json) for done in (both, one, none)}) == 3


def test_a_job_run_again_finds_its_loras_or_names_what_is_gone(qie, edit, home, tiny, tiny_gguf, tmp_path):
    qie("config", "set", "local.checkpoint", tiny)
    qie("config", "set", "local.transformer", tiny_gguf)
    job = edit(*FULL, "--lora", write_lora(tmp_path / "style.safetensors")).json

    again = qie("jobs", "retry", job["job_id"], "--json")
    (home / "loras" / "style.safetensors").unlink()
    gone = qie("jobs", "retry", job["job_id"], "--json")

    assert pixels(again.json) == pixels(job)
    assert gone.exit_code == 3
    assert gone.json["error"]["code"] == "lora_missing"
    assert "style.safetensors" in gone.json["error"]["message"]


def test_two_files_of_one_name_are_kept_apart(edit, home, metadata, tmp_path):
    for at, folder in enumerate(["one", "two", "one again"]):
        write_lora(tmp_path / folder / "style.safetensors", seed=at % 2, rank=1)
        assert edit(*FULL, "--lora", tmp_path / folder / "style.safetensors").exit_code == 0

    names = sorted(path.name for path in (home / "loras").iterdir())
    assert len(names) == 2
    assert "style.safetensors" in names
    assert names[0].startswith("style-")


@pytest.mark.parametrize(
    ("given", "code", "exit_code"),
    [
        ("nowhere.safetensors", "invalid_request", 2),
        ("{photo}", "lora_damaged", 1),
        ("{good}:9", "invalid_request", 2),
        ("{other}", "lora_mismatch", 1),
        ("{large}", "lora_mismatch", 1),
    ],
)
def test_a_bad_lora_is_refused_before_there_is_a_job(edit, home, photo, tmp_path, given, code, exit_code):
    import torch
    from safetensors.torch import save_file

    good, other, large = (tmp_path / f"{name}.safetensors" for name in ("good", "other", "large"))
    write_lora(good)
    for path, name in ((other, "double_blocks.0.img_attn.proj"), (large, "transformer_blocks.0.attn.to_q")):
        save_file(
            {f"{name}.lora_A.weight": torch.ones(2, 3072), f"{name}.lora_B.weight": torch.ones(3072, 2)}, path
        )

    refused = edit(*FULL, "--lora", given.format(photo=photo, good=good, other=other, large=large))

    assert refused.exit_code == exit_code
    assert refused.json["error"]["code"] == code
    assert refused.json["error"]["hint"]
    assert not (home / "jobs").exists()
    assert not (home / "loras" / "good.safetensors").exists()


def test_a_name_that_is_nearly_right_is_corrected(edit, home):
    write_lora(home / "loras" / "watercolour.safetensors")

    refused = edit(*FULL, "--lora", "watercolor")

    assert refused.json["error"]["hint"] == 'Did you mean "watercolour"?'


def test_a_model_that_takes_no_loras_says_which_does(qie, home, photo, tmp_path):
    file = write_lora(tmp_path / "style.safetensors")

    refused = qie("edit", photo, "sepia", "--model", "starter", "--lora", file, "--json")

    assert refused.exit_code == 2
    assert refused.json["error"]["code"] == "unknown_parameter"
    assert LOCAL.id in refused.json["error"]["hint"]
    assert not (home / "loras").exists()
