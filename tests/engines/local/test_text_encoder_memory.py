"""What the compact text encoder takes: in memory, while it loads, and on paper for the published files."""

import subprocess
import sys
import textwrap
from math import prod

import pytest
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.engines.local.gguf_header import GgufTensor
from qie_desktop.engines.local.inference.device import Device, choose_device
from qie_desktop.engines.local.inference.text_encoder_gguf import load_compact_text_encoder
from qie_desktop.engines.local.text_encoder_files import CompactTextEncoder
from qie_desktop.engines.local.text_encoder_names import language_modules, vision_modules
from tests.support.tiny_text_encoder import MIXED, big_text_encoder, real_shapes, write_text_encoder

PUBLISHED_Q4_K_M_BYTES = 4_683_072_032
"""Of ggml-org/Qwen2.5-VL-7B-Instruct-GGUF, with a vocabulary of some 6 MB and the language head."""


@pytest.fixture(scope="module")
def files(tiny, tmp_path_factory) -> CompactTextEncoder:
    return CompactTextEncoder(*write_text_encoder(tiny, tmp_path_factory.mktemp("compact"), "Q8_0"))


def load(tiny, files, cancel=None, progress=lambda _: None):
    folder = tiny / "text_encoder"
    return load_compact_text_encoder(folder, files, choose_device("cpu"), cancel or CancelToken(), progress)


def resident_bytes(model: torch.nn.Module) -> int:
    return sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))


def test_loading_tells_how_far_it_is(tiny, files):
    fractions: list[float] = []

    load(tiny, files, progress=fractions.append)

    assert len(fractions) > 50
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_loading_can_be_cancelled_between_two_tensors(tiny, files):
    cancel, fractions = CancelToken(), []

    def stop(done: float) -> None:
        fractions.append(done)
        if done > 0.3:
            cancel.cancel()

    with pytest.raises(JobCancelled):
        load(tiny, files, cancel, stop)
    assert sum(done > 0.3 for done in fractions) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("quantisation", ["Q8_0", "F16", MIXED])
def test_what_it_takes_is_known_from_the_headers(tiny, tmp_path, quantisation, dtype):
    files = CompactTextEncoder(*write_text_encoder(tiny, tmp_path, quantisation))
    device = Device(torch.device("cpu"), dtype)

    model = load_compact_text_encoder(tiny / "text_encoder", files, device, CancelToken(), lambda _: None)

    # The patch embedding is kept as numbers; in the real model it is a thousandth of all.
    patches = model.visual.patch_embed.proj.weight.nbytes
    assert abs(resident_bytes(model) - files.memory_bytes(dtype.itemsize)) <= patches
    assert not any(parameter.is_meta for parameter in model.parameters())


def test_loading_takes_no_more_memory_than_the_files_and_their_largest_tensor(tmp_path):
    language, vision = big_text_encoder(tmp_path)
    program = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from qie_desktop.core.cancel import CancelToken
        from qie_desktop.engines.local.inference.device import choose_device
        from qie_desktop.engines.local.inference.text_encoder_gguf import load_compact_text_encoder
        from qie_desktop.engines.local.text_encoder_files import CompactTextEncoder

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

        folder, language, vision = map(Path, sys.argv[1:])
        # What the class itself takes, whatever the weights: an empty model is built once before.
        from accelerate import init_empty_weights
        from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel
        with init_empty_weights():
            Qwen2_5_VLModel(Qwen2_5_VLConfig.from_pretrained(folder))
        before = peak()
        files = CompactTextEncoder(language, vision)
        model = load_compact_text_encoder(folder, files, choose_device("cpu"), CancelToken(), lambda _: None)
        held = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
        print(peak() - before, held)
        """
    )
    arguments = [str(path) for path in (tmp_path / "text_encoder", language, vision)]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True
    )
    grown, held = map(int, done.stdout.split())
    size = language.stat().st_size + vision.stat().st_size
    largest = 32000 * 1024 * 34 // 32

    assert size > 120e6
    assert 0.95 * size < held < 1.05 * size
    assert grown < 1.1 * held + largest


def test_the_published_files_take_5_6_gb_on_a_gpu():
    """Worked out from the real model's shapes and from how llama.cpp mixes types in Q4_K_M."""
    shapes = real_shapes()
    language, vision = language_modules(28), vision_modules(32)
    tensors = []
    for name, shape in shapes.items():
        module, _, kind = name.rpartition(".")
        stem = (language | vision).get(module, ("v.patch_embd",))[0]
        type_name = "F32" if kind == "bias" or len(shape) == 1 else "F16"
        if module in language and type_name == "F16":
            type_name = "Q6_K" if has_more_bits(stem) else "Q4_K"
        block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[type_name]]
        tensors.append(GgufTensor(name, type_name, shape, 0, prod(shape) // block * block_bytes))
    in_language_file = sum(each.byte_count for each in tensors if each.name.startswith("language_model."))
    head_bytes = 152064 * 3584 // 256 * 210

    assert 5e6 < PUBLISHED_Q4_K_M_BYTES - head_bytes - in_language_file < 7e6
    assert sum(each.resident_bytes(2) for each in tensors) == pytest.approx(5.58e9, rel=0.001)


def has_more_bits(stem: str) -> bool:
    """Whether llama.cpp gives a tensor 6 bits in Q4_K_M (`use_more_bits` in llama-quant.cpp)."""
    if not stem.endswith(("attn_v", "ffn_down")):
        return False
    number, layers = int(stem.split(".")[1]), 28
    return number < layers // 8 or number >= 7 * layers // 8 or (number - layers // 8) % 3 == 2
