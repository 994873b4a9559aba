"""`qie bench` with what is installed, and what it refuses."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

MODEL = "qwen-image-edit-2509-gguf"


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Two wait for each other when the machine is busy, and a small model gains nothing from them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_fresh_machine_is_measured_with_the_starter(qie):
    found = qie("bench", "--size", 128, "--quiet", "--json").json

    assert found["model"] == "starter"
    assert (found["size"], found["working_size"]) == (128, 128)
    [way], [estimate] = found["ways"], found["estimates"]
    assert way["passes"] == estimate["passes"] == 1
    assert way["step_s"] > 0
    assert way["timed_steps"] >= 4
    # Everything but the steps: the parts, and the time between them.
    parts = way["encoding_s"] + way["decoding_s"] + way["loading_again_s"]
    assert 0 < parts <= way["beside_steps_s"] * 1.5
    assert estimate["seconds"] == pytest.approx(way["beside_steps_s"] + way["step_s"], abs=0.02)
    assert found["load_s"] > way["loading_again_s"], "what is loaded is loaded once"
    assert found["peak_gib"] > 0


def test_own_weights_are_measured_with_and_without_guidance(qie, home, tiny, tiny_gguf):
    done = qie("bench", "--checkpoint", tiny, "--gguf", tiny_gguf, "--size", 96, "--quiet", "--json")

    assert done.exit_code == 0, done.stderr
    found = done.json
    assert found["model"] == MODEL
    assert [way["passes"] for way in found["ways"]] == [1, 2]
    one, two = found["ways"]
    estimates = {each["quality"]: each for each in found["estimates"]}
    assert [each["steps"] for each in estimates.values()] == [4, 8, 40]
    assert estimates["full"]["missing"] is None
    assert estimates["full"]["seconds"] == pytest.approx(
        two["beside_steps_s"] + 40 * two["step_s"], rel=0.02, abs=0.02
    )
    assert estimates["lightning-8"]["seconds"] == pytest.approx(
        one["beside_steps_s"] + 8 * one["step_s"], rel=0.02, abs=0.02
    )
    assert not (home / "jobs").exists(), "nothing of it is kept"


def test_first_block_caching_is_held_against_the_exact_picture(qie, tiny, tiny_gguf):
    words = ["--checkpoint", tiny, "--gguf", tiny_gguf, "--size", 64, "--quiet", "--first-block-cache"]

    found = qie("bench", *words, "0.2", "--json").json["first_block_cache"]

    assert found["steps"] == 40
    assert 0 <= found["reused_steps"] < 40
    assert (found["psnr_db"] is None) is (found["max_difference"] == 0) is (found["reused_steps"] == 0)
    assert found["exact_s"] > 0
    assert found["cached_s"] > 0
    refused = qie("bench", *words, "0.7")
    assert refused.exit_code == 2
    assert "0.2" in refused.stderr


def test_the_table_says_what_a_whole_edit_takes(qie):
    told = qie("bench", "--size", 64, "--quiet").stdout

    assert "Starter on" in told
    assert "A step" in told
    assert "two passes" not in told, "the starter has none"
    assert "a whole edit" in told
    assert "about" in told


def test_a_model_that_is_not_installed_is_named(qie):
    refused = qie("bench", "--model", MODEL, "--json")

    assert refused.exit_code == 3
    assert refused.json["error"]["code"] == "model_not_installed"


def test_a_cloud_model_is_not_measured_here(qie):
    refused = qie("bench", "--model", "seedream-4")

    assert refused.exit_code == 3
    assert "does not run on this machine" in refused.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--synthetic", "--quant", "Q9_K"], "Q4_K"),
        (["--synthetic", "--against", "comfy"], "stock"),
        (["--synthetic", "--model", "starter"], "--model"),
        (["--blocks", "3"], "--blocks"),
        (["--against", "stock"], "--against"),
        (["--size", "9000"], "8000"),
        (["--quant", "Q4_K_M"], "quantisation"),
        (["--checkpoint", "nowhere"], "nowhere"),
        (["--first-block-cache", "0.1"], "first_block_cache"),
        (["--synthetic", "--first-block-cache", "much"], "much"),
    ],
)
def test_what_it_cannot_measure_is_refused(qie, words, named):
    refused = qie("bench", *words)

    assert refused.exit_code == 2
    assert named in refused.stderr


def test_ctrl_c_ends_it_calmly(start):
    process = start("bench", "--size", 256)
    for line in process.stderr:
        if line.startswith("Denoising 1 of 5"):
            break

    process.send_signal(signal.SIGINT)
    told, said = process.communicate(timeout=30)

    assert process.returncode == 130
    assert told == "Cancelled.\n"
    assert "Traceback" not in said
