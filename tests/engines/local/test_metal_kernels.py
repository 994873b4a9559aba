"""The Metal kernels' own source, compiled as C++: there is no Mac to run it on."""

import ctypes
import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

from qie_desktop.engines.local.inference.metal_dequantisation import KERNELS, WEIGHTS_PER_THREAD
from tests.support.random_blocks import SCALE_FIELDS, ScaleFields

SUPPORT = Path(__file__).parents[2] / "support"
EXTREMES = np.array(
    # Zeros, the smallest and largest subnormals, the smallest normal, ones, and the largest, of both signs.
    [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x8400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF],
    dtype="<u2",
)
FLAGS = {
    "as written": ["-ffp-contract=off"],
    # What a compiler may do to the arithmetic where it is allowed to. -march=native: fma, where there is one.
    "fast": [
        "-march=native",
        "-ffp-contract=fast",
        "-fassociative-math",
        "-fno-signed-zeros",
        "-fno-trapping-math",
    ],
}


@pytest.fixture(scope="module", params=FLAGS)
def kernels(request, resources, tmp_path_factory) -> ctypes.CDLL:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("The Metal kernels are tested as C++: there is neither g++ nor clang++ here.")
    folder = tmp_path_factory.mktemp("metal")
    (folder / "metal_stdlib").write_text('#include "metal_shim.h"\n')
    source, library = resources / "metal" / "dequantise.metal", folder / "kernels.so"
    command = [compiler, "-x", "c++", "-std=c++14", "-O2", "-shared", "-fPIC", "-Wall", "-Werror"]
    command += ["-Wno-attributes", "-Wno-unknown-pragmas", *FLAGS[request.param]]
    command += ["-I", folder, "-I", SUPPORT, source, "-o", library]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def sizes(type_name: str) -> tuple[int, int]:
    return GGML_QUANT_SIZES[GGMLQuantizationType[type_name]]


def random_blocks(type_name: str, scales: np.ndarray, copies: int) -> np.ndarray:
    """Random bytes with every pair of these halves as scale and minimum: `(blocks, bytes of a block)`."""
    fields = SCALE_FIELDS.get(GGMLQuantizationType[type_name], ScaleFields(0))
    pairs = np.array(list(itertools.product(scales, repeat=2)), dtype="<u2").repeat(copies, axis=0)
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (len(pairs), sizes(type_name)[1]), dtype=np.uint8)
    for place, halves in zip((fields.scale_byte, fields.offset_byte), pairs.T, strict=True):
        if place is not None:
            blocks[:, place : place + 2] = np.ascontiguousarray(halves).view(np.uint8).reshape(-1, 2)
    return blocks


def reference(blocks: np.ndarray, type_name: str) -> torch.Tensor:
    return torch.from_numpy(quants.dequantize(blocks, GGMLQuantizationType[type_name])).to(torch.bfloat16)


def run(kernels: ctypes.CDLL, blocks: np.ndarray, type_name: str, first=0, last=None) -> torch.Tensor:
    """Run these threads of a kernel over an output that is NaN throughout."""
    output = torch.full((len(blocks), sizes(type_name)[0]), torch.nan, dtype=torch.bfloat16)
    threads = output.numel() // WEIGHTS_PER_THREAD
    kernels.launch(
        ctypes.cast(kernels[KERNELS[type_name]], ctypes.c_void_p),
        ctypes.c_void_p(output.data_ptr()),
        ctypes.c_void_p(blocks.ctypes.data),
        ctypes.c_uint32(first),
        ctypes.c_uint32(threads if last is None else last),
    )
    return output


def bits(numbers: torch.Tensor) -> torch.Tensor:
    return numbers.view(torch.int16)


@pytest.mark.parametrize("type_name", KERNELS)
def test_a_kernel_gives_the_bits_of_gguf_rounded_to_bfloat16(kernels, type_name):
    halves = np.random.default_rng(1).integers(0, 2**16, 64, dtype=np.uint16) & 0xBFFF  # finite ones
    blocks = np.concatenate([random_blocks(type_name, EXTREMES, 8), random_blocks(type_name, halves, 1)])
    expected = reference(blocks, type_name)

    ours = run(kernels, blocks, type_name)

    assert torch.isfinite(expected).all()
    assert torch.equal(bits(ours), bits(expected))


def test_the_numbers_compared_need_rounding_and_meet_ties():
    blocks = random_blocks("Q5_K", EXTREMES, 8)
    lower = torch.from_numpy(quants.dequantize(blocks, GGMLQuantizationType.Q5_K)).view(torch.int32) & 0xFFFF

    assert (lower == 0x8000).any()
    assert (lower > 0x8000).any()


@pytest.mark.parametrize("type_name", KERNELS)
def test_a_thread_writes_its_own_weights_alone(kernels, type_name):
    blocks = random_blocks(type_name, EXTREMES[-2:], 1)
    whole = run(kernels, blocks, type_name)

    one = run(kernels, blocks, type_name, first=3, last=4).flatten()

    mine = slice(3 * WEIGHTS_PER_THREAD, 4 * WEIGHTS_PER_THREAD)
    assert torch.equal(one[mine], whole.flatten()[mine])
    assert one.isnan().sum() == one.numel() - WEIGHTS_PER_THREAD


@pytest.mark.parametrize("type_name", KERNELS)
def test_blocks_may_start_at_any_byte(kernels, type_name):
    blocks = random_blocks(type_name, EXTREMES, 1)
    buffer = np.zeros(blocks.size + 1, dtype=np.uint8)
    moved = buffer[1:].reshape(blocks.shape)
    moved[:] = blocks

    assert torch.equal(bits(run(kernels, moved, type_name)), bits(reference(blocks, type_name)))


@pytest.mark.parametrize("type_name", KERNELS)
@pytest.mark.parametrize("scale", [0x7C01, 0x7FFF, 0xFE00])
def test_a_scale_that_is_no_number_is_not_hidden(kernels, type_name, scale):
    blocks = random_blocks(type_name, np.array([scale], dtype="<u2"), 4)

    assert run(kernels, blocks, type_name).isnan().all()


def test_the_source_has_the_kernels_that_are_named(resources):
    # torch hands the source over as ASCII: anything else would be no source at all.
    source = (resources / "metal" / "dequantise.metal").read_text("ascii")

    assert {line.split("(")[0] for line in source.split("kernel void ")[1:]} == set(KERNELS.values())
