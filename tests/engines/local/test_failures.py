"""What torch, safetensors and the system raise on the inference thread, as errors of ours."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from qie_desktop.core.cancel import JobCancelled
from qie_desktop.core.errors import CheckpointDamaged, EngineError, OutOfMemory, QieError
from qie_desktop.core.lora_errors import LoraDamaged
from qie_desktop.engines.local.inference.failures import computing, loading, reading

MPS_SAYS = "MPS backend out of memory (MPS allocated: 17.10 GB, other allocations: 3 MB, max allowed: 18 GB)"
CPU_SAYS = "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"
METAL_SAYS = "Invalid buffer size: 30.42 GiB"
FILE = Path("folder") / "model.gguf"


@pytest.mark.parametrize(
    "raised",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError(MPS_SAYS),
        RuntimeError(CPU_SAYS),
        RuntimeError(METAL_SAYS),
        RuntimeError("could not create a primitive"),
    ],
    ids=["python", "cuda", "mps", "cpu", "metal", "onednn"],
)
def test_a_shortage_while_computing_is_one_whoever_tells_it(raised: Exception) -> None:
    with (
        pytest.raises(OutOfMemory, match="not enough memory while denoising") as caught,
        computing("denoising"),
    ):
        raise raised
    assert caught.value.hint
    assert caught.value.__cause__ is raised


def test_a_real_shortage_is_one() -> None:
    with pytest.raises(OutOfMemory), computing("denoising"):
        torch.empty(2**60, dtype=torch.uint8)


def test_anything_else_that_torch_raises_is_the_engines() -> None:
    with (
        pytest.raises(EngineError, match="while denoising: shapes do not match$") as caught,
        computing("denoising"),
    ):
        raise RuntimeError("shapes do not match\nat some line")
    assert caught.value.code == "engine_failed"


@pytest.mark.parametrize(
    "raised",
    [
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        SafetensorError("Error while deserializing header: Cannot allocate memory (os error 12)"),
        MemoryError(),
        RuntimeError(CPU_SAYS),
    ],
    ids=["system", "safetensors", "python", "cpu"],
)
def test_a_shortage_while_loading_is_no_damage(raised: Exception) -> None:
    with pytest.raises(OutOfMemory, match="not enough memory while loading the VAE"), loading("VAE"):
        raise raised


@pytest.mark.parametrize(
    "raised",
    [
        OSError(errno.EIO, "Input/output error"),
        SafetensorError("Error while deserializing header: InvalidHeaderDeserialization"),
        ValueError("no such thing"),
        KeyError("weight_map"),
        AttributeError("no attribute"),
        TypeError("not a number"),
    ],
    ids=lambda raised: type(raised).__name__,
)
def test_what_a_library_raises_over_files_is_damage(raised: Exception) -> None:
    with pytest.raises(CheckpointDamaged, match="The VAE cannot be loaded: ") as caught, loading("VAE"):
        raise raised
    assert caught.value.hint


@pytest.mark.parametrize("raised", [JobCancelled(), OutOfMemory("Too little.", "Close other apps.")])
def test_what_is_ours_goes_through(raised: Exception) -> None:
    with pytest.raises(type(raised)) as caught, loading("VAE"):
        raise raised
    assert caught.value is raised


@pytest.mark.parametrize(
    ("raised", "wanted"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), LoraDamaged),
        (OSError(errno.EIO, "Input/output error"), LoraDamaged),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), OutOfMemory),
    ],
)
def test_a_file_that_cannot_be_read_in_mid_job_is_named(raised: OSError, wanted: type[QieError]) -> None:
    with pytest.raises(wanted, match=r"model\.gguf"), reading(FILE, LoraDamaged):
        raise raised
