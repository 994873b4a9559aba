"""The forming picture: what the job's own input says about the colours of latents."""

import numpy as np
import pytest
import torch
from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.events import Preview
from qie_desktop.core.geometry import Size, plan_working
from qie_desktop.engines.local.inference.autoencoder import Autoencoder
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.latents import draw_noise, pack
from qie_desktop.engines.local.inference.pipeline import _telling
from qie_desktop.engines.local.inference.preview import MAX_SIDE_PX, Prediction, PreviewMaker, fit_colours
from qie_desktop.imaging.fitting import to_working


def picture_of(preview) -> np.ndarray:
    assert len(preview.rgb) == preview.width * preview.height * 3
    return np.frombuffer(preview.rgb, np.uint8).reshape(preview.height, preview.width, 3).astype(float)


def levels_apart(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.sqrt(((found - wanted) ** 2).mean()))


def coloured(height: int, width: int, seed: int = 0) -> tuple[torch.Tensor, Image.Image]:
    """Latents, and a picture that is exactly a linear function of them, eight times as large."""
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(1, 16, height, width, generator=generator)
    rgb = 0.5 + torch.einsum("chw,cr->hwr", latents[0], torch.randn(16, 3, generator=generator) / 50)
    small = Image.fromarray((rgb * 255).round().clamp(0, 255).to(torch.uint8).numpy())
    return latents, small.resize((width * 8, height * 8), Image.Resampling.NEAREST)


@pytest.mark.parametrize("as_tokens", [True, False])
@pytest.mark.parametrize("sigma", [1.0, 0.4, torch.tensor(0.02)])
def test_a_step_shows_the_picture_that_it_predicts(as_tokens, sigma):
    latents, picture = coloured(24, 32)
    maker = PreviewMaker.of(latents, picture)
    noise = draw_noise(1, 16, 24, 32)
    noisy, velocity = (1 - sigma) * latents + sigma * noise, noise - latents
    if as_tokens:
        noisy, velocity = pack(noisy), pack(velocity)

    preview = maker(noisy, velocity, sigma)

    assert (preview.width, preview.height) == (32, 24)
    expected = np.asarray(picture.resize((32, 24), Image.Resampling.BOX), float)
    assert np.abs(picture_of(preview) - expected).max() <= 2


def test_the_real_inputs_own_latents_look_like_it(resources):
    """On weights that were trained: a photo's latents, shown in the colours fitted on them."""
    with Image.open(resources / "sample.jpg") as file:
        photo = file.convert("RGB").resize((512, 384))
    autoencoder = Autoencoder(resources / "starter" / "vae", choose_device("cpu"))
    with torch.inference_mode():
        latents = autoencoder.encode(photo, CancelToken())
        shown = picture_of(PreviewMaker.of(latents, photo)(latents, torch.zeros_like(latents), 0.0))
        # Of another picture than the fitted one, here its negative.
        negative = photo.point(lambda value: 255 - value)
        other = autoencoder.encode(negative, CancelToken())
        guessed = picture_of(PreviewMaker.of(latents, photo)(other, torch.zeros_like(other), 0.0))

    small, small_negative = (
        np.asarray(picture.resize((64, 48), Image.Resampling.BOX), float) for picture in (photo, negative)
    )
    # No colours of these latents come nearer, whatever weights made them.
    given = np.c_[latents[0].flatten(1).T.numpy(), np.ones(64 * 48)]
    best = given @ np.linalg.lstsq(given, small.reshape(-1, 3), rcond=None)[0]
    nearest = levels_apart(best.clip(0, 255), small.reshape(-1, 3))
    assert levels_apart(shown, small) == pytest.approx(nearest, rel=0.005)
    assert levels_apart(guessed, small_negative) < 45
    assert np.corrcoef(shown.ravel(), small.ravel())[0, 1] > 0.97
    assert np.corrcoef(guessed.ravel(), small_negative.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("size", [(100, 64), (65, 97), (640, 211), (16, 16)])
def test_a_preview_shows_the_input_without_its_padding(size):
    plan = plan_working(Size(*size), 200 * 200)
    # A grey ramp from the left edge of the input to the right one.
    ramp = Image.linear_gradient("L").rotate(90).resize(size).convert("RGB")
    working = to_working(ramp, plan)
    width, height = plan.padded.width // 8, plan.padded.height // 8
    small = torch.from_numpy(
        np.asarray(working.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    )
    latents = small.permute(2, 0, 1)[None] * 4 - 2

    shown = PreviewMaker.of(latents, working, plan)(latents, latents, 0.0)

    content = plan.content
    assert shown.width == pytest.approx((content.right - content.left) / 8, abs=0.5)
    assert shown.height == pytest.approx((content.bottom - content.top) / 8, abs=0.5)
    expected = np.asarray(ramp.resize((shown.width, shown.height), Image.Resampling.BOX), float)
    # Less than the step from one pixel of the preview to the next.
    assert np.abs(picture_of(shown) - expected).max() <= 255 / shown.width


def test_a_preview_is_never_larger_than_is_of_use():
    latents = torch.randn(1, 16, 20, 600)

    shown = PreviewMaker(torch.zeros(17, 3), Size(600, 20))(latents, latents, 0.5)

    assert (shown.width, shown.height) == (MAX_SIDE_PX, round(20 * MAX_SIDE_PX / 600))


@pytest.mark.parametrize("colour", ["teal", "white", "black"])
@pytest.mark.parametrize("side", [2, 32])
def test_an_input_that_says_nothing_about_colours_gives_its_own(colour, side):
    """One colour, or fewer latents than channels: no wild guesses about the channels."""
    flat = Image.new("RGB", (side * 8, side * 8), colour)
    latents = torch.randn(1, 16, side, side) * 1e-3 + 0.7

    colours = fit_colours(latents, flat)
    shown = picture_of(PreviewMaker.of(latents, flat)(latents + torch.randn_like(latents), latents, 0.0))

    assert torch.isfinite(colours).all()
    assert np.abs(shown - np.asarray(flat.resize((side, side)), float)).max() <= 1


def test_a_step_is_told_with_its_preview_where_there_is_one():
    told = []

    class Told:
        def step(self, *said):
            told.append(said)

    maker = PreviewMaker(torch.zeros(17, 3), Size(6, 4))
    on_step = _telling(Told(), maker)
    latents = torch.zeros(1, 6, 64)

    on_step(1, 2)
    on_step(2, 2, Prediction(latents, latents, 0.5))

    assert [said[3] for said in told] == [None, Preview(6, 4, bytes(6 * 4 * 3))]
    assert told[1][:3] == (2, 2, 0)


def test_what_overflows_is_clipped_to_black_and_white():
    colours = torch.zeros(17, 3)
    colours[0] = 1
    latents = torch.zeros(1, 16, 2, 2)
    latents[0, 0] = torch.tensor([[-9.0, 0.0], [0.5, 9.0]])

    shown = picture_of(PreviewMaker(colours, Size(2, 2))(latents, latents, 0.0))

    assert shown[..., 0].tolist() == [[0, 0], [128, 255]]
