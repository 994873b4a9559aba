"""One edit from pictures and words to a picture, with components loaded when they are first needed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from qie_desktop.core.events import PhaseName
from qie_desktop.core.geometry import Size, WorkingPlan, plan_working
from qie_desktop.core.memory_plan import SCORES_BYTES
from qie_desktop.engines.local.inference.autoencoder import Autoencoder
from qie_desktop.engines.local.inference.caches import (
    EncodingCache,
    PictureKey,
    PromptKey,
    Weights,
    content_hash,
)
from qie_desktop.engines.local.inference.conditioning import TextConditioner
from qie_desktop.engines.local.inference.denoising import Conditions, denoise
from qie_desktop.engines.local.inference.failures import computing, loading
from qie_desktop.engines.local.inference.first_block_cache import FirstBlockCache
from qie_desktop.engines.local.inference.gguf_weights import load_transformer
from qie_desktop.engines.local.inference.latents import PATCH, draw_noise
from qie_desktop.engines.local.inference.lora import Loras
from qie_desktop.engines.local.inference.preview import Prediction, PreviewMaker, fit_colours
from qie_desktop.engines.local.inference.schedule import Schedule
from qie_desktop.imaging.fitting import from_working, to_working

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Protocol

    from PIL import Image
    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.events import Preview
    from qie_desktop.core.memory_plan import MemoryPlan
    from qie_desktop.core.model import LocalSpec
    from qie_desktop.engines.local.checkpoint import Checkpoint
    from qie_desktop.engines.local.inference.device import Device
    from qie_desktop.engines.local.inference.lora import LoraUse
    from qie_desktop.engines.local.inference.transformer import EditTransformer

    class Progress(Protocol):
        """What the pipeline tells while it works."""

        def phase(self, name: PhaseName, fraction: float | None = None, detail: str = "") -> None:
            """Tell that a stage has begun or has come to a fraction."""
            ...

        def step(self, index: int, total: int, seconds_left: float, preview: Preview | None = None) -> None:
            """Tell that a denoising step is done, and what the picture is going to be."""
            ...


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be made. The result has the size of the first picture; all are RGB.

    `loras` act on the transformer, together; `scheduler` are settings in place of the checkpoint's;
    `first_block_cache` is the threshold of FirstBlockCache, 0 for none.
    """

    pictures: tuple[Image.Image, ...]
    prompt: str
    negative_prompt: str
    steps: int
    guidance: float
    seed: int
    loras: tuple[LoraUse, ...] = ()
    scheduler: tuple[tuple[str, object], ...] = ()
    first_block_cache: float = 0.0

    @property
    def passes(self) -> int:
        """How often the transformer runs in each step."""
        return 2 if self.guidance > 1 else 1


class LocalPipeline:
    """The components of one checkpoint on one device, kept between edits until they are let go.

    With `staged`, the text encoder and the transformer are never in memory together. What the encoders gave
    is kept in `cache`, which may be shared with other pipelines of the thread; `tile_bytes` is what the VAE's
    activations may take at a time (see Autoencoder). Use it from one thread. After an exception it can be
    used again.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: Device,
        *,
        staged: bool = False,
        cache: EncodingCache | None = None,
        tile_bytes: int | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self._files = self._looked_at()
        self.staged = staged
        self._cache = EncodingCache() if cache is None else cache
        self._tile_bytes = tile_bytes
        self._scores_bytes = SCORES_BYTES
        self.latents: Tensor | None = None
        self.reused_steps = 0
        """How many steps of the last edit were approximate; see FirstBlockCache."""
        self._conditioner: TextConditioner | None = None
        self._autoencoder: Autoencoder | None = None
        self._transformer: EditTransformer | None = None

    def serves(self, checkpoint: Checkpoint) -> bool:
        """Whether it is for this checkpoint, whose files are still those of which the weights were loaded."""
        return checkpoint == self.checkpoint and self._looked_at() == self._files

    def follow(self, plan: MemoryPlan) -> None:
        """Go with the memory as a plan says, from the next edit on."""
        self.staged = plan.staged
        self._tile_bytes, self._scores_bytes = plan.tile_bytes, plan.scores_bytes

    @torch.inference_mode()
    def edit(self, edit: Edit, local: LocalSpec, progress: Progress, cancel: CancelToken) -> Image.Image:
        """Return the edited picture, RGB and of exactly the size of the first one.

        Raises JobCancelled soon after the token is set, and QieError for everything that goes wrong. The
        final latents stay in `latents` until the next edit.
        """
        self.latents = None
        plans = [
            plan_working(Size(*picture.size), local.working_area_px, local.max_side_px, local.grid_px)
            for picture in edit.pictures
        ]
        hashes = tuple(content_hash(picture) for picture in edit.pictures)
        prompt, negative = self._encode_text(edit, local.prompt_multiple, hashes, progress, cancel)
        references, colours = self._encode_pictures(edit, hashes, plans, progress, cancel)
        height, width = references[0].shape[-2:]
        preview = PreviewMaker(colours, Size(width, height), plans[0])
        noise = draw_noise(edit.seed, *references[0].shape[1:])
        conditions = Conditions(noise, prompt, negative, references, edit.guidance)
        self.latents = self._denoise(edit, conditions, preview, progress, cancel)
        vae = self._vae(progress)
        progress.phase(PhaseName.DECODING)
        with computing("decoding the picture"):
            working = vae.decode(
                self.latents, cancel, lambda: progress.phase(PhaseName.DECODING, detail="in full precision")
            )
        return from_working(working, plans[0])

    def _encode_text(
        self, edit: Edit, multiple: int, hashes: tuple[bytes, ...], progress: Progress, cancel: CancelToken
    ) -> tuple[Tensor, Tensor | None]:
        """Return the hidden states of the prompt and, where there are two passes, of the negative prompt."""
        texts = (edit.prompt, edit.negative_prompt)[: edit.passes]
        compact = self.checkpoint.compact
        weights = self._weights(
            "text_encoder", "tokenizer", "processor", files=() if compact is None else compact.files
        )

        def encoder() -> Callable[[int], tuple[Tensor]]:
            conditioner = self._text_encoder(progress, cancel)
            progress.phase(PhaseName.ENCODING, detail="prompt")
            return lambda index: (conditioner.encode(texts[index], list(edit.pictures), cancel, multiple),)

        with computing("reading the prompt"):
            keys = [PromptKey(weights, text, multiple, hashes) for text in texts]
            hidden = [states for (states,) in self._cache.recall(keys, self.device.device, encoder)]
        return hidden[0], hidden[1] if edit.passes > 1 else None

    def _encode_pictures(
        self,
        edit: Edit,
        hashes: tuple[bytes, ...],
        plans: list[WorkingPlan],
        progress: Progress,
        cancel: CancelToken,
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the latents of all pictures, and the colours that the first one's stand for."""
        cancel.raise_if_cancelled()
        weights = self._weights("vae")

        def encoder() -> Callable[[int], tuple[Tensor, Tensor]]:
            self._make_room("_conditioner")
            vae = self._vae(progress)
            progress.phase(PhaseName.ENCODING, detail="pictures")

            def encode(index: int) -> tuple[Tensor, Tensor]:
                working = to_working(edit.pictures[index], plans[index])
                latents = vae.encode(working, cancel)
                return latents, fit_colours(latents, working).to(latents.device)

            return encode

        with computing("encoding the pictures"):
            keys = [PictureKey(weights, *each) for each in zip(hashes, plans, strict=True)]
            encoded = self._cache.recall(keys, self.device.device, encoder)
        return tuple(latents for latents, _ in encoded), encoded[0][1]

    def _looked_at(self) -> Weights:
        checkpoint = self.checkpoint
        parts = ("text_encoder", "tokenizer", "processor", "vae", "transformer")
        compact = () if checkpoint.compact is None else checkpoint.compact.files
        return self._weights(*parts, files=(checkpoint.transformer, *compact))

    def _weights(self, *parts: str, files: tuple[Path, ...] = ()) -> Weights:
        with loading("checkpoint"):
            return Weights.of(self.device, *(self.checkpoint.part(part) for part in parts), *files)

    def _denoise(
        self,
        edit: Edit,
        conditions: Conditions,
        preview: PreviewMaker,
        progress: Progress,
        cancel: CancelToken,
    ) -> Tensor:
        self._make_room("_conditioner")
        if self._transformer is None:
            progress.phase(PhaseName.LOADING, 0.0, "transformer")
            with loading("transformer"):
                self._transformer = load_transformer(
                    self.checkpoint,
                    self.device,
                    cancel,
                    lambda fraction: progress.phase(PhaseName.LOADING, fraction, "transformer"),
                )
        self._transformer.scores_bytes = self._scores_bytes
        height, width = conditions.noise.shape[-2:]
        with loading("scheduler"):
            folder, token_count = self.checkpoint.part("scheduler"), height * width // PATCH**2
            schedule = Schedule(folder, edit.steps, token_count, self.device.device, dict(edit.scheduler))
        if edit.loras:
            progress.phase(PhaseName.LOADING, detail="LoRA")
        with loading("LoRA"):
            self._transformer.use_loras(Loras(edit.loras, self.device), cancel)
        progress.phase(PhaseName.DENOISING)
        with computing("denoising"):
            cache = FirstBlockCache(edit.first_block_cache) if edit.first_block_cache else None
            on_step = _telling(progress, preview)
            latents = denoise(self._transformer, schedule, conditions, cancel, on_step, cache)
        self.reused_steps = 0 if cache is None else cache.reused
        return latents

    def _make_room(self, component: Literal["_conditioner", "_transformer"]) -> None:
        """Let go of a component before another does its work, where they take turns in memory."""
        if self.staged and getattr(self, component) is not None:
            setattr(self, component, None)
            self.device.release()

    def _text_encoder(self, progress: Progress, cancel: CancelToken) -> TextConditioner:
        self._make_room("_transformer")
        if self._conditioner is None:
            cancel.raise_if_cancelled()
            progress.phase(PhaseName.LOADING, detail="text encoder")
            with loading("text encoder"):
                self._conditioner = TextConditioner(
                    self.checkpoint.folder,
                    self.device,
                    self.checkpoint.compact,
                    cancel=cancel,
                    progress=lambda done: progress.phase(PhaseName.LOADING, done, "text encoder"),
                )
        return self._conditioner

    def _vae(self, progress: Progress) -> Autoencoder:
        if self._autoencoder is None:
            progress.phase(PhaseName.LOADING, detail="VAE")
            with loading("VAE"):
                self._autoencoder = Autoencoder(self.checkpoint.part("vae"), self.device, self._tile_bytes)
        self._autoencoder.tile_bytes = self._tile_bytes
        return self._autoencoder


def _telling(progress: Progress, preview: PreviewMaker) -> Callable[..., None]:
    """Return what is to be called after each step, with what it predicted if that is to be shown.

    It adds the seconds left, from the mean step so far.
    """
    started = time.monotonic()

    def on_step(index: int, total: int, prediction: Prediction | None = None) -> None:
        left = (time.monotonic() - started) / index * (total - index)
        progress.step(index, total, left, None if prediction is None else preview(*prediction))

    return on_step
