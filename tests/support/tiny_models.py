"""The parts of a tiny Qwen-Image-Edit-2509: the real classes, at the smallest sizes that still exercise them.

Weights are random and scaled so that every part matters: activations, latents and velocities are of order
one, images change what the text encoder says, positions change what attention sees, pictures are neither flat
nor clipped.
"""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch
    from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

SPECIAL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
SYSTEM_PROMPT = (
    "Describe the key features of the input image (color, shape, size, texture, objects, background), "
    "then explain how the user's text instruction should alter or modify the image. "
    "Generate a new image that meets the user's requirements "
    "while maintaining consistency with the original input where appropriate."
)
TEMPLATE_PREFIX = f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n<|im_start|>user\n"
# The real tokenizer makes this many tokens of the prefix, and diffusers drops as many without counting.
PREFIX_TOKENS = 64

TEXT_WIDTH = 256
TRANSFORMER_CONFIG: "Mapping[str, Any]" = {
    "_class_name": "QwenImageTransformer2DModel",
    "_diffusers_version": "0.36.0.dev0",
    "attention_head_dim": 64,
    "axes_dims_rope": [16, 24, 24],
    "guidance_embeds": False,
    "in_channels": 64,
    "joint_attention_dim": TEXT_WIDTH,
    "num_attention_heads": 4,
    "num_layers": 2,
    "out_channels": 16,
    "patch_size": 2,
    "pooled_projection_dim": 768,
}


def build_tokenizer() -> "Qwen2Tokenizer":
    """A byte-level Qwen2 tokenizer with the real special tokens; the template's prefix is exactly 64 tokens.

    Every byte is a token, but for one long added one: as much of the system prompt as makes the rest 64.
    """
    from tokenizers import AddedToken
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    alphabet = {character: index for index, character in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = Qwen2Tokenizer(vocab=alphabet, merges=[], eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL_TOKENS)})
    surplus = len(tokenizer(TEMPLATE_PREFIX)["input_ids"]) - PREFIX_TOKENS
    head = AddedToken(SYSTEM_PROMPT[: surplus + 1], normalized=False, special=False)
    tokenizer.add_tokens([head])
    return tokenizer


def build_text_encoder(tokenizer: "Qwen2Tokenizer", *, seed: int) -> "Qwen2_5_VLForConditionalGeneration":
    """Qwen2.5-VL of two layers, with one windowed and one full block of vision; float32."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    token = tokenizer.convert_tokens_to_ids
    text = {
        "hidden_size": TEXT_WIDTH, "intermediate_size": 512, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": len(tokenizer),
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "mrope_section": [8, 12, 12], "rope_theta": 1e6},
        "bos_token_id": token("<|endoftext|>"), "eos_token_id": token("<|im_end|>"),
        "pad_token_id": token("<|endoftext|>"),
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2,
        "out_hidden_size": TEXT_WIDTH, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2,
        "window_size": 112, "fullatt_block_indexes": [1],
    }  # fmt: skip
    model = Qwen2_5_VLForConditionalGeneration(text_encoder_config(tokenizer, text, vision)).eval()
    generator = torch.Generator("cpu").manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(random_weight(name, tuple(parameter.shape), generator))
    return model


def text_encoder_config(
    tokenizer: "Qwen2Tokenizer", text: "Mapping[str, Any]", vision: "Mapping[str, Any]"
) -> "Qwen2_5_VLConfig":
    """The config of a Qwen2.5-VL of these sizes, with the tokenizer's numbers of the special tokens."""
    from transformers import Qwen2_5_VLConfig

    token = tokenizer.convert_tokens_to_ids
    return Qwen2_5_VLConfig(
        text_config=dict(text),
        vision_config=dict(vision),
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=False,
    )


def build_vae(*, seed: int, width: int = 16, blocks: int = 1) -> "AutoencoderKLQwenImage":
    """The VAE at a small base width, float32; its latents have the real `latents_mean` and `latents_std`."""
    import torch
    from diffusers import AutoencoderKLQwenImage

    vae = AutoencoderKLQwenImage(base_dim=width, num_res_blocks=blocks).eval()
    generator = torch.Generator("cpu").manual_seed(seed)
    with torch.no_grad():
        for name, parameter in vae.named_parameters():
            parameter.copy_(random_weight(name, tuple(parameter.shape), generator))
        _scale_vae(vae, generator)
    return vae


def _scale_vae(vae: "AutoencoderKLQwenImage", generator: "torch.Generator") -> None:
    """Scale the last layers of both halves by what they give: nominal latents, pictures within -1 to 1."""
    import torch
    from torch.nn.functional import interpolate

    mean, std = torch.tensor(vae.config.latents_mean), torch.tensor(vae.config.latents_std)
    pictures = interpolate(
        torch.rand(4, 3, 12, 12, generator=generator) * 2 - 1, size=(96, 96), mode="bilinear"
    )
    found = vae.encode(pictures.unsqueeze(2)).latent_dist.mode().transpose(0, 1).flatten(1)
    factor = std / found.std(dim=1)
    convolution = vae.quant_conv
    convolution.weight[:16] *= factor.view(-1, 1, 1, 1, 1)
    convolution.bias[:16] = convolution.bias[:16] * factor + mean - found.mean(dim=1) * factor

    view = (1, -1, 1, 1, 1)
    latents = torch.randn(4, 16, 1, 12, 12, generator=generator) * std.view(view) + mean.view(view)
    last = vae.decoder.conv_out
    # `decode` clips to -1 to 1: what it gives is measured well within.
    shrink, wanted_std = 1e-3, 0.35
    last.weight *= shrink
    last.bias *= shrink
    decoded = vae.decode(latents).sample.transpose(0, 1).flatten(1)
    factor = wanted_std / decoded.std(dim=1)
    last.weight *= factor.view(-1, 1, 1, 1, 1)
    last.bias.copy_((last.bias - decoded.mean(dim=1)) * factor)


def empty_transformer(config: "Mapping[str, Any]") -> "QwenImageTransformer2DModel":
    """The stock transformer without values: all on the meta device, its position tables too."""
    import torch
    from diffusers import QwenImageTransformer2DModel

    # The published configuration still has this key, which the class no longer knows and warns about.
    known = {name: value for name, value in config.items() if name != "pooled_projection_dim"}
    with torch.device("meta"):
        return QwenImageTransformer2DModel.from_config(known)


def transformer_shapes(config: "Mapping[str, Any]") -> dict[str, tuple[int, ...]]:
    """Name and shape of each weight of the stock transformer class at this configuration."""
    weights = empty_transformer(config).state_dict()
    return {name: tuple(weight.shape) for name, weight in weights.items()}


@contextmanager
def one_thread() -> "Iterator[None]":
    """Let torch use one thread for a while: on tiny layers and shared cores its threads mostly wait."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def random_weight(name: str, shape: tuple[int, ...], generator: "torch.Generator") -> "torch.Tensor":
    """A random weight that keeps its layer's output about as large as its input; float32."""
    import torch

    return torch.randn(shape, generator=generator) * weight_std(name, shape) + weight_mean(name, shape)


def weight_std(name: str, shape: tuple[int, ...]) -> float:
    """The spread that suits a weight: one over the root of its inputs, but for those named here."""
    if "embed_tokens" in name:
        return 0.5
    inputs = shape[1:]
    if len([side for side in shape if side > 1]) <= 1 or not inputs:
        return 0.1
    count = 1
    for side in inputs:
        count *= side
    return count**-0.5


def weight_mean(name: str, shape: tuple[int, ...]) -> float:
    """One for the gains of norms, which alone are vectors that are no biases; else zero."""
    is_vector = len([side for side in shape if side > 1]) <= 1
    return 1.0 if is_vector and not name.endswith("bias") else 0.0
