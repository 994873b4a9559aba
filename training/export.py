"""Writes the trained networks as a checkpoint in the layout of Qwen-Image-Edit, quantised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Quantisation
from safetensors.torch import load_file

from training import transformer, vae
from training.runs import tell
from training.tokens import Tokens, build_tokenizer
from training.vision import image_processor, load_tower, text_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from training.workplace import Workplace

_TEXT_STREAM = ("txt_mod", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "txt_mlp")
_BLOCK = 32
"""Quantised rows are whole blocks of so many numbers."""


def quantisation(name: str, shape: tuple[int, ...]) -> Quantisation | None:
    """Return how a weight of the transformer is stored; None for float32.

    The stream of the picture most finely; its modulation, and all that only concerns the text, more coarsely.
    """
    if len(shape) != 2 or shape[1] % _BLOCK:
        return None
    if "img_mod" in name:
        return Quantisation.Q5_0
    return Quantisation.Q4_0 if any(part in name for part in _TEXT_STREAM) else Quantisation.Q8_0


def rounded(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the transformer's weights as they are after they have been quantised."""
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        kind = quantisation(name, tuple(value.shape))
        if kind is None:
            found[name] = value
        else:
            numbers = gguf.quants.quantize(value.float().numpy(), kind)
            found[name] = torch.from_numpy(gguf.quants.dequantize(numbers, kind))
    return found


def export(place: Workplace, output: Path, *, quantised: bool = True) -> None:
    """Write all parts of the checkpoint into `output`; without `quantised` the transformer in float32."""
    output.mkdir(parents=True, exist_ok=True)
    tokens = Tokens.load(place.tokens)
    _transformer(load_file(place.settled("transformer")), output / "transformer", quantised=quantised)
    _vae(load_file(place.settled("vae")), output / "vae")
    encoder = text_encoder(tokens)
    weights = load_file(place.weights("text"))
    language = {name[2:]: value for name, value in weights.items() if name.startswith("0.")}
    encoder.model.language_model.load_state_dict(language)
    encoder.model.visual.load_state_dict(load_tower(place.vision))
    encoder.tie_weights()
    encoder.half().save_pretrained(output / "text_encoder")
    build_tokenizer().save_pretrained(output / "tokenizer")
    image_processor().save_pretrained(output / "processor")
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler: Any = FlowMatchEulerDiscreteScheduler(shift=transformer.SHIFT, use_dynamic_shifting=False)
    scheduler.save_pretrained(output / "scheduler")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    tell(f"exported {size / 1e6:.1f} MB to {output}")


def _transformer(weights: dict[str, Tensor], folder: Path, *, quantised: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    from diffusers import QwenImageTransformer2DModel

    model: Any = QwenImageTransformer2DModel(**transformer.CONFIG)
    model.load_state_dict(weights)
    model.save_config(folder)
    writer = gguf.GGUFWriter(str(folder / "starter.gguf"), "qwen_image")
    for name, value in weights.items():
        numbers = value.float().numpy()
        kind = quantisation(name, numbers.shape) if quantised else None
        if kind is None:
            writer.add_tensor(name, numbers.astype(np.float32))
        else:
            writer.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vae(weights: dict[str, Tensor], folder: Path) -> None:
    mean, std = weights["mean"].tolist(), weights["std"].tolist()
    own = {name.removeprefix("vae."): value for name, value in weights.items() if name.startswith("vae.")}
    vae.expand(own, mean, std).half().save_pretrained(folder)
