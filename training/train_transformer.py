"""Trains the transformer, and at the end the VAE's decoder with it.

First towards the right latents, of targets with any amount of noise, of which some are spoilt, so that the
model looks at the picture and not at them. Then also towards the right pixels, as in an edit: from nothing
but noise, or from what the model itself has made of that noise.
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import nn

from training.bank import PictureBank
from training.conditions import Conditions
from training.instructions import Step
from training.muon import Muon
from training.pools import BUCKETS, TOY_BUCKETS, Batch, Bucket, LatentCoder, Pool
from training.replay import Recorder
from training.runs import (
    Average,
    Budget,
    Run,
    Snapshot,
    clip_gradients,
    keep_finite,
    log_error,
    psnr_db,
    put_rates_on_device,
    split,
    tell,
    write_weights,
)
from training.train_vae import optimisers as vae_optimisers
from training.transformer import Transformer, shifted, unpack
from training.vae import fuse_kernels, trained_decoder, with_decoder

if TYPE_CHECKING:
    from torch import Tensor

    from training.conditions import Length
    from training.workplace import Workplace

_RATE, _REST_RATE, _DECODER_RATE = 6e-3, 1e-3, 1e-3
"""Of the transformer's matrices, of the rest of it, and of the decoder's kernels."""
_PIXELS_FROM = 0.45
"""From this part of the time on pixels count, and a step begins as an edit does."""
_PIXEL_WEIGHT = 0.1
_TINT, _LATE_TINT, _LATE = 8.0, 48.0, 0.7
"""How much more the error of a picture's mean colour counts: at first, and from this part of the time on."""
_KEPT_TINT = 10.0
"""So many times as much again where nothing is to be changed: there a tint is seen."""
_FLOOR = 1e-3
"""A squared error, 30 dB: what is nearer than that has had most of its attention."""
_DECODED, _WINDOW_PX, _MARGIN = 24, 256, 2
"""So many windows are decoded in a step: always of one size, since each new one costs seconds. What lies
within the margin, in latents, of a side that is not the picture's is not looked at."""
_ALL_NOISE, _NEARLY_ALL, _NEARLY_ALL_FROM = 0.15, 0.25, 0.85
"""At first this part of a batch is denoised from noise alone, and this part from such a share of it on."""
_SPOILT, _SPOILT_FROM, _TOWARDS, _GRAIN = 0.4, 0.1, 0.4, 0.35
"""This part of it is spoilt, from such a share of noise on: moved so far towards the reference at most, and
with so much grain."""
_ROLLED_ALL_NOISE = 0.8
"""Later, when the model's own guess is rolled on as an edit does, this part is denoised from noise alone, the
rest at any place of the schedule that an edit has."""
_LEAST_NOISE = 0.03
_OFTEN = 0.07
"""At sizes that are rarer steps with long texts are rare too, and not worth a recording."""
_SEEN_EVERY = 100
_SAVE_EVERY_S = 100
_PROBE_PX = 256
_PROBES = {
    "black-and-white": "make it black and white",
    "contrast": "more contrast",
    "sketch": "pencil sketch",
    "posterise": "posterise it",
    "mirror": "flip it horizontally",
    "rotate-left": "rotate left",
    "emboss": "emboss",
}


def _prepare_compiler() -> None:
    import torch._dynamo as dynamo
    import torch.fx.experimental._config as symbols

    dynamo.config.recompile_limit = 64
    # Two sizes that happen to be equal at first would be taken for one.
    symbols.use_duck_shape = False


def train(place: Workplace, budget: Budget) -> bool:
    """Train, and write the averaged weights of transformer and VAE. Return whether it is done, not paused."""
    torch.manual_seed(place.seed)
    torch.set_float32_matmul_precision("high")
    # It would plan anew, at some 0.1 s, for each of the many lengths.
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    training = _Training(place, budget)
    run, saved_s = training.run, training.run.elapsed_s
    if run.already_done(place.weights("transformer"), place.weights("vae_tuned")):
        return True
    while run.fraction < 1 and not run.paused:
        training.step()
        if run.elapsed_s - saved_s > _SAVE_EVERY_S:
            saved_s = run.elapsed_s
            training.write(place)
            training.save()
            training.probe()
    training.write(place)
    training.save()
    training.probe()
    tell(f"{run.name}: stopped at step {run.step}, {run.elapsed_s:.0f} s")
    return run.fraction >= 1


class _Training:
    """Everything that a step works on."""

    def __init__(self, place: Workplace, budget: Budget) -> None:
        device = place.device
        self._conditions = Conditions(place)
        self._bank = PictureBank(
            place.pictures / "training", place.drawn, device, place.size.drawn, place.size.drawn_px
        )
        self._vae_weights = load_file(place.weights("vae"))
        self._coder = LatentCoder(self._vae_weights, device)
        self._model = Transformer().to(device)
        self._decoder = trained_decoder(self._coder.vae)
        if place.compiled:
            _prepare_compiler()
            fuse_kernels()
            self._model.compile_blocks()
        self._of_model = _optimisers(self._model, _RATE, _REST_RATE, fused=device == "cuda")
        self._of_decoder = vae_optimisers(self._decoder, _DECODER_RATE, _DECODER_RATE / 2)
        both = self._of_model + self._of_decoder
        made_from = (place.weights("text"), place.weights("vae"))
        self.run = Run("transformer", place.checkpoint("transformer"), budget, both, place.seed, made_from)
        self._average, self._decoder_average = Average(self._model), Average(self._decoder)
        if kept := self.run.resume():
            self._model.load_state_dict(kept["network"])
            self._decoder.load_state_dict(kept["decoder"])
            self._average.weights, self._decoder_average.weights = kept["average"], kept["decoder_average"]
        buckets = BUCKETS if place.size.batch == 1 else TOY_BUCKETS
        decoded = place.batch(_DECODED)
        self._pools = [
            Pool(each, (place.batch(each.batch), decoded), self._coder, self._bank, self._conditions)
            for each in buckets
        ]
        self._window = _WINDOW_PX if place.size.batch == 1 else 64
        self._rng = random.Random(f"{place.seed} {self.run.step}")
        self._safe = Snapshot([self._model, self._decoder], [self._average, self._decoder_average])
        self._loss = torch.zeros((), device=device)
        # Where recorded steps read it anew.
        self._tint = torch.full((), _TINT, device=device)
        self._recorder = Recorder(device, recording=place.compiled)
        if device == "cuda":
            put_rates_on_device(both, device)
        tell(f"transformer: {len(self._conditions.instructions)} instructions; {self._bank.summary}")

    def step(self) -> None:
        """Take one step."""
        run, rng = self.run, self._rng
        run.begin_step()
        begun = [pool for pool in self._pools if run.fraction >= pool.bucket.begins]
        pool = rng.choices(begun, [each.bucket.share for each in begun])[0]
        bucket = pool.bucket
        pool.renew(rng)
        length = self._conditions.draw_length(rng, pool.asked)
        worth_recording = bucket.share >= _OFTEN or length is self._conditions.lengths[0]
        # Asked for once: it is a clock.
        fraction = run.fraction
        rolled = fraction >= _PIXELS_FROM
        self._tint.fill_(_LATE_TINT if fraction >= _LATE else _TINT)
        on_pixels = rolled and min(bucket.height, bucket.width) >= self._window
        name = (bucket, length.states.shape[1], rolled) if worth_recording else None
        self._recorder.run(name, partial(self._learn, pool, length, on_pixels=on_pixels, rolled=rolled))
        self._average.update(self._model, run.step)
        if on_pixels:
            self._decoder_average.update(self._decoder, run.step)
        if run.step % _SEEN_EVERY == 0:
            keep_finite(run, self._safe)
        if run.due(20):
            size = f"{bucket.width}×{bucket.height}, {len(self._recorder)} recordings"
            tell(f"{run.name} {run.step} {run.elapsed_s:.0f}s {size} loss {self._loss.item():.4f}")

    def _learn(self, pool: Pool, length: Length, *, on_pixels: bool, rolled: bool) -> None:
        """Change the weights once: what `Recorder` records."""
        batch, bucket = pool.draw(length), pool.bucket
        self._model.zero_grad(set_to_none=True)
        self._decoder.zero_grad(set_to_none=True)
        clean, loss = _latent_loss(self._model, batch, self._coder, bucket.width // 16, rolled=rolled)
        if on_pixels:
            loss = loss + _PIXEL_WEIGHT * self._pixel_error(clean, batch, bucket)
        loss.backward()
        lost = ~clip_gradients(self._model)
        pool.lost.add_(lost)
        length.lost.add_(lost)
        for optimiser, _ in self._of_model:
            optimiser.step()
        if on_pixels:
            clip_gradients(self._decoder)
            for optimiser, _ in self._of_decoder:
                optimiser.step()
        self._loss.copy_(loss.detach())

    def _pixel_error(self, clean: Tensor, batch: Batch, bucket: Bucket) -> Tensor:
        """Return the error of one window of each of the first few pictures."""
        latents = unpack(clean[: len(batch.pixels)], bucket.height // 8, bucket.width // 8)
        count, device = len(latents), latents.device
        side, window = self._window // 8, self._window
        rows, row_weights = _window(bucket.height // 8, side, count, device)
        columns, column_weights = _window(bucket.width // 8, side, count, device)
        which = torch.arange(count, device=device)[:, None, None]
        # Channels last: the indexed axes come first.
        chosen = latents.movedim(1, -1)[which, rows[:, :, None], columns[:, None]].movedim(-1, 1)
        found = self._coder.decode(chosen)
        pixel = torch.arange(8, device=device)
        rows, columns = ((each[..., None] * 8 + pixel).reshape(count, window) for each in (rows, columns))
        wanted = batch.pixels.movedim(1, -1)[which, rows[:, :, None], columns[:, None]].movedim(-1, 1)
        weights = row_weights[:, None, :, None] * column_weights[:, None, None]
        weights = weights.repeat_interleave(8, -1).repeat_interleave(8, -2)
        tint = self._tint * (1 + (_KEPT_TINT - 1) * batch.kept)
        return log_error(found, wanted.float() / 255, weights, floor=_FLOOR, tint=tint)

    def save(self) -> None:
        """Write the checkpoint to go on from."""
        self.run.save(
            network=self._model.state_dict(), average=self._average.weights,
            decoder=self._decoder.state_dict(), decoder_average=self._decoder_average.weights,
        )  # fmt: skip

    def write(self, place: Workplace) -> None:
        """Write the averaged weights, the VAE's with its new decoder."""
        write_weights(place.weights("transformer"), self._average.weights)
        tuned = with_decoder(self._vae_weights, self._decoder_average.weights)
        write_weights(place.weights("vae_tuned"), tuned)

    @torch.no_grad()
    def probe(self) -> None:
        """Tell how well a few instructions are followed in one step, on crops of training pictures.

        The decoder is the one of the moment, not the averaged one.
        """
        now = {name: value.clone() for name, value in self._model.state_dict().items()}
        self._model.load_state_dict(self._average.weights)
        found: dict[str, float] = {}
        pictures = self._bank.crops(8, _PROBE_PX, _PROBE_PX)
        reference = self._coder.encode(pictures).to(self._coder.type)
        for name, prompt in _PROBES.items():
            text = self._conditions.encode_text(prompt, len(pictures)).to(self._coder.type)
            noise = torch.randn_like(reference.float())
            ones = torch.ones(len(pictures), device=noise.device)
            clean = noise - self._model(noise.to(self._coder.type), reference, text, ones, _PROBE_PX // 16)
            edited = self._coder.decode(unpack(clean, _PROBE_PX // 8, _PROBE_PX // 8))
            found[name] = round(float(psnr_db(edited, Step(name).apply(pictures)).mean()), 1)
        self._model.load_state_dict(now)
        tell(f"{self.run.name}, on training pictures: {found}")
        sizes = {f"{each.bucket.width}×{each.bucket.height}": int(each.lost) for each in self._pools}
        lengths = {each.states.shape[1]: int(each.lost) for each in self._conditions.lengths}
        lost = {name: count for name, count in (sizes | lengths).items() if count}
        if lost:
            tell(f"{self.run.name}: steps that came to no number, by size and by length of text: {lost}")


def _window(side: int, window: int, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw windows along a side, often at an end: the latents in them `(count, window)`, and their weights.

    The weights are 0 within the margin of an end that is not the picture's, and else 1.
    """
    room = side - window
    start = (torch.rand(count, 1, device=device) * (room + 2 * _MARGIN) - _MARGIN).long().clamp(0, room)
    within = torch.arange(window, device=device).expand(count, -1)
    seen = ((start == 0) | (within >= _MARGIN)) & ((start == room) | (within < window - _MARGIN))
    return start + within, seen.float()


def _is_matrix(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim == 2 and "transformer_blocks" in name and "_mod." not in name


def _optimisers(
    model: Transformer, rate: float, rest_rate: float, *, fused: bool
) -> list[tuple[torch.optim.Optimizer, float]]:
    """Return Muon for the blocks' matrices but the modulation's, AdamW for the rest."""
    matrices, rest = split(model, _is_matrix)
    adam = torch.optim.AdamW(rest, lr=rest_rate, betas=(0.9, 0.98), weight_decay=0, fused=fused)
    return [(Muon(matrices, rate), rate), (adam, rest_rate)]


def _spoilt(batch: Batch, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return noisy targets, some spoilt before, and their shares of noise `(B,)`."""
    target, device = batch.target.float(), noise.device

    def draw(*shape: int) -> Tensor:
        return torch.rand(len(target), *shape, device=device)

    part, share = draw(), draw()
    # Numbers that `torch.where` takes are copied to the device, which a recording must not do.
    least = _LEAST_NOISE + (_NEARLY_ALL_FROM - _LEAST_NOISE) * (part < _ALL_NOISE + _NEARLY_ALL)
    sigma = torch.where(part < _ALL_NOISE, torch.ones_like(least), least + (1 - least) * share)
    towards = draw(1, 1) * _TOWARDS * (batch.reference.float() - target)
    grain = draw(1, 1).square() * _GRAIN * torch.randn_like(target)
    chosen = ((draw() < _SPOILT) & (sigma > _SPOILT_FROM)).float()[:, None, None]
    mixed = sigma[:, None, None]
    return (1 - mixed) * (target + chosen * (towards + grain)) + mixed * noise, sigma


@torch.no_grad()
def _rolled(
    model: Transformer, batch: Batch, noise: Tensor, coder: LatentCoder, width: int
) -> tuple[Tensor, Tensor]:
    """Return targets as an edit meets them, and their shares of noise `(B,)`: at its first step, or later."""
    count, rest = len(noise), round(len(noise) * (1 - _ROLLED_ALL_NOISE))
    # Of a batch, which is in no order, so many are later; of what is decoded as well.
    first = round(len(batch.pixels) * _ROLLED_ALL_NOISE)
    later = slice(first, first + rest)
    sigma = torch.ones(count, device=noise.device)
    sigma[later] = shifted(_LEAST_NOISE + (1 - _LEAST_NOISE) * torch.rand(rest, device=noise.device))
    ones, grain = torch.ones(rest, device=noise.device), noise[later]
    velocity = model(grain.to(coder.type), batch.reference[later], batch.text[later], ones, width)
    mixed = sigma[later, None, None]
    noisy = noise.clone()
    noisy[later] = (1 - mixed) * (grain - velocity) + mixed * grain
    return noisy, sigma


def _latent_loss(
    model: Transformer, batch: Batch, coder: LatentCoder, width: int, *, rolled: bool
) -> tuple[Tensor, Tensor]:
    """Return the predicted clean tokens and how far they are from the right ones."""
    target = batch.target.float()
    noise = torch.randn_like(target)
    noisy, sigma = _rolled(model, batch, noise, coder, width) if rolled else _spoilt(batch, noise)
    velocity = model(noisy.to(coder.type), batch.reference, batch.text, sigma, width)
    clean = noisy - sigma[:, None, None] * velocity
    error = ((clean - target).square() * coder.channel_weights).mean((1, 2))
    return clean, (error * (1 + 0.02 / (sigma.square() + 0.02))).mean()
