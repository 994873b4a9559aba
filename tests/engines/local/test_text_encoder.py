"""The compact text encoder says what the full one does, as far as its quantisation lets it."""

import pytest
import torch
from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.engines.local.inference.conditioning import TextConditioner
from qie_desktop.engines.local.inference.device import Device, choose_device
from qie_desktop.engines.local.text_encoder_files import CompactTextEncoder
from qie_desktop.imaging.opening import open_picture
from tests.support.pictures import make_photo
from tests.support.tiny_text_encoder import MIXED, read_text_encoder, write_text_encoder

PROMPT = "make the sky “violet”, please"


@pytest.fixture(scope="module")
def compact(tiny, tmp_path_factory):
    """Return a function that gives the files in a quantisation."""
    folder = tmp_path_factory.mktemp("compact")
    written: dict[str, CompactTextEncoder] = {}

    def compact(quantisation: str) -> CompactTextEncoder:
        if quantisation not in written:
            written[quantisation] = CompactTextEncoder(*write_text_encoder(tiny, folder, quantisation))
        return written[quantisation]

    return compact


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Image.Image]:
    folder = tmp_path_factory.mktemp("pictures")
    return [open_picture(make_photo(folder / f"{width}.png", (width, 200))).rgb for width in (300, 160)]


@pytest.fixture(scope="module")
def full(tiny) -> TextConditioner:
    return TextConditioner(tiny, choose_device("cpu"))


@torch.inference_mode()
def encoded(conditioner: TextConditioner, pictures: list[Image.Image]) -> torch.Tensor:
    if pictures:
        return conditioner.encode(PROMPT, pictures, CancelToken())
    tokens = torch.tensor([list(range(40, 120))])
    return conditioner._model(input_ids=tokens, use_cache=False).last_hidden_state


@pytest.mark.parametrize("count", [0, 1, 2])
def test_in_float32_it_says_the_same(tiny, compact, full, pictures, count):
    conditioner = TextConditioner(tiny, choose_device("cpu"), compact("F32"))

    expected = encoded(full, pictures[:count])

    assert expected.std() > 0.5
    assert (encoded(conditioner, pictures[:count]) - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("count", [0, 1, 2])
def test_in_q8_0_it_hardly_says_anything_else(tiny, compact, full, pictures, count):
    conditioner = TextConditioner(tiny, choose_device("cpu"), compact("Q8_0"))

    found, expected = encoded(conditioner, pictures[:count]), encoded(full, pictures[:count])

    assert (found - expected).abs().max() > 1e-4, "it is quantised"
    # Of every single token.
    assert torch.cosine_similarity(found, expected, dim=-1).min() >= 0.999


@pytest.mark.parametrize("quantisation", ["F16", "BF16", "Q8_0", "Q5_1", "Q4_0", MIXED])
def test_it_is_transformers_own_model_with_the_files_weights(tiny, compact, pictures, quantisation):
    files = compact(quantisation)
    conditioner, stock = (TextConditioner(tiny, choose_device("cpu"), files) for _ in range(2))
    stock._model = read_text_encoder(tiny, files.language, files.vision)

    expected = encoded(stock, pictures)

    assert expected.isfinite().all()
    assert (encoded(conditioner, pictures) - expected).abs().max() <= 1e-5


def test_in_bfloat16_it_says_the_same_too(tiny, compact, pictures):
    device = Device(torch.device("cpu"), torch.bfloat16)

    full, conditioner = TextConditioner(tiny, device), TextConditioner(tiny, device, compact("F32"))

    assert torch.equal(encoded(conditioner, pictures), encoded(full, pictures))
