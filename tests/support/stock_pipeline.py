"""diffusers' own Edit-Plus pipeline on a tiny checkpoint: the oracle for the local engine.

Float32, CPU. The transformer is the stock class with the weights that gguf-py reads, because diffusers' own
GGUF path dequantises in half precision. Three things are mended from outside, and nothing else: the token
types that the pipeline forgets to pass, the processor that needs torchvision, and the size of the references.
"""

import json
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.tiny_checkpoint import read_gguf_weights
from tests.support.tiny_models import empty_transformer, one_thread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import torch
    from diffusers import QwenImageEditPlusPipeline, QwenImageTransformer2DModel
    from PIL import Image
    from transformers import BatchFeature, Qwen2Tokenizer
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

IMAGE_PAD = "<|image_pad|>"


@dataclass(frozen=True, slots=True)
class StockResult:
    """What one run gave, stage by stage; tensors are float32 on the CPU.

    Packed latents are `(1, tokens, 64)`; embeddings are `(1, tokens, width)`, without the template's prefix.
    """

    latents: "torch.Tensor"
    latents_by_step: "tuple[torch.Tensor, ...]"
    noise: "torch.Tensor"
    reference_latents: "torch.Tensor"
    prompt_embeds: "torch.Tensor"
    # None where classifier-free guidance is off.
    negative_prompt_embeds: "torch.Tensor | None"
    # As the unmended pipeline encodes the prompt: image tokens at text positions.
    untyped_prompt_embeds: "torch.Tensor"
    # One more than the steps: the last is 0.
    sigmas: "torch.Tensor"
    timesteps: "torch.Tensor"
    # (height, width, 3), 0 to 1.
    picture: "np.ndarray"

    def to_image(self) -> "Image.Image":
        """The picture as the pipeline rounds it to 8 bits."""
        from diffusers.image_processor import VaeImageProcessor

        return VaeImageProcessor.numpy_to_pil(self.picture)[0]


def run_stock(
    checkpoint: Path,
    gguf_path: Path,
    images: "list[Image.Image]",
    prompt: str,
    negative_prompt: str | None,
    *,
    seed: int,
    steps: int,
    true_cfg_scale: float,
    reference_area_px: int,
    width: int,
    height: int,
    scheduler: "Mapping[str, Any] | None" = None,
    loras: "Sequence[tuple[Path, float]]" = (),
) -> StockResult:
    """Run the stock pipeline once.

    `reference_area_px` takes the place of its own megapixel: references have this area, sides rounded to 32.
    `scheduler` overrides entries of the checkpoint's scheduler configuration; `loras` are loaded by peft,
    each with its strength.
    """
    import torch

    pipeline = build_pipeline(checkpoint, gguf_path, scheduler=scheduler)
    names = [f"lora_{number}" for number in range(len(loras))]
    with warnings.catch_warnings():
        # peft warns of what is wanted here: several at a time.
        warnings.filterwarnings("ignore", "Already found a `peft_config` attribute")
        for name, (path, _) in zip(names, loras, strict=True):
            pipeline.load_lora_weights(path.parent, weight_name=path.name, adapter_name=name)
    if names:
        pipeline.set_adapters(names, [strength for _, strength in loras])
    record = _Record(pipeline)
    with one_thread(), reference_area(reference_area_px), _token_types(pipeline):
        output = pipeline(
            image=images,
            prompt=prompt,
            negative_prompt=negative_prompt,
            true_cfg_scale=true_cfg_scale,
            width=width,
            height=height,
            num_inference_steps=steps,
            generator=torch.Generator("cpu").manual_seed(seed),
            callback_on_step_end=record.step,
            output_type="np",
        )
    embeds = record.embeds.copy()
    with one_thread(), torch.no_grad():
        untyped, _ = pipeline.encode_prompt(prompt, image=record.condition_images)
    return StockResult(
        latents=record.latents[-1],
        latents_by_step=tuple(record.latents),
        noise=record.noise,
        reference_latents=record.references,
        prompt_embeds=embeds[0],
        negative_prompt_embeds=embeds[1] if len(embeds) > 1 else None,
        untyped_prompt_embeds=untyped,
        sigmas=pipeline.scheduler.sigmas.clone(),
        timesteps=pipeline.scheduler.timesteps.clone(),
        picture=output.images[0],
    )


def build_pipeline(
    checkpoint: Path, gguf_path: Path, *, scheduler: "Mapping[str, Any] | None" = None
) -> "QwenImageEditPlusPipeline":
    """The stock pipeline over a checkpoint, unmended but for the stand-in of its processor."""
    import torch
    from diffusers import AutoencoderKLQwenImage, FlowMatchEulerDiscreteScheduler, QwenImageEditPlusPipeline
    from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = Qwen2Tokenizer.from_pretrained(checkpoint / "tokenizer")
    image_processor = Qwen2VLImageProcessorPil.from_pretrained(checkpoint / "processor")
    folder = checkpoint / "text_encoder"
    text_encoder = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    pipeline = QwenImageEditPlusPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler.from_config(
            FlowMatchEulerDiscreteScheduler.load_config(checkpoint / "scheduler"), **(scheduler or {})
        ),
        vae=AutoencoderKLQwenImage.from_pretrained(checkpoint / "vae", torch_dtype=torch.float32),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        processor=PilProcessor(image_processor, tokenizer),
        transformer=load_transformer(checkpoint, gguf_path),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_transformer(checkpoint: Path, gguf_path: Path) -> "QwenImageTransformer2DModel":
    """The stock transformer, float32, with every weight as gguf-py reads it."""
    transformer = empty_transformer(json.loads((checkpoint / "transformer" / "config.json").read_text()))
    transformer.load_state_dict(read_gguf_weights(gguf_path), strict=True, assign=True)
    # Its tables are plain attributes: on the meta device they were built without values.
    transformer.pos_embed = type(transformer.pos_embed)(
        theta=10000, axes_dim=list(transformer.config.axes_dims_rope), scale_rope=True
    )
    return transformer.eval()


class PilProcessor:
    """What `Qwen2VLProcessor` does with text and images, without torchvision."""

    def __init__(self, image_processor: "Qwen2VLImageProcessorPil", tokenizer: "Qwen2Tokenizer") -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer

    def __call__(
        self, text: list[str], images: "list[Image.Image]", padding: bool, return_tensors: str
    ) -> "BatchFeature":
        from transformers import BatchFeature

        pixels = self.image_processor(images=images, return_tensors=return_tensors)
        merged = self.image_processor.merge_size**2
        tokens = [int(grid.prod()) // merged for grid in pixels["image_grid_thw"]]
        expanded = []
        for prompt in text:
            first, *rest = prompt.split(IMAGE_PAD)
            parts = [IMAGE_PAD * count + part for count, part in zip(tokens, rest, strict=True)]
            expanded.append(first + "".join(parts))
        encoded = self.tokenizer(expanded, padding=padding, return_tensors=return_tensors)
        return BatchFeature({**encoded, **pixels})


@contextmanager
def reference_area(area_px: int) -> "Iterator[None]":
    """Give the stock pipeline another area for its references, for a while."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as module

    stock = module.VAE_IMAGE_SIZE
    module.VAE_IMAGE_SIZE = area_px
    try:
        yield
    finally:
        module.VAE_IMAGE_SIZE = stock


@contextmanager
def _token_types(pipeline: "QwenImageEditPlusPipeline") -> "Iterator[None]":
    """Pass `mm_token_type_ids`, which the pipeline does not (huggingface/diffusers issue 14194)."""
    image_token = pipeline.text_encoder.config.image_token_id

    def add_types(_: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, kwargs | {"mm_token_type_ids": (kwargs["input_ids"] == image_token).int()}

    handle = pipeline.text_encoder.register_forward_pre_hook(add_types, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


class _Record:
    """Keeps what passes between the stages of a pipeline's run."""

    def __init__(self, pipeline: "QwenImageEditPlusPipeline") -> None:
        self.latents: list[torch.Tensor] = []
        self.embeds: list[torch.Tensor] = []
        self._encode, self._prepare = pipeline.encode_prompt, pipeline.prepare_latents
        pipeline.encode_prompt, pipeline.prepare_latents = self._keep_embeds, self._keep_latents

    def step(
        self, _: object, __: int, ___: object, values: "dict[str, torch.Tensor]"
    ) -> "dict[str, torch.Tensor]":
        self.latents.append(values["latents"].clone())
        return {}

    def _keep_embeds(self, *args: Any, **kwargs: Any) -> Any:
        self.condition_images = kwargs["image"]
        result = self._encode(*args, **kwargs)
        self.embeds.append(result[0])
        return result

    def _keep_latents(self, *args: Any, **kwargs: Any) -> Any:
        self.noise, self.references = self._prepare(*args, **kwargs)
        return self.noise, self.references
