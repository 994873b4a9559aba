"""The memory plan as a pure function, over a table of machines, quantisations and text encoders."""

from __future__ import annotations

import itertools
import re

import pytest

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.geometry import Size
from qie_desktop.core.memory_need import (
    DeviceKind,
    Machine,
    Parts,
    Run,
    denoising_bytes,
    picture_encoding_bytes,
    text_tokens,
)
from qie_desktop.core.memory_parts import alternatives, published_parts, text_encoders
from qie_desktop.core.memory_plan import (
    GB,
    SMALLER_AREAS_PX,
    Fit,
    MemoryPlan,
    Policy,
    StageName,
    first_that_fits,
    plan_memory,
)
from qie_desktop.core.memory_words import fit_words, reasons, refusal, shortage_hint
from qie_desktop.core.model_shape import ModelShape, TransformerShape
from qie_desktop.services.machine_memory import machine_memory

WEIGHTS = find_model("qwen-image-edit-2509-gguf").local.weights
FULL, COMPACT = text_encoders(WEIGHTS)
QUANTISATIONS = [name for name, _ in WEIGHTS.gguf_gb]
MEGAPIXEL = Size(1024, 1024)
GIB = 2**30
MACS_GB = (8, 16, 24, 32, 36, 48, 64, 96, 128)
MACHINES = [
    *(machine_memory("mps", size * GIB) for size in MACS_GB),
    machine_memory("cuda", 24 * GIB),
    machine_memory("cuda", 141 * GIB),
    machine_memory("cpu", 32 * GIB),
    machine_memory("cpu", 128 * GIB),
]
RUNS = [
    Run((MEGAPIXEL,), passes=1, steps=8),
    Run((MEGAPIXEL,)),
    Run((Size(3000, 4000), Size(640, 480)), cached_units=3),
    Run((Size(300, 200),)),
]
JARGON = re.compile(
    r"\b(vram|mps|cuda|metal|bf16|bfloat16|float32|gguf|tensor|cfg|vae|activations?|resident|staged|bytes|"
    r"None|quantis\w*)\b",
    re.IGNORECASE,
)


def parts(machine: Machine, quantisation: str = "Q5_K_S", encoder=FULL, *, lightning: bool = False) -> Parts:
    return published_parts(WEIGHTS, quantisation, encoder, machine.bytes_per_number, lightning=lightning)


def every_plan(policy: Policy = Policy.AUTO) -> list[MemoryPlan]:
    return [
        plan_memory(machine, parts(machine, name, encoder, lightning=run.passes == 1), run, policy)
        for machine, name, encoder, run in itertools.product(MACHINES, QUANTISATIONS, (FULL, COMPACT), RUNS)
    ]


def badness(plan: MemoryPlan) -> tuple[bool, int, bool, bool]:
    """What is worse compares as more. Of two ways that fit, the better one may leave less room."""
    return plan.fit is Fit.TOO_LARGE, -plan.area_px, plan.staged, plan.tile_bytes is not None


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("kind", DeviceKind)
@pytest.mark.parametrize("run", RUNS)
def test_more_memory_never_gives_a_worse_plan(policy: Policy, kind: DeviceKind, run: Run) -> None:
    for name, encoder in itertools.product(QUANTISATIONS, (FULL, COMPACT)):
        before: tuple[object, ...] | None = None
        for usable in range(3 * GB, 60 * GB, GB // 2):
            machine = Machine(kind, usable, usable)
            plan = plan_memory(machine, parts(machine, name, encoder), run, policy)
            assert before is None or badness(plan) <= before, (name, encoder.name, usable)
            before = badness(plan)


def test_a_plan_that_fits_never_takes_more_than_there_is() -> None:
    plans = [plan for policy in Policy for plan in every_plan(policy)]

    for plan in plans:
        assert (plan.fit is not Fit.TOO_LARGE) == (plan.peak_bytes <= plan.machine.usable_bytes)
        assert plan.peak_bytes == max(stage.peak_bytes for stage in plan.stages)
        assert [stage.name for stage in plan.stages] == list(StageName)
    assert {plan.fit for plan in plans} == set(Fit)
    assert {plan.staged for plan in plans} == {True, False}
    assert {plan.area_px for plan in plans} == {1024 * 1024, *SMALLER_AREAS_PX}


@pytest.mark.parametrize("policy", Policy)
def test_a_refusal_names_something_that_then_really_fits(policy: Policy) -> None:
    refused = [plan for plan in every_plan(policy) if plan.fit is Fit.TOO_LARGE]
    named = 0

    for plan in refused:
        name, encoder, lightning = chosen(plan)
        others = alternatives(WEIGHTS, name, encoder, plan.machine.bytes_per_number, lightning=lightning)
        error = refusal(plan, others)
        assert error is not None
        assert error.code == "does_not_fit"
        by_label = {other.label: other.parts for other in others}
        found = re.search(r"Choose (.+?): it needs ([\d.]+) GB", error.hint)
        if found is not None:
            named += 1
            instead = plan_memory(plan.machine, by_label[found[1]], plan.run)
            assert instead.fit is not Fit.TOO_LARGE
            assert float(found[2]) == pytest.approx(instead.peak_bytes / GB, abs=0.051)
        elif "local.memory_policy auto" in error.hint:
            assert plan_memory(plan.machine, plan.parts, plan.run).fit is not Fit.TOO_LARGE
        else:
            assert "use a cloud model" in error.hint
            for other in others:
                assert plan_memory(plan.machine, other.parts, plan.run).fit is Fit.TOO_LARGE
    assert named


def chosen(plan: MemoryPlan) -> tuple[str, str, bool]:
    """What a plan of the table was made for."""
    for name, encoder, lightning in itertools.product(QUANTISATIONS, (FULL, COMPACT), (False, True)):
        if plan.parts == parts(plan.machine, name, encoder, lightning=lightning):
            return name, encoder.name, lightning
    raise AssertionError(plan)


def test_what_fits_is_not_refused() -> None:
    for plan in every_plan():
        if plan.fit is not Fit.TOO_LARGE:
            assert refusal(plan) is None


def test_words_are_for_people() -> None:
    for plan in (plan for policy in Policy for plan in every_plan(policy)):
        error = refusal(plan)
        said = [fit_words(plan), *reasons(plan), *([error.message] if error else [])]
        for sentence in said:
            assert not JARGON.search(sentence), sentence
            assert "-" not in re.sub(r"\w-\w", "", sentence), sentence
        assert all(sentence.endswith(".") for sentence in reasons(plan))
        smaller = any("instead of 1024 × 1024 px" in sentence for sentence in reasons(plan))
        assert smaller == (plan.is_smaller and plan.fit is not Fit.TOO_LARGE)
        assert (
            plan.policy is not Policy.STAGED or plan.fit is Fit.TOO_LARGE or "as the settings say" in said[1]
        )


@pytest.mark.parametrize(
    ("mac_gb", "encoder", "quantisation", "words"),
    [
        (32, FULL, "Q5_K_S", "fits this 32 GB Mac with 7 GB to spare"),
        (24, FULL, "Q5_K_S", "tight: 1.5 GB to spare"),
        (16, COMPACT, "Q8_0", "too large: would swap"),
        (16, FULL, "Q2_K", "too large: would swap"),
        (16, COMPACT, "Q4_K_M", "fits this 16 GB Mac with 1 GB to spare"),
        (64, FULL, "Q8_0", "fits this 64 GB Mac with 19 GB to spare"),
    ],
)
def test_how_the_real_model_fits_macs(mac_gb: int, encoder, quantisation: str, words: str) -> None:
    machine = machine_memory("mps", mac_gb * GIB)

    assert fit_words(plan_memory(machine, parts(machine, quantisation, encoder), Run((MEGAPIXEL,)))) == words


def test_why_they_take_turns_is_told_with_figures() -> None:
    machine = machine_memory("mps", 32 * GIB)

    said = reasons(plan_memory(machine, parts(machine), Run((MEGAPIXEL,))))

    assert said == (
        "Text encoder and model take turns in memory, because both together need 26.4 GB and this Mac lets "
        "the GPU use 22.9 GB.",
    )


def test_where_everything_fits_it_stays() -> None:
    machine = machine_memory("mps", 64 * GIB)

    plan = plan_memory(machine, parts(machine), Run((MEGAPIXEL,)))

    assert not plan.staged
    assert plan.tile_bytes is None
    assert plan_memory(machine, parts(machine), Run((MEGAPIXEL,)), Policy.STAGED).staged


def test_told_to_keep_everything_loaded_it_says_where_that_does_not_fit() -> None:
    machine = machine_memory("mps", 32 * GIB)
    plan = plan_memory(machine, parts(machine), Run((MEGAPIXEL,)), Policy.RESIDENT)

    error = refusal(plan)

    assert error is not None
    assert "Keeping all parts in memory needs 26" in error.message
    assert "qie config set local.memory_policy auto" in error.hint


def test_the_working_area_shrinks_only_where_nothing_else_helps() -> None:
    machine = machine_memory("mps", 16 * GIB)
    need = parts(machine, "Q5_K_S", COMPACT)
    at_full = plan_memory(machine, need, Run((MEGAPIXEL,)))
    stage = next(each for each in at_full.stages if each.name is StageName.DENOISING)

    short = Machine(DeviceKind.MPS, machine.total_bytes, stage.peak_bytes - 1)
    smaller = plan_memory(short, need, Run((MEGAPIXEL,)))

    assert at_full.area_px == MEGAPIXEL.area_px
    assert smaller.area_px == SMALLER_AREAS_PX[0]
    assert (smaller.staged, smaller.fit) == (True, Fit.TIGHT)
    assert fit_words(smaller) == "tight: works at 768 × 768 px"
    # A picture that is smaller than that anyhow is not made smaller for nothing.
    assert plan_memory(short, need, Run((Size(300, 200),))).area_px == MEGAPIXEL.area_px


def test_tiles_come_before_a_smaller_area() -> None:
    machine = machine_memory("mps", 128 * GIB)
    need, run = parts(machine, "Q4_K_M", COMPACT), Run((Size(1024, 1024),), passes=1, steps=4)
    whole = plan_memory(machine, need, run, Policy.STAGED)

    short = Machine(DeviceKind.MPS, machine.total_bytes, whole.peak_bytes - 1)
    plan = plan_memory(short, need, run, Policy.STAGED)

    assert whole.stages[-1].peak_bytes == whole.peak_bytes
    assert whole.tile_bytes is None
    assert plan.tile_bytes is not None
    assert (plan.area_px, plan.fit) == (run.area_px, Fit.TIGHT)


def test_the_text_encoder_with_comfortable_room_is_preferred() -> None:
    machine = machine_memory("mps", 24 * GIB)
    full, compact = (
        plan_memory(machine, parts(machine, encoder=form), Run((MEGAPIXEL,))) for form in (FULL, COMPACT)
    )

    assert first_that_fits([full, compact]) is compact
    assert first_that_fits([full]) is full


def test_after_a_shortage_something_smaller_is_named() -> None:
    machine = machine_memory("mps", 16 * GIB)
    plan = plan_memory(machine, parts(machine, "Q5_K_S", COMPACT), Run((MEGAPIXEL,)))
    others = alternatives(WEIGHTS, "Q5_K_S", "compact", 2, lightning=False)

    assert "Choose Q4_K_M" in shortage_hint(plan, others)
    large = machine_memory("mps", 64 * GIB)
    resident = plan_memory(large, parts(large), Run((MEGAPIXEL,)))
    assert "local.memory_policy staged" in shortage_hint(resident, others)


@pytest.mark.parametrize(
    ("policy", "measured_gb"),
    [
        (Policy.STAGED, {StageName.READING: 6.57, StageName.DENOISING: 10.31, StageName.DECODING: 10.72}),
        (Policy.RESIDENT, {StageName.DENOISING: 16.19, StageName.DECODING: 16.61}),
    ],
)
def test_a_gpu_took_what_the_plan_says(policy: Policy, measured_gb: dict[StageName, float]) -> None:
    # An H200, random weights of the real size in Q4_K_M, text encoder and all, three steps with guidance.
    machine = Machine(DeviceKind.CUDA, 141 * GIB, 139 * GIB)
    weights = Parts(9_187_000_000, 5_830_000_000, 89_200_000, text_encoder_in_blocks=True)

    plan = plan_memory(machine, weights, Run((MEGAPIXEL,), steps=3, text_tokens=304), policy)

    planned = {stage.name: stage.peak_bytes / GB for stage in plan.stages}
    for name, measured in measured_gb.items():
        assert 0.99 * measured <= planned[name] <= 1.06 * measured, name
    # The pictures were encoded before the transformer was loaded.
    encoding = weights.vae + picture_encoding_bytes(machine, weights, [MEGAPIXEL], None)
    assert 0.99 * 1.14 <= encoding / GB <= 1.06 * 1.14


def test_attention_scores_count_only_where_they_are_written_out() -> None:
    narrow = ModelShape(transformer=TransformerShape(width=256, blocks=2, head_width=64))
    run, scores = Run((MEGAPIXEL,)), 2**28
    need = {
        kind: denoising_bytes(
            Machine(kind, 0, 0), Parts(0, 0, 0, shape=narrow), run, MEGAPIXEL.area_px, scores
        )
        for kind in (DeviceKind.MPS, DeviceKind.CUDA)
    }

    assert need[DeviceKind.MPS] - need[DeviceKind.CUDA] >= scores


def test_a_prompt_is_thought_to_have_rather_more_tokens_than_fewer() -> None:
    assert text_tokens("make it warmer", 1) < text_tokens("make it warmer", 2)
    assert text_tokens("a" * 100_000, 1) == text_tokens("a" * 1_000_000, 1)
