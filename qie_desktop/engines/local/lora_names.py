"""The names under which LoRA files for Qwen-Image have their factors, and the layers that they mean.

In the wild (checked against `_convert_non_diffusers_qwen_lora_to_diffusers` of diffusers, which needs torch
and the weights, where a file is to be judged by its header alone):

- lightx2v: `transformer_blocks.0.attn.to_q.lora_down.weight`, `….lora_up.weight`, `….alpha`
- diffusers and peft: `transformer.transformer_blocks.0.attn.to_q.lora_A.weight`, `….lora_B.weight`
- DiffSynth: the same without the prefix, and with `.default` before `.weight`
- ComfyUI and ai-toolkit: `diffusion_model.transformer_blocks.0…`
- kohya and musubi-tuner: `lora_unet_transformer_blocks_0_attn_to_q.lora_down.weight`
"""

from __future__ import annotations

import re
from typing import NamedTuple

_BLOCK_LAYERS = (
    *(f"attn.{name}" for name in ("to_q", "to_k", "to_v", "to_out.0")),
    *(f"attn.{name}" for name in ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")),
    *(f"{stream}_mlp.net.{layer}" for stream in ("img", "txt") for layer in ("0.proj", "2")),
    *(f"{stream}_mod.1" for stream in ("img", "txt")),
)
_OTHER_LAYERS = (
    "img_in",
    "txt_in",
    "proj_out",
    "norm_out.linear",
    *(f"time_text_embed.timestep_embedder.linear_{number}" for number in (1, 2)),
)

_PREFIXES = ("transformer.", "diffusion_model.")
_FLAT_PREFIX = "lora_unet_"
_FLAT = {name.replace(".", "_"): name for name in (*_BLOCK_LAYERS, *_OTHER_LAYERS)}
_BLOCK = re.compile(r"transformer_blocks[._](\d+)[._](.+)")
_FACTOR = re.compile(
    r"(?P<layer>.+)\.(?:(?P<down>lora_down|lora_A)|lora_up|lora_B)(?:\.[^.]+)?\.weight", re.ASCII
)
_ALPHA = ".alpha"

# What of a name shows it; a `$` stands for the end.
_OTHER_FORMS = (
    (("dora_scale", "lora_magnitude_vector"), "DoRA"),
    (("lokr_",), "LoKr"),
    (("hada_",), "LoHa"),
    (("oft_",), "OFT"),
    (("lora_mid",), "LoCon with a middle factor"),
    ((".diff$", ".diff_b$"), "full differences of weights"),
    (("lora_A.bias", "lora_B.bias", "lora_up.bias"), "a LoRA with biases"),
    (("lora_te", "text_encoder"), "a LoRA of the text encoder too"),
    (("base_model.model.",), "peft's own layout, whose strength stands in another file"),
)
_OTHER_MODELS = (
    (("double_blocks", "single_transformer_blocks", "single_blocks"), "FLUX"),
    (("down_blocks", "up_blocks", "input_blocks", "output_blocks", "mid_block"), "Stable Diffusion"),
    (("joint_blocks", "context_block"), "Stable Diffusion 3"),
    (("self_attn", "cross_attn"), "Wan"),
)


class Factor(NamedTuple):
    """A name that was understood: of a layer's first factor (`down`), its second (`up`) or its `alpha`."""

    layer: str
    part: str


def factor(key: str) -> Factor | None:
    """Return what a tensor's name means; None for a name that is none of a LoRA's."""
    if key.endswith(_ALPHA):
        return Factor(key.removesuffix(_ALPHA), "alpha")
    match = _FACTOR.fullmatch(key)
    return None if match is None else Factor(match["layer"], "down" if match["down"] else "up")


def layer_name(written: str) -> str | None:
    """Return a layer's name as diffusers has it, or None where Qwen-Image has no such layer."""
    flat = written.startswith(_FLAT_PREFIX)
    bare = written.removeprefix(_FLAT_PREFIX)
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    match = _BLOCK.fullmatch(bare)
    inner = bare if match is None else match[2]
    known = _BLOCK_LAYERS if match is not None else _OTHER_LAYERS
    found = _FLAT.get(inner) if flat else inner
    if found not in known:
        return None
    return found if match is None else f"transformer_blocks.{int(match[1])}.{found}"


def other_form(keys: list[str]) -> str | None:
    """Return what other form of adaptation these names are of, in words, if they are of one known here."""
    return _first(keys, _OTHER_FORMS)


def other_model(keys: list[str]) -> str | None:
    """Return for which other model a LoRA with these names is, if it is one known here."""
    return _first(keys, _OTHER_MODELS)


def _first(keys: list[str], table: tuple[tuple[tuple[str, ...], str], ...]) -> str | None:
    for marks, name in table:
        if any(mark in f"{key}$" for key in keys for mark in marks):
            return name
    return None
