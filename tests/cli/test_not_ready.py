"""What must be set up first: exit 3, and what to do."""

from __future__ import annotations

import pytest

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.model import ModelKind, Place

CLOUD = [spec for spec in CATALOGUE if spec.place is Place.CLOUD]


@pytest.mark.parametrize("spec", CLOUD, ids=lambda spec: spec.id)
def test_a_cloud_model_without_a_token_needs_one(qie, home, tmp_path, spec):
    from tests.cli.conftest import save_picture

    photo = save_picture(tmp_path / "photo.png", (400, 400))
    words = ["generate"] if spec.kind is ModelKind.GENERATE else ["edit", photo]

    refused = qie(*words, "a lighthouse", "--model", spec.id)

    assert refused.exit_code == 3
    assert "needs a Replicate token" in refused.stderr
    assert "REPLICATE_API_TOKEN" in refused.stderr
    assert not (home / "jobs").exists()


def test_generating_without_a_model_needs_a_token(qie):
    refused = qie("generate", "a lighthouse", "--aspect-ratio", "16:9", "--json")

    assert refused.exit_code == 3
    assert refused.json["error"]["code"] == "credentials_missing"


def test_a_token_that_is_not_taken_is_not_told(qie, photo, server, monkeypatch):
    token = "r8_" + "x" * 37
    monkeypatch.setenv("REPLICATE_API_TOKEN", token)

    refused = qie("edit", photo, "warmer", "--model", "qwen-image-edit")

    assert refused.exit_code == 3
    assert "does not accept the token" in refused.stderr
    assert "replicate.com/account/api-tokens" in refused.stderr
    assert "r8_" not in refused.stderr + refused.stdout
    assert not server.created


def test_where_a_token_is_known_and_no_model_is_installed_the_cloud_is_taken(qie, photo, server):
    assert qie("edit", photo, "warmer", "--json").json["model"] == "qwen-image-edit"


def test_the_local_model_that_is_not_installed_says_how_to_get_on(qie, photo):
    refused = qie("edit", photo, "warmer", "--model", "qwen-image-edit-2509-gguf", "--set", "quality=full")

    assert refused.exit_code == 3
    assert "not installed" in refused.stderr
    assert "--checkpoint" in refused.stderr


def test_lightning_is_refused_with_what_works(qie, photo, tiny, tiny_gguf):
    weights = ("--checkpoint", tiny, "--gguf", tiny_gguf)
    refused = qie("edit", photo, "warmer", *weights, "--set", "quality=lightning-8")

    assert refused.exit_code == 3
    assert "quality=full" in refused.stderr


def test_without_lightning_own_weights_run_in_full_quality_and_say_so(qie, photo, tiny, tiny_gguf):
    done = qie("edit", photo, "warmer", "--checkpoint", tiny, "--gguf", tiny_gguf, "--steps", 2, "--json")

    assert done.exit_code == 0
    assert "quality=full" in done.stderr
    job = done.json["job_id"]
    assert qie("jobs", "show", job, "--json").json["request"]["parameters"]["guidance"] == 4
