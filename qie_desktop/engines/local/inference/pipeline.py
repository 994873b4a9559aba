"""One edit from pictures and words to a picture, with components loaded when they are first needed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from qie_desktop.core.events import PhaseName
from qie_desktop.core.geometry import Size, WorkingPlan, plan_working
from qie_desktop.engines.local.inference.autoencoder import Autoencoder
from qie_desktop.engines.local.inference.conditioning import TextConditioner
from qie_desktop.engines.local.inference.denoising import Conditions, denoise
from qie_desktop.engines.local.inference.failures import computing, loading
from qie_desktop.engines.local.inference.latents import PATCH, draw_noise
from qie_desktop.engines.local.inference.schedule import Schedule
from qie_desktop.engines.local.inference.transformer import load_transformer
from qie_desktop.imaging.fitting import from_working, to_working

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from diffusers import QwenImageTransformer2DModel
    from PIL import Image
    from torch import Tensor

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.model import LocalSpec
    from qie_desktop.engines.local.checkpoint import Checkpoint
    from qie_desktop.engines.local.inference.device import Device

    class Progress(Protocol):
        """What the pipeline tells while it works."""

        def phase(self, name: PhaseName, fraction: float | None = None, detail: str = "") -> None:
            """Tell that a stage has begun or has come to a fraction."""
            ...

        def step(self, index: int, total: int, seconds_left: float) -> None:
            """Tell that a denoising step is done."""
            ...


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be made. The result has the size of the first picture; all are RGB."""

    pictures: tuple[Image.Image, ...]
    prompt: str
    negative_prompt: str
    steps: int
    guidance: float
    seed: int

    @property
    def passes(self) -> int:
        """How often the transformer runs in each step."""
        return 2 if self.guidance > 1 else 1


class LocalPipeline:
    """The components of one checkpoint on one device, kept between edits until they are let go.

    With `staged`, the text encoder and the transformer are never in memory together. Use it from one thread.
    After an exception it can be used again.
    """

    def __init__(self, checkpoint: Checkpoint, device: Device, *, staged: bool = False) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.staged = staged
        self.latents: Tensor | None = None
        self._conditioner: TextConditioner | None = None
        self._autoencoder: Autoencoder | None = None
        self._transformer: QwenImageTransformer2DModel | None = None

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
        prompt, negative = self._encode_text(edit, progress, cancel)
        references = self._encode_pictures(edit, plans, progress, cancel)
        noise = draw_noise(edit.seed, *references[0].shape[1:])
        conditions = Conditions(noise, prompt, negative, references, edit.guidance)
        self.latents = self._denoise(edit, conditions, progress, cancel)
        progress.phase(PhaseName.DECODING)
        with computing("decoding the picture"):
            working = self._vae(progress).decode(
                self.latents, cancel, lambda: progress.phase(PhaseName.DECODING, detail="in full precision")
            )
        return from_working(working, plans[0])

    def _encode_text(
        self, edit: Edit, progress: Progress, cancel: CancelToken
    ) -> tuple[Tensor, Tensor | None]:
        if self._conditioner is None:
            cancel.raise_if_cancelled()
            self._make_room("_transformer")
            progress.phase(PhaseName.LOADING, detail="text encoder")
            with loading("text encoder"):
                self._conditioner = TextConditioner(self.checkpoint.folder, self.device)
        progress.phase(PhaseName.ENCODING, detail="prompt")
        pictures = list(edit.pictures)
        with computing("reading the prompt"):
            prompt = self._conditioner.encode(edit.prompt, pictures, cancel)
            if edit.passes == 1:
                return prompt, None
            return prompt, self._conditioner.encode(edit.negative_prompt, pictures, cancel)

    def _encode_pictures(
        self, edit: Edit, plans: list[WorkingPlan], progress: Progress, cancel: CancelToken
    ) -> tuple[Tensor, ...]:
        cancel.raise_if_cancelled()
        vae = self._vae(progress)
        progress.phase(PhaseName.ENCODING, detail="pictures")
        with computing("encoding the pictures"):
            return tuple(
                vae.encode(to_working(picture, plan), cancel)
                for picture, plan in zip(edit.pictures, plans, strict=True)
            )

    def _denoise(self, edit: Edit, conditions: Conditions, progress: Progress, cancel: CancelToken) -> Tensor:
        if self._transformer is None:
            self._make_room("_conditioner")
            progress.phase(PhaseName.LOADING, 0.0, "transformer")
            with loading("transformer"):
                self._transformer = load_transformer(
                    self.checkpoint,
                    self.device,
                    cancel,
                    lambda fraction: progress.phase(PhaseName.LOADING, fraction, "transformer"),
                )
        height, width = conditions.noise.shape[-2:]
        with loading("scheduler"):
            folder, token_count = self.checkpoint.part("scheduler"), height * width // PATCH**2
            schedule = Schedule(folder, edit.steps, token_count, self.device.device)
        progress.phase(PhaseName.DENOISING)
        with computing("denoising"):
            return denoise(self._transformer, schedule, conditions, cancel, _timed(progress))

    def _make_room(self, component: Literal["_conditioner", "_transformer"]) -> None:
        """Let go of a component before another is loaded, where both are not to be in memory together."""
        if self.staged and getattr(self, component) is not None:
            setattr(self, component, None)
            self.device.release()

    def _vae(self, progress: Progress) -> Autoencoder:
        if self._autoencoder is None:
            progress.phase(PhaseName.LOADING, detail="VAE")
            with loading("VAE"):
                self._autoencoder = Autoencoder(self.checkpoint.part("vae"), self.device)
        return self._autoencoder


def _timed(progress: Progress) -> Callable[[int, int], None]:
    """Return a step callback that adds the seconds left, from the mean step so far."""
    started = time.monotonic()

    def on_step(index: int, total: int) -> None:
        progress.step(index, total, (time.monotonic() - started) / index * (total - index))

    return on_step
