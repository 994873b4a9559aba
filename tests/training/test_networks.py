"""What is trained is, number for number, what diffusers and transformers compute with the same weights."""

import random

import pytest
import torch
from diffusers import QwenImageTransformer2DModel

from qie_desktop.core.catalogue import find_model
from training import transformer, vae, vision, wordings
from training.text_model import TextModel
from training.tokens import MULTIPLE, PREFIX_TOKENS, Tokens, build_tokenizer
from training.transformer import Transformer, pack, unpack


@pytest.fixture(scope="module")
def tokens():
    return Tokens.build()


@torch.no_grad()
def test_the_vae_is_the_stock_one_for_one_frame():
    torch.manual_seed(0)
    own = vae.Vae()
    stock = vae.expand(own.state_dict(), [0.0] * 16, [1.0] * 16)
    pixels = torch.rand(1, 3, 48, 64) * 2 - 1

    mean, _ = own.encode(pixels)
    expected = stock.encode(pixels[:, :, None]).latent_dist.mode()

    assert torch.allclose(mean, expected[:, :, 0], atol=1e-5)
    assert torch.allclose(own.decode(mean).clamp(-1, 1), stock.decode(expected).sample[:, :, 0], atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("grid", [(4, 6), (5, 3)])
def test_the_transformer_is_the_stock_one(grid):
    torch.manual_seed(0)
    own, stock = Transformer(), QwenImageTransformer2DModel(**transformer.CONFIG)
    for weight in own.parameters():
        weight.add_(torch.randn_like(weight) * 0.02)
    stock.load_state_dict(own.state_dict())
    height, width = grid
    target, reference = torch.randn(2, height * width, 64), torch.randn(2, height * width, 64)
    text, sigma = torch.randn(2, 9, 128), torch.tensor([0.3, 0.9])

    found = own(target, reference, text, sigma, width)
    expected = stock(
        hidden_states=torch.cat([target, reference], 1),
        encoder_hidden_states=text,
        timestep=sigma,
        img_shapes=[[(1, height, width)] * 2] * 2,
        return_dict=False,
    )[0][:, : height * width]

    assert torch.allclose(found, expected, atol=1e-5)
    assert found.abs().max() > 0.1


@torch.no_grad()
def test_the_text_encoder_is_the_stock_one(tokens):
    stock, own = vision.text_encoder(tokens), TextModel(tokens)
    stock.model.language_model.load_state_dict(own.state_dict())
    suffix = tokens.suffix("Make it b&w 黑白", 2)
    features = torch.randn(1, 2, 128)
    ids = torch.tensor([tokens.prefix + suffix])
    embedded = stock.model.language_model.embed_tokens(ids)
    pads = (ids == tokens.special["<|image_pad|>"])[0]
    embedded[0, pads] = features[0]
    types = (ids == tokens.special["<|image_pad|>"]).int()
    places, _ = stock.model.get_rope_index(
        ids,
        mm_token_type_ids=types,
        image_grid_thw=torch.tensor([[1, 2, 4]]),
        attention_mask=torch.ones_like(ids),
    )
    expected = stock.model.language_model(inputs_embeds=embedded, position_ids=places).last_hidden_state

    found = own(torch.tensor([suffix]), (1, 2), features)

    assert torch.allclose(found, expected[:, PREFIX_TOKENS:], atol=1e-4)


def test_latents_come_back_from_tokens():
    latents = torch.randn(2, 16, 8, 12)

    assert torch.equal(unpack(pack(latents), 8, 12), latents)


def test_prompts_become_the_tokens_of_the_real_tokenizer(tokens):
    rng, tokenizer = random.Random(0), build_tokenizer()
    prompts = [wordings.draw(rng)[0] for _ in range(300)] + ["Picture of an assistant é 😀", "𠀀 e\u0301"]

    for prompt in prompts:
        expected = tokenizer(prompt, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert tokens.prompt(prompt) == list(expected), prompt
    assert len(tokens.prefix) == PREFIX_TOKENS


def test_prompts_are_as_long_as_in_the_app(tokens):
    starter = find_model("starter").local
    assert starter is not None
    assert starter.prompt_multiple == MULTIPLE

    for prompt in (
        "sepia",
        "把图片变成黑白",
        "make it black and white, and then put a vignette around it " * 2,
    ):
        for cells in (1, 2, 3):
            filled = tokens.filled(prompt, cells)
            asked = tokens.prompt(prompt)
            assert (cells + len(filled)) % MULTIPLE == 0
            assert filled[: len(asked)] == asked
            assert set(filled[len(asked) :]) <= {tokens.bytes[ord(" ")]}
