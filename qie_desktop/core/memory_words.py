"""A memory plan in words: how it sits in the memory, why it goes as it does, what to do where it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING

from qie_desktop.core.machine import this_machine
from qie_desktop.core.memory_errors import DoesNotFit
from qie_desktop.core.memory_need import DeviceKind
from qie_desktop.core.memory_plan import GB, Fit, Policy, plan_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qie_desktop.core.memory_need import Machine, Parts
    from qie_desktop.core.memory_plan import MemoryPlan

_GIB = 2**30
_NOTHING_FITS = (
    "Nothing smaller of this model fits either: use a cloud model, or the built-in one with --model starter."
)


@dataclass(frozen=True, slots=True)
class Alternative:
    """Other files of the same model, and what they are called: "Q4_K_M", "the compact text encoder"."""

    label: str
    parts: Parts


def gb_words(count: int) -> str:
    """Return bytes as people speak of memory: `15.7 GB`."""
    return f"{count / GB:.1f} GB"


def machine_words(machine: Machine) -> str:
    """Return what a machine is called by its memory: "this 32 GB Mac"."""
    size = f"{machine.total_bytes / _GIB:.0f} GB"
    name = {DeviceKind.MPS: "Mac", DeviceKind.CUDA: "GPU"}.get(machine.kind, this_machine().split()[-1])
    return f"this {size} {name}"


def room_words(machine: Machine) -> str:
    """Return how much there is to compute in: "this Mac lets the GPU use 22.9 GB"."""
    room = gb_words(machine.usable_bytes)
    match machine.kind:
        case DeviceKind.MPS:
            return f"this Mac lets the GPU use {room}"
        case DeviceKind.CUDA:
            return f"the GPU has room for {room}"
        case DeviceKind.CPU:
            return f"{this_machine()} has room for {room}"


def short_fit_words(fit: Fit) -> str:
    """Return how something sits in the memory, in a word or two."""
    return f"fits {this_machine()}" if fit is Fit.FITS else fit.value


def fit_words(plan: MemoryPlan) -> str:
    """Return how a plan sits in the memory: "fits this 32 GB Mac with 6 GB to spare"."""
    match plan.fit:
        case Fit.TOO_LARGE:
            swaps = plan.machine.kind is not DeviceKind.CUDA
            return "too large: would swap" if swaps else "too large"
        case Fit.TIGHT if plan.is_smaller:
            return f"tight: works at {_side(plan.area_px)} px"
        case Fit.TIGHT:
            return f"tight: {gb_words(plan.spare_bytes)} to spare"
        case Fit.FITS:
            spare = f"{plan.spare_bytes // GB} GB" if plan.spare_bytes >= GB else gb_words(plan.spare_bytes)
            return f"fits {machine_words(plan.machine)} with {spare} to spare"


def reasons(plan: MemoryPlan) -> tuple[str, ...]:
    """Return why a run goes as it does, a sentence each."""
    return tuple(_reasons(plan))


def _reasons(plan: MemoryPlan) -> Iterator[str]:
    if plan.fit is Fit.TOO_LARGE:
        yield f"It needs {gb_words(plan.peak_bytes)}, and {room_words(plan.machine)}."
        return
    both = gb_words(_all_at_once(plan))
    if plan.staged and plan.policy is Policy.STAGED:
        yield "Text encoder and model take turns in memory, as the settings say."
    elif plan.staged:
        yield (
            "Text encoder and model take turns in memory, because both together need "
            f"{both} and {room_words(plan.machine)}."
        )
    else:
        yield f"All parts stay in memory: together they need {both}, and {room_words(plan.machine)}."
    if plan.tile_bytes is not None:
        yield "Pictures are read and drawn in tiles, to save memory; the result is the same."
    if plan.is_smaller:
        yield (
            f"It works at {_side(plan.area_px)} px instead of {_side(plan.run.area_px)} px, because that "
            "would need more memory than there is; the result has the picture's size, with less fine detail."
        )


def _side(area_px: int) -> str:
    side = isqrt(area_px)
    return f"{side} × {side}"


def _all_at_once(plan: MemoryPlan) -> int:
    """Return what the run takes where everything stays loaded."""
    if not plan.staged:
        return plan.peak_bytes
    whole = plan_memory(plan.machine, plan.parts, plan.run, Policy.RESIDENT)
    return whole.peak_bytes


def refusal(plan: MemoryPlan, alternatives: Iterable[Alternative] = ()) -> DoesNotFit | None:
    """Return why a run cannot go, with what would fit instead; None where it can.

    Of the alternatives the first that fits is named: give the best first.
    """
    if plan.fit is not Fit.TOO_LARGE:
        return None
    if plan.policy is Policy.RESIDENT:
        message = (
            f"Keeping all parts in memory needs {gb_words(plan.peak_bytes)}, and {room_words(plan.machine)}."
        )
        in_turns = plan_memory(plan.machine, plan.parts, plan.run)
        if in_turns.fit is not Fit.TOO_LARGE:
            hint = (
                "Let them take turns, `qie config set local.memory_policy auto`: "
                f"that needs {gb_words(in_turns.peak_bytes)}."
            )
            return DoesNotFit(message, hint)
    else:
        message = f"This needs {gb_words(plan.peak_bytes)} of memory, and {room_words(plan.machine)}."
    return DoesNotFit(message, _first_within(plan, alternatives, plan.machine.usable_bytes) or _NOTHING_FITS)


def shortage_hint(plan: MemoryPlan, alternatives: Iterable[Alternative] = ()) -> str:
    """Return what to do after a planned run has found too little memory all the same."""
    expected = f"It was expected to take {gb_words(plan.peak_bytes)}. Close other programs and try again"
    if not plan.staged:
        return f"{expected}; or load one part at a time, `qie config set local.memory_policy staged`."
    smaller = _first_within(plan, alternatives, int(plan.peak_bytes * 0.95))
    return f"{expected}. {smaller}" if smaller else f"{expected}, or give it a smaller picture."


def _first_within(plan: MemoryPlan, alternatives: Iterable[Alternative], most: int) -> str:
    for other in alternatives:
        instead = plan_memory(plan.machine, other.parts, plan.run)
        if instead.fit is not Fit.TOO_LARGE and instead.peak_bytes <= most:
            smaller = f", working at {_side(instead.area_px)} px" if instead.is_smaller else ""
            return f"Choose {other.label}: it needs {gb_words(instead.peak_bytes)}{smaller}."
    return ""
