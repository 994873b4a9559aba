"""Where the text encoder's weights are in GGUF files, as data: transformers' names and llama.cpp's.

Source: gguf-py's `tensor_mapping.py` and llama.cpp's `conversion/qwenvl.py` (MIT). The converter neither
permutes the rows of queries and keys nor scales anything: it renames, and splits what is joined here.
"""

from __future__ import annotations

LANGUAGE_ARCHITECTURE = "qwen2vl"
"""What `general.architecture` says of the language model, that of Qwen2-VL and of Qwen2.5-VL alike."""
VISION_ARCHITECTURE = "clip"
"""What it says of every vision tower (`mmproj-….gguf`); the projector's type tells which."""
PROJECTOR_TYPES = ("clip.projector_type", "clip.vision.projector_type")
PROJECTOR = "qwen2.5vl_merger"

LANGUAGE_HEAD = "output"
"""Not needed: the transformer is conditioned on hidden states."""

LANGUAGE: dict[str, tuple[str, ...]] = {
    "language_model.embed_tokens": ("token_embd",),
    "language_model.layers.{}.input_layernorm": ("blk.{}.attn_norm",),
    "language_model.layers.{}.self_attn.q_proj": ("blk.{}.attn_q",),
    "language_model.layers.{}.self_attn.k_proj": ("blk.{}.attn_k",),
    "language_model.layers.{}.self_attn.v_proj": ("blk.{}.attn_v",),
    "language_model.layers.{}.self_attn.o_proj": ("blk.{}.attn_output",),
    "language_model.layers.{}.post_attention_layernorm": ("blk.{}.ffn_norm",),
    "language_model.layers.{}.mlp.gate_proj": ("blk.{}.ffn_gate",),
    "language_model.layers.{}.mlp.up_proj": ("blk.{}.ffn_up",),
    "language_model.layers.{}.mlp.down_proj": ("blk.{}.ffn_down",),
    "language_model.norm": ("output_norm",),
}
"""Modules of transformers' Qwen2_5_VLModel and the stems of their tensors; several are joined by rows."""

VISION: dict[str, tuple[str, ...]] = {
    "visual.blocks.{}.norm1": ("v.blk.{}.ln1",),
    "visual.blocks.{}.attn.qkv": ("v.blk.{}.attn_q", "v.blk.{}.attn_k", "v.blk.{}.attn_v"),
    "visual.blocks.{}.attn.proj": ("v.blk.{}.attn_out",),
    "visual.blocks.{}.norm2": ("v.blk.{}.ln2",),
    "visual.blocks.{}.mlp.gate_proj": ("v.blk.{}.ffn_gate",),
    "visual.blocks.{}.mlp.up_proj": ("v.blk.{}.ffn_up",),
    "visual.blocks.{}.mlp.down_proj": ("v.blk.{}.ffn_down",),
    "visual.merger.ln_q": ("v.post_ln",),
    "visual.merger.mlp.0": ("mm.0",),
    "visual.merger.mlp.2": ("mm.2",),
}

PATCHES = "visual.patch_embed.proj"
PATCH_FRAMES = ("v.patch_embd.weight", "v.patch_embd.weight.1")
"""The patch embedding's one weight: it has an axis for two frames, and in the file each has a tensor."""

LANGUAGE_SIZES = (
    ("qwen2vl.block_count", "num_hidden_layers", "layers:"),
    ("qwen2vl.embedding_length", "hidden_size", "width"),
    ("qwen2vl.feed_forward_length", "intermediate_size", "MLP width"),
    ("qwen2vl.attention.head_count", "num_attention_heads", "attention heads:"),
    ("qwen2vl.attention.head_count_kv", "num_key_value_heads", "key and value heads:"),
)
"""Keys of the file's metadata, those of the config's text part, and what they are."""

VISION_SIZES = (
    ("clip.vision.block_count", "depth", "vision layers:"),
    ("clip.vision.embedding_length", "hidden_size", "vision width"),
    ("clip.vision.attention.head_count", "num_heads", "vision attention heads:"),
    ("clip.vision.patch_size", "patch_size", "patch size"),
    ("clip.vision.projection_dim", "out_hidden_size", "projected width"),
)
"""The same of the vision tower, and of the config's `vision_config`. Older converters put 0 for some."""


def language_modules(layers: int) -> dict[str, tuple[str, ...]]:
    """Return each module of a language model of so many layers, and the stems of its tensors."""
    return _expanded(LANGUAGE, layers)


def vision_modules(depth: int) -> dict[str, tuple[str, ...]]:
    """Return each module, but for the patch embedding, of a vision tower of so many layers."""
    return _expanded(VISION, depth)


def _expanded(table: dict[str, tuple[str, ...]], count: int) -> dict[str, tuple[str, ...]]:
    return {
        module.format(number): tuple(stem.format(number) for stem in stems)
        for module, stems in table.items()
        for number in (range(count) if "{}" in module else (0,))
    }
