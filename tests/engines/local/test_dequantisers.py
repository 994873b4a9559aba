import logging
import shutil
import sys
import sysconfig
import time
from pathlib import Path

import pytest
import torch

from qie_desktop.engines.local.inference.compiled_dequantisation import CompiledDequantiser
from qie_desktop.engines.local.inference.dequantisation import dequantise
from qie_desktop.engines.local.inference.dequantisers import (
    REFERENCE,
    WORTH_COMPILING_BYTES,
    candidates_for,
    choose_dequantiser,
)
from qie_desktop.engines.local.inference.device import Device
from qie_desktop.engines.local.inference.metal_dequantisation import MetalDequantiser
from tests.engines.local.test_dequantisation import random_rows

CPU = Device(torch.device("cpu"), torch.float32)
MPS = Device(torch.device("mps"), torch.bfloat16)
ALL_THE_MODEL = 2 * WORTH_COMPILING_BYTES


def sample(type_name: str, rows: int = 8) -> torch.Tensor:
    return torch.from_numpy(random_rows(type_name, rows=rows))


class Quick:
    """The right numbers in no time: remembered from the first call."""

    def __init__(self):
        self.numbers = None

    def __call__(self, blocks, type_name, dtype):
        if self.numbers is None:
            self.numbers = dequantise(blocks, type_name, dtype)
        return self.numbers


class Slow:
    def __call__(self, blocks, type_name, dtype):
        time.sleep(0.02)
        return dequantise(blocks, type_name, dtype)


class OneBitOff(Quick):
    """Wrong in the last bit of the last number."""

    def __call__(self, blocks, type_name, dtype):
        numbers = super().__call__(blocks, type_name, dtype).clone()
        numbers.view(torch.int16 if dtype.itemsize == 2 else torch.int32)[-1, -1] ^= 1
        return numbers


class WrongLater(Quick):
    """Right at first, as something is that leaves its result where another writes."""

    calls = 0

    def __call__(self, blocks, type_name, dtype):
        self.calls += 1
        numbers = super().__call__(blocks, type_name, dtype)
        return numbers if self.calls < 3 else numbers + 1


class WritesNothing:
    def __call__(self, blocks, type_name, dtype):
        return torch.empty_like(dequantise(blocks, type_name, dtype))


class OfAnotherType(Quick):
    def __call__(self, blocks, type_name, dtype):
        return super().__call__(blocks, type_name, dtype).double()


class OfAnotherShape(Quick):
    def __call__(self, blocks, type_name, dtype):
        return super().__call__(blocks, type_name, dtype)[:-1]


class Raising:
    def __call__(self, *_):
        raise RuntimeError("no compiler\nand a page of what was tried")


class OnlyQ8:
    def __call__(self, blocks, type_name, dtype):
        if type_name != "Q8_0":
            raise ValueError("there is nothing for it")
        return Quick()(blocks, type_name, dtype)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, logger="qie_desktop")
    return caplog


def choose(candidates, device=CPU, types=("Q4_K",)):
    samples = {name: sample(name) for name in types}
    return choose_dequantiser(device, samples, weight_bytes=0, candidates=candidates)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fastest_that_is_right_is_chosen(log, dtype):
    quick = Quick()

    chosen = choose({"slow": Slow(), "quick": quick}, Device(CPU.device, dtype))

    assert chosen == {"Q4_K": quick}
    assert [record.levelname for record in log.records] == ["INFO"]
    assert "Q4_K by quick" in log.text
    assert f"{REFERENCE} " in log.text


def test_the_reference_is_chosen_where_nothing_is_faster():
    assert choose({"slow": Slow()}) == {"Q4_K": dequantise}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (OneBitOff, "1 of 10240 numbers are wrong"),
        (WrongLater, "of 10240 numbers are wrong"),
        (WritesNothing, "numbers are wrong"),
        (OfAnotherType, "torch.float64"),
        (OfAnotherShape, r"(7, 1280)"),
        (Raising, "RuntimeError: no compiler"),
    ],
)
def test_whatever_is_not_right_is_dropped_with_one_line(log, dtype, wrong, reason):
    chosen = choose({"candidate": wrong()}, Device(CPU.device, dtype))

    assert chosen == {"Q4_K": dequantise}
    dropped = [record for record in log.records if record.levelname == "WARNING"]
    assert len(dropped) == 1
    assert "candidate is not used for Q4_K: " in dropped[0].getMessage()
    assert reason in dropped[0].getMessage()
    assert "\n" not in dropped[0].getMessage()


def test_what_is_dropped_does_not_take_the_others_along():
    quick = Quick()

    assert choose({"raising": Raising(), "wrong": OneBitOff(), "quick": quick}) == {"Q4_K": quick}


def test_each_type_has_its_own_way(log):
    chosen = choose({"q8": OnlyQ8()}, types=("Q8_0", "Q4_K"))

    assert chosen["Q4_K"] is dequantise
    assert "q8 is not used for Q4_K: ValueError" in log.text
    assert "q8 is not used for Q8_0" not in log.text


def test_weights_that_are_numbers_already_are_left_to_the_reference(log):
    assert choose({"raising": Raising()}, types=("F16", "BF16")) == {"F16": dequantise, "BF16": dequantise}
    assert len(log.records) == 1


def test_a_type_that_nobody_knows_is_left_to_the_layer_that_meets_it():
    samples = {"Q9_9": torch.zeros(2, 32, dtype=torch.uint8)}

    chosen = choose_dequantiser(CPU, samples, weight_bytes=0, candidates={"quick": Quick()})

    assert chosen == {"Q9_9": dequantise}


def test_a_tiny_model_is_not_worth_compiling(log):
    chosen = choose_dequantiser(CPU, {"Q4_K": sample("Q4_K")}, weight_bytes=WORTH_COMPILING_BYTES - 1)

    assert chosen == {"Q4_K": dequantise}
    assert len(log.records) == 1


def test_each_device_has_its_own_candidates(monkeypatch):
    assert list(candidates_for(CPU, ALL_THE_MODEL)) == ["torch.compile"]
    assert list(candidates_for(MPS, 0)) == ["Metal"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert candidates_for(CPU, ALL_THE_MODEL) == {}
    assert list(candidates_for(MPS, ALL_THE_MODEL)) == ["Metal"]


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="There is a Mac, on which Metal works.")
def test_without_a_mac_metal_is_dropped(log):
    chosen = choose({"Metal": MetalDequantiser()}, Device(CPU.device, torch.bfloat16))

    assert chosen == {"Q4_K": dequantise}
    assert "Metal is not used for Q4_K: RuntimeError: MPS is not available" in log.text


def test_metal_has_no_kernel_for_another_result():
    with pytest.raises(ValueError, match="from Q4_K to torch.float32"):
        MetalDequantiser()(sample("Q4_K"), "Q4_K", torch.float32)


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="Metal runs on a Mac.")
@pytest.mark.parametrize("type_name", ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "Q4_0", "Q5_0"])
def test_on_a_mac_metal_gives_the_bits_of_the_reference(type_name):
    blocks = sample(type_name).to("mps")

    found = MetalDequantiser()(blocks, type_name, torch.bfloat16)

    expected = dequantise(blocks, type_name, torch.bfloat16)
    assert torch.equal(found.view(torch.int16), expected.view(torch.int16))


def can_compile() -> bool:
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    return headers.is_file() and (shutil.which("g++") or shutil.which("clang++")) is not None


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="There is no C++ compiler, or no header of Python's, for it.")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
def test_compiled_dequantisation_gives_the_bits_of_the_reference_for_any_size(log):
    compiled = CompiledDequantiser()
    # The second has another size of block, the third a table of values, kept where it runs uncompiled.
    for type_name in ("Q4_K", "Q3_K", "IQ4_NL"):
        chosen = choose({"compiled": compiled}, types=(type_name,))

        assert "not used" not in log.text
        assert chosen[type_name] in {compiled, dequantise}
        for rows in (1, 3, 40):
            blocks = sample(type_name, rows)
            # As the transformer does or does not run, and without being compiled once more.
            for inference in (True, False):
                with torch.inference_mode(inference), torch.compiler.set_stance("fail_on_recompile"):
                    found = compiled(blocks, type_name, torch.float32)
                expected = dequantise(blocks, type_name, torch.float32)
                assert torch.equal(found.view(torch.int32), expected.view(torch.int32))
    one_block = sample("Q4_K")[:1, :144]
    assert torch.equal(
        compiled(one_block, "Q4_K", torch.float32), dequantise(one_block, "Q4_K", torch.float32)
    )


def test_a_type_that_torch_does_not_dequantise_is_not_compiled(log):
    assert choose({"compiled": CompiledDequantiser()}, types=("TQ2_0",)) == {"TQ2_0": dequantise}
    assert "ValueError: torch does not dequantise TQ2_0" in log.text
