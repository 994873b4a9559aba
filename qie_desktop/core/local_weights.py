"""Where the local model's files are published: repositories, names and about how large they are.

What is exact, sizes and hashes, is taken from the hub's metadata when they are downloaded.
"""

from __future__ import annotations

import math

from qie_desktop.core.model import HubWeights, Quality
from qie_desktop.core.model_parts import TextEncoderFiles

_LIGHTNING_SCHEDULER = (
    ("base_image_seq_len", 256),
    ("base_shift", math.log(3)),
    ("invert_sigmas", False),
    ("max_image_seq_len", 8192),
    ("max_shift", math.log(3)),
    ("num_train_timesteps", 1000),
    ("shift", 1.0),
    ("shift_terminal", None),
    ("stochastic_sampling", False),
    ("time_shift_type", "exponential"),
    ("use_beta_sigmas", False),
    ("use_dynamic_shifting", True),
    ("use_exponential_sigmas", False),
    ("use_karras_sigmas", False),
)
"""What Lightning was distilled with: a shift of 3 at every size, and nothing stretched; as lightx2v says."""

QUALITIES = (
    Quality(
        "lightning-4",
        "Lightning · 4 steps",
        steps=4,
        guidance=1.0,
        lora="Qwen-Image-Edit-2509/Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors",
        scheduler=_LIGHTNING_SCHEDULER,
    ),
    Quality(
        "lightning-8",
        "Lightning · 8 steps",
        steps=8,
        guidance=1.0,
        lora="Qwen-Image-Edit-2509/Qwen-Image-Edit-2509-Lightning-8steps-V1.0-bf16.safetensors",
        scheduler=_LIGHTNING_SCHEDULER,
    ),
    Quality("full", "Full quality · 40 steps", steps=40, guidance=4.0),
)
"""The ways to run it: the Lightning files are distilled for so many steps, and each is used for its own."""

_BASE = "Qwen/Qwen-Image-Edit-2509"
_COMPACT = "unsloth/Qwen2.5-VL-7B-Instruct-GGUF"
_LORAS = "lightx2v/Qwen-Image-Lightning"

LOCAL_WEIGHTS = HubWeights(
    base_repo=_BASE,
    gguf_repo="QuantStack/Qwen-Image-Edit-2509-GGUF",
    gguf_pattern="Qwen-Image-Edit-2509-{quantisation}.gguf",
    gguf_gb=(("Q2_K", 7.15), ("Q4_K_M", 13.07), ("Q5_K_S", 14.12), ("Q8_0", 21.76)),
    text_encoder_gb=16.6,
    base_gb=0.3,
    base_files=(
        "model_index.json",
        "scheduler/*",
        "tokenizer/*",
        "processor/*",
        "vae/*",
        "transformer/config.json",
        "text_encoder/*config.json",
    ),
    text_encoder_files=("text_encoder/*.safetensors", "text_encoder/*.safetensors.index.json"),
    text_encoders=(
        TextEncoderFiles("full", "full", 16.6),
        TextEncoderFiles(
            "compact",
            "compact",
            6.04,
            repo=_COMPACT,
            language="Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf",
            vision="mmproj-BF16.gguf",
        ),
    ),
    lora_repo=_LORAS,
    loras=tuple(quality.lora for quality in QUALITIES if quality.lora),
    loras_gb=1.7,
    # Commits that are in wide use; the others are pinned when they are first downloaded.
    revisions=(
        (_BASE, "d3968ef930e841f4c73640fb8afa3b306a78167e"),
        (_LORAS, "e74da8d4e71a54b341de86aa9f8d2509165aa513"),
        (_COMPACT, "68bb8bc4b7df5289c143aaec0ab477a7d4051aab"),
    ),
)
