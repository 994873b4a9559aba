"""The tiny checkpoint's text encoder as llama.cpp's converter would write it: two GGUF files.

Names are those that gguf-py's own table gives, so that ours is compared with it. Source of the rest:
`qwenvl.py` and `base.py` of llama.cpp's `conversion` (MIT).
"""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import gguf
import numpy as np
from gguf import GGML_QUANT_SIZES, MODEL_ARCH, GGMLQuantizationType

from tests.support.random_blocks import SCALE_FIELDS, random_rows
from tests.support.tiny_checkpoint import read_gguf_weights
from tests.support.tiny_models import weight_std

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel

Q = GGMLQuantizationType
PATCH = "v.patch_embd"

# As llama.cpp mixes them; random blocks, because gguf-py cannot quantise to these.
MIXED = "Q4_K_M"

# Those of Qwen2.5-VL-7B-Instruct.
REAL_TEXT = {
    "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
    "num_key_value_heads": 4, "vocab_size": 152064,
    "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6},
}  # fmt: skip
REAL_VISION = {
    "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 3584,
}  # fmt: skip


def write_text_encoder(checkpoint: Path, folder: Path, quantisation: str) -> tuple[Path, Path]:
    """Write the text encoder of a checkpoint in a quantisation; returns the language model and the mmproj.

    In `MIXED` the matrices of the language model are random, and the mmproj is F16. Otherwise all weights are
    the checkpoint's, quantised where they can be, else F16, and vectors are F32.
    """
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    source = checkpoint / "text_encoder"
    config = Qwen2_5_VLConfig.from_pretrained(source)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(source)
    weights = {name.removeprefix("model."): each for name, each in model.state_dict().items()}
    language = folder / f"tiny-{quantisation}.gguf"
    vision = folder / f"mmproj-tiny-{'F16' if quantisation == MIXED else quantisation}.gguf"
    folder.mkdir(parents=True, exist_ok=True)
    return write_files(language, vision, config, weights, quantisation)


def write_files(
    language: Path,
    vision: Path,
    config: "Qwen2_5_VLConfig",
    weights: "dict[str, torch.Tensor]",
    quantisation: str,
) -> tuple[Path, Path]:
    """Write both files from weights by transformers' names; see `write_text_encoder`. Returns them."""
    _write_language(language, config, weights, quantisation)
    _write_vision(vision, config, weights, "F16" if quantisation == MIXED else quantisation)
    return language, vision


def read_text_encoder(checkpoint: Path, language: Path, vision: Path) -> "Qwen2_5_VLModel":
    """The stock class with the weights of both files as gguf-py dequantises them; float32."""
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel

    found = read_gguf_weights(language) | read_gguf_weights(vision)
    config = Qwen2_5_VLConfig.from_pretrained(checkpoint / "text_encoder")
    model = Qwen2_5_VLModel(config).eval()
    language_names, vision_names = _name_maps(config)
    weights = {}
    for name in model.state_dict():
        if name == "visual.patch_embed.proj.weight":
            weights[name] = torch.stack([found[f"{PATCH}.weight"], found[f"{PATCH}.weight.1"]], dim=2)
        elif ".qkv." in name:
            parts = [_mapped(name.replace("qkv", part), language_names, vision_names) for part in "qkv"]
            weights[name] = torch.cat([found[part] for part in parts])
        else:
            weights[name] = found[_mapped(name, language_names, vision_names)]
    model.load_state_dict(weights)
    return model


def _write_language(
    target: Path, config: "Qwen2_5_VLConfig", weights: "dict[str, torch.Tensor]", quantisation: str
) -> None:
    text = config.text_config
    writer = gguf.GGUFWriter(target, "qwen2vl")
    writer.add_block_count(text.num_hidden_layers)
    writer.add_context_length(text.max_position_embeddings)
    writer.add_embedding_length(text.hidden_size)
    writer.add_feed_forward_length(text.intermediate_size)
    writer.add_head_count(text.num_attention_heads)
    writer.add_head_count_kv(text.num_key_value_heads)
    writer.add_layer_norm_rms_eps(text.rms_norm_eps)
    writer.add_rope_freq_base(text.rope_parameters["rope_theta"])
    writer.add_rope_dimension_sections([*text.rope_parameters["mrope_section"], 0])
    # A vocabulary is a list of strings: what a reader of the header has to get past.
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token {number}" for number in range(text.vocab_size)])
    writer.add_token_types([1] * text.vocab_size)
    writer.add_token_merges([f"a{number} b{number}" for number in range(text.vocab_size)])
    for name, tensor in weights.items():
        if not name.startswith("visual."):
            _add(writer, _mapped(name, *_name_maps(config)), tensor, quantisation)
    _finish(writer)


def _write_vision(
    target: Path, config: "Qwen2_5_VLConfig", weights: "dict[str, torch.Tensor]", quantisation: str
) -> None:
    vision = config.vision_config
    writer = gguf.GGUFWriter(target, "clip")
    writer.add_clip_has_vision_encoder(True)
    writer.add_vision_projection_dim(vision.out_hidden_size)
    writer.add_vision_image_size(560)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_block_count(vision.depth)
    writer.add_vision_head_count(vision.num_heads)
    writer.add_clip_projector_type(gguf.VisionProjectorType.QWEN25VL)
    writer.add_vision_use_silu(True)
    for name, tensor in weights.items():
        if name.startswith("visual."):
            for new_name, part in _vision_parts(name, tensor, config):
                _add(writer, new_name, part, quantisation)
    _finish(writer)


def _vision_parts(
    name: str, tensor: "torch.Tensor", config: "Qwen2_5_VLConfig"
) -> "Iterator[tuple[str, torch.Tensor]]":
    if name == "visual.patch_embed.proj.weight":
        yield f"{PATCH}.weight", tensor[:, :, 0]
        yield f"{PATCH}.weight.1", tensor[:, :, 1]
    elif ".qkv." in name:
        for part, rows in zip("qkv", tensor.chunk(3), strict=True):
            yield _mapped(name.replace("qkv", part), *_name_maps(config)), rows
    else:
        yield _mapped(name, *_name_maps(config)), tensor


def _name_maps(config: "Qwen2_5_VLConfig") -> tuple[gguf.TensorNameMap, gguf.TensorNameMap]:
    return (
        gguf.get_tensor_name_map(MODEL_ARCH.QWEN2VL, config.text_config.num_hidden_layers),
        # At least three: the layers of the merger are numbered 0 and 2, in the same table.
        gguf.get_tensor_name_map(MODEL_ARCH.MMPROJ, max(3, config.vision_config.depth)),
    )


def _mapped(name: str, language: gguf.TensorNameMap, vision: gguf.TensorNameMap) -> str:
    """What llama.cpp calls a tensor; the original files have `model.` where transformers says more."""
    if name.startswith("visual."):
        found = vision.get_name(name, (".weight", ".bias"))
    else:
        found = language.get_name(name.replace("language_model.", "model."), (".weight", ".bias"))
    assert found is not None, name
    return found


def _add(writer: gguf.GGUFWriter, name: str, tensor: "torch.Tensor", quantisation: str) -> None:
    shape = tuple(tensor.shape)
    type_ = _type(name, shape, quantisation)
    if quantisation == MIXED and type_ in SCALE_FIELDS:
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        std = weight_std("embed_tokens" if name.startswith("token_embd") else name, shape)
        data = random_rows(type_, (shape[0], shape[1]), std, rng)
    else:
        data = gguf.quants.quantize(tensor.contiguous().numpy(), type_)
    # The writer takes numbers of these as they are, and bytes of all others.
    writer.add_tensor(name, data, raw_dtype=None if type_ in {Q.F32, Q.F16} else type_)


def _type(name: str, shape: tuple[int, ...], quantisation: str) -> GGMLQuantizationType:
    if len(shape) == 1:
        return Q.F32
    if name.startswith(PATCH):
        return Q.F16 if quantisation == "F16" else Q.F32
    if quantisation == MIXED:
        more = "attn_v" in name or "ffn_down" in name or name.startswith("output.")
        return Q.Q6_K if more else Q.Q4_K
    return Q.F16 if shape[-1] % GGML_QUANT_SIZES[Q[quantisation]][0] else Q[quantisation]


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def real_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor of Qwen2.5-VL-7B-Instruct in transformers, without its language head."""
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel

    with torch.device("meta"):
        model = Qwen2_5_VLModel(Qwen2_5_VLConfig(text_config=REAL_TEXT, vision_config=REAL_VISION))
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def big_text_encoder(folder: Path) -> tuple[Path, Path]:
    """Write `text_encoder/config.json` and 130 MB of it in Q8_0; returns the language model and the mmproj.

    Tensors of one shape all have the same weights, so that nothing large is ever held.
    """
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel

    text = {
        "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 6, "num_attention_heads": 8,
        "num_key_value_heads": 2, "vocab_size": 32000,
        "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6},
    }  # fmt: skip
    vision = {
        "depth": 4,
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_heads": 4,
        "out_hidden_size": 1024,
    }
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision)
    with torch.device("meta"):
        shapes = {name: tuple(each.shape) for name, each in Qwen2_5_VLModel(config).state_dict().items()}
    drawn: dict[tuple[int, ...], torch.Tensor] = {}
    weights = {name: drawn.setdefault(shape, torch.randn(shape) * 0.03) for name, shape in shapes.items()}
    config.save_pretrained(folder / "text_encoder")
    language, vision_file = folder / "big.gguf", folder / "mmproj-big.gguf"
    return write_files(language, vision_file, config, weights, "Q8_0")
