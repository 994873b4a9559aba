"""Trains the transformer, and at the end the VAE's decoder with it.

First towards the right latents, then also towards the right pixels. The target is certain once picture and
instruction are known, so the noisy target is more of a distraction than a help: in a part of the samples its
clean part is spoilt, or is what the model itself has made, and much of the time it is nothing but noise.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import nn

from training.bank import PictureBank
from training.conditions import Conditions
from training.instructions import Step
from training.muon import Muon
from training.pools import BUCKETS, TOY_BUCKETS, Batch, Bucket, LatentCoder, Pool
from training.runs import Average, Budget, Run, log_error, psnr_db, split, tell, write_weights
from training.train_vae import optimisers as vae_optimisers
from training.transformer import Transformer, unpack
from training.vae import compile_kernels

if TYPE_CHECKING:
    from torch import Tensor

    from training.workplace import Workplace

_RATE, _REST_RATE, _DECODER_RATE = 6e-3, 1e-3, 1e-3
_PIXELS_FROM = 0.4
_PIXEL_WEIGHT = 0.05
_PIXEL_AREA = 26 * 256 * 256
"""As many pixels are decoded in a step."""
_ROLL_OUT = 0.3
_SAVE_EVERY_S = 200
_PROBE_PX = 256
_PROBES = {
    "black-and-white": "make it black and white",
    "contrast": "more contrast",
    "sketch": "pencil sketch",
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


def train(place: Workplace, budget: Budget) -> None:
    """Train, and write the averaged weights of transformer and VAE."""
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    training = _Training(place, budget)
    run, saved_s = training.run, training.run.elapsed_s
    while run.fraction < 1 and not run.paused:
        training.step()
        if run.elapsed_s - saved_s > _SAVE_EVERY_S:
            saved_s = run.elapsed_s
            training.save()
            training.probe()
    training.save()
    training.write(place)
    training.probe()
    tell(f"transformer: stopped at step {run.step}, {run.elapsed_s:.0f} s")


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
        vae = self._coder.vae
        self._decoder = nn.ModuleList([vae.decoder, vae.post_quant_conv]).requires_grad_(requires_grad=True)
        if place.compiled:
            _prepare_compiler()
            compile_kernels()
            self._model.compile_blocks()
        self._of_model = _optimisers(self._model, fused=device == "cuda")
        self._of_decoder = vae_optimisers(self._decoder, _DECODER_RATE, _DECODER_RATE / 2)
        both = self._of_model + self._of_decoder
        self.run = Run("transformer", place.checkpoint("transformer"), budget, both)
        self._average, self._decoder_average = Average(self._model), Average(self._decoder)
        if kept := self.run.resume():
            self._model.load_state_dict(kept["network"])
            self._decoder.load_state_dict(kept["decoder"])
            self._average.weights, self._decoder_average.weights = kept["average"], kept["decoder_average"]
        buckets = BUCKETS if place.size.batch == 1 else TOY_BUCKETS
        self._pools = [
            Pool(each, place.batch(each.batch), self._coder, self._bank, self._conditions) for each in buckets
        ]
        self._shares = [each.share for each in buckets]
        self._pixel_area = round(_PIXEL_AREA * place.size.batch)
        self._rng = random.Random(self.run.step)
        tell(f"transformer: {len(self._conditions.instructions)} instructions; {self._bank.summary}")

    def step(self) -> None:
        """Take one step."""
        run, rng = self.run, self._rng
        run.begin_step()
        pool = rng.choices(self._pools, self._shares)[0]
        batch, bucket = pool.draw(rng), pool.bucket
        on_pixels = run.fraction >= _PIXELS_FROM
        rolled = on_pixels and rng.random() < _ROLL_OUT
        clean, loss = _latent_loss(self._model, batch, self._coder, bucket.width // 16, rolled=rolled)
        if on_pixels:
            loss = loss + _PIXEL_WEIGHT * self._pixel_error(clean, batch, bucket)
        loss.backward()
        nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        for optimiser, _ in self._of_model:
            optimiser.step()
        self._average.update(self._model, run.step)
        if on_pixels:
            nn.utils.clip_grad_norm_(self._decoder.parameters(), 1.0)
            for optimiser, _ in self._of_decoder:
                optimiser.step()
            self._decoder_average.update(self._decoder, run.step)
            self._decoder.zero_grad(set_to_none=True)
        self._model.zero_grad(set_to_none=True)
        if run.step % 100 == 0 and not torch.isfinite(loss):
            tell(f"transformer {run.step}: not finite, back to the average")
            self._model.load_state_dict(self._average.weights)
        if run.due(30):
            size = f"{bucket.width}×{bucket.height}"
            tell(f"transformer {run.step} {run.elapsed_s:.0f}s {size} loss {loss.item():.4f}")

    def _pixel_error(self, clean: Tensor, batch: Batch, bucket: Bucket) -> Tensor:
        count = max(1, min(len(clean), self._pixel_area // (bucket.height * bucket.width)))
        found = self._coder.decode(unpack(clean[:count], bucket.height // 8, bucket.width // 8))
        return log_error(found, batch.pixels[:count].float() / 255)

    def save(self) -> None:
        """Write the checkpoint to go on from."""
        self.run.save(
            network=self._model.state_dict(), average=self._average.weights,
            decoder=self._decoder.state_dict(), decoder_average=self._decoder_average.weights,
        )  # fmt: skip

    def write(self, place: Workplace) -> None:
        """Write the averaged weights, the VAE's with its new decoder."""
        tuned = {
            f"vae.{'decoder' if name[0] == '0' else 'post_quant_conv'}{name[1:]}": value
            for name, value in self._decoder_average.weights.items()
        }
        write_weights(place.weights("transformer"), self._average.weights)
        write_weights(place.weights("vae_tuned"), self._vae_weights | tuned)

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
        tell(f"transformer, on training pictures: {found}")


def _is_matrix(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim == 2 and "transformer_blocks" in name and "_mod." not in name


def _optimisers(model: Transformer, *, fused: bool) -> list[tuple[torch.optim.Optimizer, float]]:
    """Return Muon for the blocks' matrices but the modulation's, AdamW for the rest."""
    matrices, rest = split(model, _is_matrix)
    adam = torch.optim.AdamW(rest, lr=_REST_RATE, betas=(0.9, 0.98), weight_decay=0, fused=fused)
    return [(Muon(matrices, _RATE), _RATE), (adam, _REST_RATE)]


def _latent_loss(
    model: Transformer, batch: Batch, coder: LatentCoder, width: int, *, rolled: bool
) -> tuple[Tensor, Tensor]:
    """Return the predicted clean tokens and how far they are from the right ones."""
    target, count, device = batch.target.float(), len(batch.target), batch.target.device
    noise = torch.randn_like(target)
    kind, draw = torch.rand(count, device=device), torch.rand(count, device=device)
    sigma = torch.where(kind < 0.35, torch.ones_like(draw), 0.03 + 0.97 * draw)
    with torch.no_grad():
        if rolled:
            ones = torch.ones(count, device=device)
            guess = noise - model(noise.to(coder.type), batch.reference, batch.text, ones, width)
        else:
            spoilt = ((torch.rand(count, device=device) < 0.4) & (sigma > 0.1)).float()[:, None, None]
            towards = torch.rand(count, 1, 1, device=device) * 0.4 * (batch.reference.float() - target)
            grain = torch.rand(count, 1, 1, device=device).square() * 0.35 * torch.randn_like(target)
            guess = target + spoilt * (towards + grain)
    mixed = sigma[:, None, None]
    noisy = (1 - mixed) * guess + mixed * noise
    velocity = model(noisy.to(coder.type), batch.reference, batch.text, sigma, width)
    clean = noisy - mixed * velocity
    error = ((clean - target).square() * coder.channel_weights).mean((1, 2))
    return clean, (error * (1 + 0.02 / (sigma.square() + 0.02))).mean()
