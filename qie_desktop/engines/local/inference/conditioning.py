"""Prompt and pictures to the hidden states that condition the transformer.

Source: `_get_qwen_prompt_embeds` of diffusers' QwenImageEditPlusPipeline. It differs in what that does wrong:
the image tokens are marked as such (`mm_token_type_ids`), without which transformers 5 gives them the
positions of text (diffusers issue 14194); and the length of the template is counted, not assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLModel
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.errors import CheckpointMismatch, InvalidRequest
from qie_desktop.core.geometry import Size, plan_condition
from qie_desktop.engines.local.inference.completeness import check_complete
from qie_desktop.engines.local.inference.interruption import interruptible
from qie_desktop.engines.local.inference.text_encoder_gguf import load_compact_text_encoder
from qie_desktop.engines.local.inference.text_encoder_layers import PatchEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from qie_desktop.engines.local.inference.device import Device
    from qie_desktop.engines.local.text_encoder_files import CompactTextEncoder

CONDITION_AREA_PX = 384 * 384
CONDITION_MULTIPLE_PX = 32
MAX_PROMPT_TOKENS = 1024
"""The stock pipeline's `tokenizer_max_length`."""

_SYSTEM_PROMPT = (
    "Describe the key features of the input image (color, shape, size, texture, objects, background), then "
    "explain how the user's text instruction should alter or modify the image. Generate a new image that "
    "meets the user's requirements while maintaining consistency with the original input where appropriate."
)
_PREFIX = f"<|im_start|>system\n{_SYSTEM_PROMPT}<|im_end|>\n<|im_start|>user\n"
_SUFFIX = "<|im_end|>\n<|im_start|>assistant\n"
_IMAGE_TOKEN = "<|image_pad|>"
_IMAGE_TYPE = 1
"""What `mm_token_type_ids` calls an image token; text is 0."""


class TextConditioner:
    """Encodes a prompt together with the pictures it speaks of."""

    def __init__(
        self,
        folder: Path,
        device: Device,
        compact: CompactTextEncoder | None = None,
        *,
        cancel: CancelToken | None = None,
        progress: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Load text encoder, tokenizer and image processor from a checkpoint's folder.

        With `compact` the weights are those of its files: only that loading can be cancelled, and tells its
        progress.
        """
        self._device = device
        self._tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        self._image_processor = Qwen2VLImageProcessorPil.from_pretrained(
            folder / "processor", local_files_only=True
        )
        encoder = folder / "text_encoder"
        self._model: Any = (
            _load_full(encoder, device)
            if compact is None
            else load_compact_text_encoder(encoder, compact, device, cancel or CancelToken(), progress)
        )
        self._image_token_id = int(self._tokenizer.convert_tokens_to_ids(_IMAGE_TOKEN))
        if self._image_token_id != self._model.config.image_token_id:
            raise CheckpointMismatch(
                f"The tokenizer's {_IMAGE_TOKEN} is {self._image_token_id}, the text encoder expects "
                f"{self._model.config.image_token_id}.",
                "Use the tokenizer and text_encoder folders of the same model.",
            )
        self._prefix = self._tokens(_PREFIX)
        self._suffix = self._tokens(_SUFFIX)

    @property
    def width(self) -> int:
        """The width of the hidden states."""
        return int(self._model.config.text_config.hidden_size)

    def encode(
        self, prompt: str, pictures: list[Image.Image], cancel: CancelToken, multiple: int = 1
    ) -> Tensor:
        """Return the hidden states `(1, tokens, width)` of a prompt and its RGB pictures.

        The template's own prefix is left out. The prompt is filled up with spaces until it and the pictures
        are a multiple of so many tokens. Raises InvalidRequest when the prompt is too long.
        """
        images = self._image_processor(
            images=[_condition(picture) for picture in pictures], return_tensors="pt"
        )
        grids = images["image_grid_thw"]
        merged = self._image_processor.merge_size**2
        tokens = list(self._prefix)
        for number, grid in enumerate(grids, start=1):
            tokens += self._tokens(f"Picture {number}: <|vision_start|>")
            tokens += [self._image_token_id] * (int(grid.prod()) // merged)
            tokens += self._tokens("<|vision_end|>")
        asked = self._prompt_tokens(prompt)
        filled = len(asked) + tokens.count(self._image_token_id)
        tokens += asked + self._tokens(" ") * (-filled % multiple) + self._suffix
        input_ids = torch.tensor([tokens], device=self._device.device)
        with interruptible(self._model, cancel):
            hidden = self._model(
                input_ids=input_ids,
                attention_mask=torch.ones_like(input_ids),
                mm_token_type_ids=(input_ids == self._image_token_id).int() * _IMAGE_TYPE,
                pixel_values=images["pixel_values"].to(self._device.device, self._device.dtype),
                image_grid_thw=grids.to(self._device.device),
                use_cache=False,
            ).last_hidden_state
        return hidden[:, len(self._prefix) :]

    def _tokens(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _prompt_tokens(self, prompt: str) -> list[int]:
        """Tokenise the person's own text, in which `<|im_end|>` and the like are just characters."""
        encoded = self._tokenizer(prompt, add_special_tokens=False, split_special_tokens=True)
        tokens = list(encoded["input_ids"])
        if len(tokens) > MAX_PROMPT_TOKENS:
            raise InvalidRequest(
                "prompt",
                f"The prompt has {len(tokens)} tokens; the model reads at most {MAX_PROMPT_TOKENS}.",
                "Shorten it.",
            )
        return tokens


def _load_full(folder: Path, device: Device) -> Qwen2_5_VLModel:
    """Load the model, without its language head, as it was published: only hidden states are used."""
    loaded: Any = Qwen2_5_VLModel.from_pretrained(
        folder, dtype=device.dtype, local_files_only=True, output_loading_info=True
    )
    model, report = loaded
    check_complete("text encoder", report)
    embedding = model.visual.patch_embed
    embedding.proj = PatchEmbedding(embedding.proj.weight.detach())
    return model.to(device.device).eval().requires_grad_(requires_grad=False)


def _condition(picture: Image.Image) -> Image.Image:
    size = plan_condition(Size(*picture.size), CONDITION_AREA_PX, CONDITION_MULTIPLE_PX)
    return picture.resize(size, Image.Resampling.LANCZOS)
