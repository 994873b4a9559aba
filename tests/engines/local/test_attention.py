"""Traps 7 and 8: attention without masks and in chunks, and rotary embedding without complex numbers."""

import pytest
import torch
from diffusers.models.transformers.transformer_qwenimage import QwenEmbedRope, apply_rotary_emb_qwen

from qie_desktop.core.cancel import CancelToken
from qie_desktop.engines.local.checkpoint import Checkpoint
from qie_desktop.engines.local.inference.attention import (
    JointAttention,
    RotaryTables,
    attend,
    rotate,
    scores_budget,
)
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.transformer import load_transformer
from tests.support.stock_pipeline import load_transformer as load_stock

CPU = torch.device("cpu")


@pytest.mark.parametrize("shapes", [[(1, 64, 48)], [(1, 6, 9), (1, 6, 9), (1, 33, 5)]])
def test_real_rotation_equals_the_complex_one(shapes):
    positions = QwenEmbedRope(theta=10000, axes_dim=[16, 56, 56], scale_rope=True)
    tables = RotaryTables(positions)
    image, text = positions([shapes], max_txt_seq_len=300, device=CPU)
    ours = tables([shapes], max_txt_seq_len=300, device=CPU)

    for frequencies, rotary in zip((image, text), ours, strict=True):
        x = torch.randn(1, frequencies.shape[0], 3, 128)
        difference = rotate(x, rotary) - apply_rotary_emb_qwen(x, frequencies, use_real=False)
        assert float(difference.abs().max()) <= 1e-6
        assert not any(table.is_complex() or table.dtype is torch.float64 for table in rotary)


def test_tables_are_kept_for_a_size():
    tables = RotaryTables(QwenEmbedRope(theta=10000, axes_dim=[16, 24, 24], scale_rope=True))

    first = tables([[(1, 4, 4)]], max_txt_seq_len=7, device=CPU)

    assert tables([[(1, 4, 4)]], max_txt_seq_len=7, device=CPU) is first
    assert tables([[(1, 4, 4)]], max_txt_seq_len=8, device=CPU) is not first
    for side in range(5, 40):
        tables([[(1, side, side)]], max_txt_seq_len=7, device=CPU)
    assert len(tables._tables) <= 8


@pytest.mark.parametrize("scores_bytes", [1, 4 * 3 * 100, 10_000, 10**9])
def test_attention_in_chunks_equals_attention_at_once(scores_bytes):
    query, key, value = (torch.randn(1, 3, 100, 16) for _ in range(3))

    difference = attend(query, key, value, scores_bytes) - attend(query, key, value)

    assert float(difference.abs().max()) <= 1e-5


def test_chunks_are_for_mps_without_its_fused_kernel_alone():
    assert scores_budget(torch.zeros(1, 1, 1, 64)) is None
    wide = torch.zeros(1, 1, 1, 128, dtype=torch.bfloat16, device="meta")
    assert scores_budget(wide) is None


def test_a_mask_is_refused():
    tokens = torch.zeros(1, 2, 4)

    with pytest.raises(ValueError, match="no mask"):
        JointAttention()(None, tokens, tokens, torch.ones(1, 2, dtype=torch.bool))


def test_the_transformer_equals_diffusers_own(tiny, tiny_gguf):
    ours = load_transformer(Checkpoint(tiny, tiny_gguf), choose_device("cpu"), CancelToken(), lambda _: None)
    stock = load_stock(tiny, tiny_gguf)
    generator = torch.Generator().manual_seed(3)
    inputs = {
        "hidden_states": torch.randn(1, 2 * 24, 64, generator=generator),
        "encoder_hidden_states": torch.randn(1, 17, 256, generator=generator),
        "timestep": torch.tensor([0.7]),
        "img_shapes": [[(1, 4, 6), (1, 4, 6)]],
        "return_dict": False,
    }

    with torch.inference_mode():
        difference = ours(**inputs)[0] - stock(**inputs)[0]

    assert float(difference.abs().max()) <= 1e-4
    assert all(isinstance(block.attn.processor, JointAttention) for block in ours.transformer_blocks)
