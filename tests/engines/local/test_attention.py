"""Traps 7 and 8: attention without masks and in chunks, and rotary embedding without complex numbers."""

import gc

import pytest
import torch
from diffusers.models.transformers.transformer_qwenimage import QwenEmbedRope, apply_rotary_emb_qwen

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.engines.local.checkpoint import Checkpoint
from qie_desktop.engines.local.gguf_file import read_gguf
from qie_desktop.engines.local.inference.attention import (
    RotaryTables,
    attend,
    rotate,
    scores_budget,
)
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.gguf_weights import load_transformer
from tests.support.stock_pipeline import load_transformer as load_stock

CPU = torch.device("cpu")


@pytest.mark.parametrize("shapes", [((1, 64, 48),), ((1, 6, 9), (1, 6, 9), (1, 33, 5))])
def test_real_rotation_equals_the_complex_one(shapes):
    axes = [16, 56, 56]
    positions = QwenEmbedRope(theta=10000, axes_dim=axes, scale_rope=True)
    image, text = positions([list(shapes)], max_txt_seq_len=300, device=CPU)
    tables = RotaryTables(axes, CPU).of(shapes, (300, 300))

    for frequencies, rotary in zip((image, text), tables, strict=True):
        x = torch.randn(2 * frequencies.shape[0], 3, 128)
        twice = torch.cat([frequencies, frequencies])
        stock = apply_rotary_emb_qwen(x[None], twice, use_real=False)[0]
        assert float((rotate(x, rotary) - stock).abs().max()) <= 1e-6
        assert not any(table.is_complex() or table.dtype is torch.float64 for table in rotary)


def test_tables_are_kept_for_a_size():
    tables = RotaryTables([16, 24, 24], CPU)

    first = tables.of(((1, 4, 4),), (7,))

    assert tables.of(((1, 4, 4),), (7,)) is first
    assert tables.of(((1, 4, 4),), (8,)) is not first
    for side in range(5, 40):
        tables.of(((1, side, side),), (7,))
    assert len(tables._tables) == 1


def test_tables_that_are_let_go_leave_nothing_behind():
    def tensors() -> int:
        gc.collect()
        return sum(type(thing) is torch.Tensor for thing in gc.get_objects())

    before = tensors()
    tables = RotaryTables([16, 56, 56], CPU)
    tables.of(((1, 64, 64),), (20,))
    assert tensors() > before

    del tables

    assert tensors() == before


@pytest.mark.parametrize("scores_bytes", [1, 4 * 3 * 100, 10_000, 10**9])
def test_attention_in_chunks_equals_attention_at_once(scores_bytes):
    query, key, value = (torch.randn(1, 3, 100, 16) for _ in range(3))

    difference = attend(query, key, value, scores_bytes) - attend(query, key, value)

    assert float(difference.abs().max()) <= 1e-5


def test_chunks_are_for_mps_without_its_fused_kernel_alone():
    assert scores_budget(torch.zeros(1, 1, 1, 64)) is None
    wide = torch.zeros(1, 1, 1, 128, dtype=torch.bfloat16, device="meta")
    assert scores_budget(wide) is None


def prediction_inputs(passes: int):
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randn(1, 2 * 24, 64, generator=generator)
    texts = [torch.randn(1, 17 + 5 * number, 256, generator=generator) for number in range(passes)]
    return tokens, texts, ((1, 4, 6), (1, 4, 6))


@pytest.mark.parametrize("passes", [1, 2])
def test_the_transformer_equals_diffusers_own(passes, tiny, tiny_gguf):
    ours = load_transformer(Checkpoint(tiny, tiny_gguf), choose_device("cpu"), CancelToken(), lambda _: None)
    stock = load_stock(tiny, tiny_gguf)
    tokens, texts, shapes = prediction_inputs(passes)
    timesteps = torch.tensor([0.9, 0.7])

    with torch.inference_mode():
        expected = [
            stock(
                hidden_states=tokens,
                encoder_hidden_states=text,
                timestep=timesteps[1:],
                img_shapes=[list(shapes)],
                return_dict=False,
            )[0]
            for text in texts
        ]
        modulations = ours.modulations(timesteps, CancelToken())
        embedded = [ours.embed_text(text) for text in texts]
        found = ours.predict(tokens, embedded, shapes, modulations, 1, CancelToken())

    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert float((one - other).abs().max()) <= 1e-4


def test_modulation_weights_are_read_for_a_schedule_and_let_go(tiny, tiny_gguf):
    ours = load_transformer(Checkpoint(tiny, tiny_gguf), choose_device("cpu"), CancelToken(), lambda _: None)
    read = []
    plain = ours._modulations._read
    ours._modulations._read = lambda name: (read.append(name), plain(name))[1]

    with torch.inference_mode():
        first = ours.modulations(torch.tensor([1.0, 0.5]), CancelToken())
        assert ours.modulations(torch.tensor([1.0, 0.5]), CancelToken()) is first
        assert len(read) == 2 * len(ours.blocks)
        assert ours.modulations(torch.tensor([1.0, 0.25]), CancelToken()) is not first

    modulation_bytes = sum(
        tensor.byte_count for name, tensor in read_gguf(tiny_gguf).tensors.items() if "_mod.1.weight" in name
    )
    assert modulation_bytes > ours.resident_bytes / 4
    cancelled = CancelToken()
    cancelled.cancel()
    with pytest.raises(JobCancelled):
        ours.modulations(torch.tensor([0.1]), cancelled)
