"""LoRA files for the tiny checkpoint, with random factors, in the layouts that occur in the wild."""

import json
import zlib
from collections.abc import Collection
from pathlib import Path

from tests.support.tiny_models import TRANSFORMER_CONFIG, transformer_shapes

BLOCK_LAYERS = ("attn.", "_mlp.")
MODULATION_LAYERS = ("_mod.1",)
OUTER_LAYERS = ("img_in", "txt_in", "proj_out", "norm_out.linear", "timestep_embedder")
ALL_LAYERS = (*BLOCK_LAYERS, *MODULATION_LAYERS, *OUTER_LAYERS)
# As lightx2v's files: all linear layers of the blocks, modulation included.
LIGHTNING_LAYERS = (*BLOCK_LAYERS, *MODULATION_LAYERS)

STYLES = ("lightx2v", "peft", "kohya", "comfy", "comfy alpha", "diffsynth", "configured")


def write_lora(
    path: Path,
    style: str = "lightx2v",
    *,
    layers: Collection[str] = LIGHTNING_LAYERS,
    rank: int = 4,
    alpha: float = 3.0,
    seed: int = 0,
    dtype: str = "float32",
) -> Path:
    """Write a LoRA in one of `STYLES` that changes the layers whose names hold one of `layers`.

    Without an `alpha` of its own (peft, comfy, diffsynth) a layer's is its rank, whatever is given here.
    """
    import torch
    from safetensors.torch import save_file

    factors = random_factors(layers, rank, seed)
    tensors: dict[str, torch.Tensor] = {}
    for name, (down, up) in factors.items():
        base, first, second, has_alpha = _written(name, style)
        tensors[f"{base}.{first}.weight"] = down.to(getattr(torch, dtype))
        tensors[f"{base}.{second}.weight"] = up.to(getattr(torch, dtype))
        if has_alpha:
            tensors[f"{base}.alpha"] = torch.tensor(alpha, dtype=getattr(torch, dtype))
    metadata = None
    if style == "configured":
        config = {"r": rank, "lora_alpha": alpha, "target_modules": sorted(factors)}
        metadata = {
            "format": "pt",
            "lora_adapter_metadata": json.dumps({f"transformer.{key}": config[key] for key in config}),
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata=metadata)
    return path


def random_factors(layers: Collection[str], rank: int, seed: int) -> dict[str, tuple]:
    """Factors `(rank, in)` and `(out, rank)` that change what a layer gives by about a third of it."""
    import torch

    factors = {}
    for key, shape in transformer_shapes(TRANSFORMER_CONFIG).items():
        name = key.removesuffix(".weight")
        if name == key or len(shape) != 2 or not any(part in name for part in layers):
            continue
        generator = torch.Generator("cpu").manual_seed(zlib.crc32(f"{seed} {name}".encode()))
        down = torch.randn((rank, shape[1]), generator=generator) * shape[1] ** -0.5
        factors[name] = down, torch.randn((shape[0], rank), generator=generator) * 0.3 * rank**-0.5
    return factors


def _written(name: str, style: str) -> tuple[str, str, str, bool]:
    """How a layer is called, its two factors are, and whether there is an alpha."""
    return {
        "lightx2v": (name, "lora_down", "lora_up", True),
        "peft": (f"transformer.{name}", "lora_A", "lora_B", False),
        "kohya": (f"lora_unet_{name.replace('.', '_')}", "lora_down", "lora_up", True),
        "comfy": (f"diffusion_model.{name}", "lora_A", "lora_B", False),
        "comfy alpha": (f"diffusion_model.{name}", "lora_down", "lora_up", True),
        "diffsynth": (name, "lora_A.default", "lora_B.default", False),
        "configured": (f"transformer.{name}", "lora_A", "lora_B", False),
    }[style]
