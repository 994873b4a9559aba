"""LoRA files judged by their headers: what they change, and what they are where they cannot be used."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from qie_desktop.core.lora_errors import LoraDamaged, LoraMismatch, LoraMissing, LoraUnsupported
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.lora import Loras, LoraUse
from qie_desktop.engines.local.lora_file import read_lora
from tests.support.tiny_loras import ALL_LAYERS, STYLES, random_factors, write_lora


@pytest.fixture
def path(tmp_path):
    return tmp_path / "style.safetensors"


@pytest.mark.parametrize("style", STYLES)
def test_every_layout_names_the_same_layers(path, style):
    file = read_lora(write_lora(path, style, layers=ALL_LAYERS, rank=3))

    assert set(file.layers) == set(random_factors(ALL_LAYERS, 3, 0))
    assert {layer.rank for layer in file.layers.values()} == {3}
    assert file.layers["transformer_blocks.1.img_mlp.net.0.proj"].shape == (1024, 256)


@pytest.mark.parametrize(
    ("style", "strength", "scale"), [("lightx2v", 1.0, 0.75), ("peft", 0.5, 0.5), ("configured", 2.0, 1.5)]
)
def test_the_scale_is_strength_times_alpha_by_rank(path, style, strength, scale):
    write_lora(path, style, rank=4, alpha=3.0)
    name = "transformer_blocks.0.attn.to_q"
    down, up = random_factors(["attn.to_q"], 4, 0)[name]

    side = Loras([LoraUse(path, strength)], choose_device("cpu")).side_path(name)

    assert torch.equal(side.down, down)
    assert torch.allclose(side.up, up * scale)
    assert Loras([LoraUse(path)], choose_device("cpu")).side_path("proj_out") is None


def test_rank_stabilised_scales_are_taken_from_the_configuration(path):
    write_lora(path, "configured", rank=4)
    config = {"transformer.lora_alpha": 6, "transformer.use_rslora": True, "transformer.r": 4}
    config["transformer.alpha_pattern"] = {"attn.to_q": 2}
    save_file(load_file(path), path, metadata={"lora_adapter_metadata": json.dumps(config)})

    layers = read_lora(path).layers

    assert layers["transformer_blocks.0.attn.to_k"].scale == pytest.approx(3.0)
    assert layers["transformer_blocks.0.attn.to_q"].scale == pytest.approx(1.0)


def changed(path, **tensors):
    save_file(load_file(write_lora(path)) | tensors, path)
    return path


LAYER = "transformer_blocks.0.attn.to_q"


@pytest.mark.parametrize(
    ("key", "what"),
    [
        (f"{LAYER}.dora_scale", "DoRA"),
        (f"transformer.{LAYER}.lora_magnitude_vector.weight", "DoRA"),
        (f"{LAYER}.lokr_w1", "LoKr"),
        (f"{LAYER}.hada_w1_a", "LoHa"),
        (f"{LAYER}.lora_mid.weight", "LoCon"),
        (f"diffusion_model.{LAYER}.diff", "differences"),
        (f"{LAYER}.lora_B.bias", "biases"),
        ("lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "text encoder"),
        (f"base_model.model.{LAYER}.lora_A.weight", "peft"),
    ],
)
def test_other_forms_are_refused_by_their_names(path, key, what):
    with pytest.raises(LoraUnsupported, match=what):
        read_lora(changed(path, **{key: torch.ones(2, 2)}))


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        (["transformer.single_transformer_blocks.0.attn.to_q"], "FLUX"),
        (["lora_unet_double_blocks_0_img_attn_proj"], "FLUX"),
        (["lora_unet_down_blocks_0_attentions_0_proj_in"], "Stable Diffusion"),
        (["diffusion_model.blocks.0.self_attn.q"], "Wan"),
        (["transformer_blocks.0.attn.to_w"], "does not have: transformer_blocks.0.attn.to_w"),
        (["layers.0.attention.qkv"], "does not have: layers.0.attention.qkv"),
    ],
)
def test_loras_of_other_models_are_told(path, keys, what):
    tensors = {}
    for key in keys:
        tensors[f"{key}.lora_down.weight"] = torch.ones(2, 8)
        tensors[f"{key}.lora_up.weight"] = torch.ones(8, 2)
    save_file(tensors, path)

    with pytest.raises(LoraMismatch, match=what):
        read_lora(path)


def test_what_is_no_lora_is_told(path):
    save_file({"vae.conv.weight": torch.ones(2, 2)}, path)
    with pytest.raises(LoraMismatch, match="is no LoRA"):
        read_lora(path)
    save_file({f"{LAYER}.alpha": torch.ones(1)}, path)
    with pytest.raises(LoraDamaged, match="only half"):
        read_lora(path)
    save_file({}, path)
    with pytest.raises(LoraMismatch, match="is no LoRA"):
        read_lora(path)


def test_one_half_of_a_layer_is_not_enough(path):
    tensors = load_file(write_lora(path))
    del tensors[f"{LAYER}.lora_up.weight"]
    save_file(tensors, path)

    with pytest.raises(LoraDamaged, match=r"half of what changes transformer_blocks\.0\.attn\.to_q"):
        read_lora(path)


@pytest.mark.parametrize("shape", [(5, 256), (4, 256, 1), (0, 256)])
def test_factors_that_do_not_fit_each_other_are_told(path, shape):
    with pytest.raises(LoraDamaged, match="do not fit"):
        read_lora(changed(path, **{f"{LAYER}.lora_down.weight": torch.ones(shape)}))


def test_a_layer_that_is_changed_twice_is_refused(path):
    with pytest.raises(LoraUnsupported, match="twice"):
        read_lora(changed(path, **{f"transformer.{LAYER}.lora_A.weight": torch.ones(4, 256)}))


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_file_that_is_cut_off_is_told(path, keep):
    content = write_lora(path).read_bytes()
    path.write_bytes(content[:keep])

    with pytest.raises(LoraDamaged, match=r"style\.safetensors cannot be read"):
        read_lora(path)


def header_of(entry: dict[str, object]) -> bytes:
    """A file of a layer's two factors, both told in the same way."""
    names = (f"{LAYER}.lora_down.weight", f"{LAYER}.lora_up.weight")
    text = json.dumps(dict.fromkeys(names, entry)).encode()
    return struct.pack("<Q", len(text)) + text + bytes(16)


def test_a_strength_that_is_no_number_at_all_is_told(path):
    config = f'{{"transformer.lora_alpha": 1{"0" * 400}}}'
    write_lora(path, "configured", rank=4)
    save_file(load_file(path), path, metadata={"lora_adapter_metadata": config})

    with pytest.raises(LoraDamaged, match="says of its strength"):
        read_lora(path)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + bytes(200),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 4) + b"[[]]",
        struct.pack("<Q", 8) + b'{"a": 1}',
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        header_of({"dtype": "F32", "shape": [float("inf"), 4], "data_offsets": [0, 16]}),
        header_of({"dtype": "F32", "shape": [-1, -4], "data_offsets": [0, 16]}),
        header_of({"dtype": "I8", "shape": [4, 4], "data_offsets": [16, 0]}),
    ],
)
def test_what_is_no_safetensors_file_never_gets_through(path, content):
    path.write_bytes(content)

    with pytest.raises((LoraDamaged, LoraMismatch)):
        read_lora(path)


def test_a_file_that_is_gone_is_named(path):
    with pytest.raises(LoraMissing, match=r"style\.safetensors"):
        read_lora(path)


def test_a_lora_of_a_larger_model_does_not_fit(path):
    shapes = {
        f"{name}.weight": (down.shape[1] * 2, 8) for name, (down, _) in random_factors([""], 1, 0).items()
    }

    with pytest.raises(LoraMismatch, match="other sizes"):
        read_lora(write_lora(path)).check_fits(shapes)


def test_headers_are_read_without_torch(path):
    write_lora(path)
    code = (
        "import sys; from pathlib import Path; from qie_desktop.engines.local.lora_file import read_lora; "
        f"print(len(read_lora(Path({str(path)!r})).layers), 'torch' in sys.modules, 'numpy' in sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["28", "False", "False"]
