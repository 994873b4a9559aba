"""A checkpoint as training's own networks: read from an exported folder, or from what training left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from training.pools import LatentCoder
from training.text_model import TextModel
from training.tokens import Tokens
from training.transformer import SHIFT, Transformer, shifted, unpack
from training.vae import Vae
from training.vision import load_features

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from training.workplace import Workplace

_TIME_AXIS_DIMENSIONS = 5


@dataclass(slots=True)
class Model:
    """All three networks, for edits of batches of pictures of one size."""

    coder: LatentCoder
    transformer: Transformer
    text: TextModel
    features: dict[tuple[int, int], Tensor]
    shift: float
    """Of the schedule: how near to nothing but noise all steps but the last end."""

    @torch.no_grad()
    def hidden(self, prompt: str) -> Tensor:
        """Return the hidden states `(1, T, width)` of a prompt."""
        grid = max(self.features, key=lambda each: len(self.features[each]))
        features = self.features[grid]
        ids = torch.tensor([self.text.tokens.suffix(prompt, grid[0] * grid[1])], device=features.device)
        return self.text(ids, grid, features[:1])

    @torch.no_grad()
    def edit(self, pictures: Tensor, reference: Tensor, prompt: str, steps: int = 4) -> Tensor:
        """Return edited pictures `(B, 3, H, W)`, cut to 0–1; `reference` is what `coder.encode` gives."""
        height, width = pictures.shape[-2:]
        generator = torch.Generator("cpu").manual_seed(1)
        latents = torch.randn(len(pictures), height * width // 256, 64, generator=generator).to(
            pictures.device
        )
        text = self.hidden(prompt).expand(len(pictures), -1, -1).to(self.coder.type)
        for step in range(steps):
            sigma, after = (self.sigma(1 - each / steps) for each in (step, step + 1))
            sigmas = torch.full((len(pictures),), sigma, device=pictures.device)
            velocity = self.transformer(latents.to(self.coder.type), reference, text, sigmas, width // 16)
            latents = latents + (after - sigma) * velocity
        return self.coder.decode(unpack(latents, height // 8, width // 8)).clamp(0, 1)

    def sigma(self, share: float) -> float:
        """Return the share of noise at a place of the schedule from 1 to 0."""
        return shifted(share, self.shift)


def from_folder(folder: Path, place: Workplace) -> Model:
    """Read an exported checkpoint. The frozen vision tower, and its features, are the same in all of them."""
    import gguf

    reader: Any = gguf.GGUFReader(folder / "transformer" / "starter.gguf")
    weights = {
        tensor.name: torch.tensor(
            gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=torch.float32
        )
        for tensor in reader.tensors
    }
    config = json.loads((folder / "vae" / "config.json").read_text("utf-8"))
    vae: dict[str, Tensor] = {}
    for name, value in load_file(folder / "vae" / "diffusion_pytorch_model.safetensors").items():
        if "time_conv" not in name:
            vae[f"vae.{name}"] = (value[:, :, -1] if value.ndim == _TIME_AXIS_DIMENSIONS else value).float()
    shapes = {f"vae.{name}": value.shape for name, value in Vae().state_dict().items()}
    vae = {name: value.reshape(shapes[name]) for name, value in vae.items()}
    vae["mean"], vae["std"] = torch.tensor(config["latents_mean"]), torch.tensor(config["latents_std"])
    encoder = load_file(folder / "text_encoder" / "model.safetensors")
    language = {
        name.removeprefix("model."): value.float()
        for name, value in encoder.items()
        if name.startswith("model.")
    }
    schedule = json.loads((folder / "scheduler" / "scheduler_config.json").read_text("utf-8"))
    return _model(place, vae, weights, language, schedule["shift"])


def from_training(place: Workplace, *, quantised: bool) -> Model:
    """Read what training left; with `quantised` as it will be when it is exported."""
    weights = load_file(place.settled("transformer"))
    if quantised:
        from training.export import rounded

        weights = rounded(weights)
    text = load_file(place.weights("text"))
    language = {name[2:]: value for name, value in text.items() if name.startswith("0.")}
    return _model(place, load_file(place.settled("vae")), weights, language, SHIFT)


def _model(
    place: Workplace,
    vae: dict[str, Tensor],
    weights: dict[str, Tensor],
    language: dict[str, Tensor],
    shift: float,
) -> Model:
    device = place.device
    vae.setdefault("sensitivity", torch.ones(len(vae["mean"])))
    coder = LatentCoder(vae, device)
    # What is measured is what the app computes on a CPU.
    coder.type = torch.float32
    transformer = Transformer().to(device)
    flat = {
        name: value.float().reshape(transformer.state_dict()[name].shape) for name, value in weights.items()
    }
    transformer.load_state_dict(flat)
    text = TextModel(Tokens.load(place.tokens)).to(device)
    text.load_state_dict(language)
    features = {grid: value.to(device) for grid, value in load_features(place.vision).items()}
    return Model(
        coder,
        transformer.requires_grad_(requires_grad=False),
        text.requires_grad_(requires_grad=False),
        features,
        shift,
    )
