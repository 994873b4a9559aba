"""The parts that a local model is downloaded in."""

from __future__ import annotations

import pytest

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import InvalidRequest
from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from qie_desktop.core.model_parts import DownloadChoice, PartKind, chosen_parts, find_parts, model_parts

MODEL = find_model("qwen-image-edit-2509-gguf")
PUBLISHED = [
    "README.md",
    "model_index.json",
    "processor/preprocessor_config.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/generation_config.json",
    "text_encoder/model-00001-of-00004.safetensors",
    "text_encoder/model.safetensors.index.json",
    "tokenizer/vocab.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model-00001-of-00005.safetensors",
    "transformer/diffusion_pytorch_model.safetensors.index.json",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
]


def test_every_quantisation_of_the_catalogue_is_a_part():
    parameter = MODEL.parameter("quantisation")
    assert parameter is not None
    parts = [part.id for part in model_parts(LOCAL_WEIGHTS) if part.kind is PartKind.TRANSFORMER]
    assert parts == [choice.value for choice in parameter.choices]


def test_every_lightning_quality_has_its_file():
    (part,) = [part for part in model_parts(LOCAL_WEIGHTS) if part.kind is PartKind.LIGHTNING]
    assert MODEL.local is not None
    assert set(part.patterns) == {quality.lora for quality in MODEL.local.qualities if quality.lora}


def test_the_base_has_no_weights_of_the_transformer_or_the_text_encoder():
    (base,) = find_parts(MODEL, LOCAL_WEIGHTS, ["base"])
    taken = base.select(PUBLISHED)
    assert [name for name in taken if name.endswith(".safetensors")] == [
        "vae/diffusion_pytorch_model.safetensors"
    ]
    assert "text_encoder/config.json" in taken
    assert not [name for name in taken if "index" in name and name != "model_index.json"]
    assert base.unmatched(PUBLISHED) == []


def test_no_file_is_in_two_parts_of_a_repository():
    for name in PUBLISHED:
        of_base = [part for part in model_parts(LOCAL_WEIGHTS) if part.repo == LOCAL_WEIGHTS.base_repo]
        assert sum(name in part.select([name]) for part in of_base) <= 1


def test_what_is_missing_is_named():
    (base,) = find_parts(MODEL, LOCAL_WEIGHTS, ["base"])
    assert base.unmatched(["model_index.json", "vae/config.json"]) == [
        "scheduler/*",
        "tokenizer/*",
        "processor/*",
        "transformer/config.json",
        "text_encoder/*config.json",
    ]


@pytest.mark.parametrize(
    ("choice", "near"),
    [
        (DownloadChoice(MODEL.id, "Q5_K_M"), "Q5_K_S"),
        (DownloadChoice(MODEL.id, "Q8_0", "compactt"), "compact"),
    ],
)
def test_what_there_is_not_is_refused_with_the_nearest(choice, near):
    with pytest.raises(InvalidRequest) as refused:
        chosen_parts(MODEL, LOCAL_WEIGHTS, choice)
    assert near in refused.value.hint


def test_pinned_commits_are_whole_hashes():
    for part in model_parts(LOCAL_WEIGHTS):
        assert part.revision == "main" or len(bytes.fromhex(part.revision)) == 20
