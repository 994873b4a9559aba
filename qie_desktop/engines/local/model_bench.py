"""How fast one installed model is here: real edits through the engine, timed by the events that they emit."""

from __future__ import annotations

import math
import platform
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from qie_desktop.core.errors import InvalidRequest
from qie_desktop.core.events import JobEvent, PhaseName
from qie_desktop.core.first_block_cache import FIRST_BLOCK_CACHE
from qie_desktop.core.geometry import Size, plan_working
from qie_desktop.core.model import Quality
from qie_desktop.core.request import build_request
from qie_desktop.engines.local.timed_edits import Desk, Measured, ModelBench, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import LocalSpec
    from qie_desktop.engines.local.engine import LocalEngine

_GIB = 2**30


async def run_model(
    bench: ModelBench, engine: LocalEngine, tell: Callable[[JobEvent], None], cancel: CancelToken
) -> dict[str, Any]:
    """Measure, and return the machine, the parts of an edit in seconds, and what each quality comes to.

    `tell` gets the events of all edits, on the inference thread. Raises what the model lacks, InvalidRequest
    for a size that it does not take, JobCancelled, and what an edit raises.
    """
    local = _checked(bench, engine)
    qualities = local.qualities or (Quality("", "Default", local.steps, local.guidance),)
    ways = _ways(bench, engine, qualities)
    cached = _cached_quality(bench, qualities)

    import torch  # noqa: PLC0415 - slow to import

    from qie_desktop.engines.local.inference.device import choose_device  # noqa: PLC0415

    device = choose_device(bench.device)
    side = Size(bench.size, bench.size)
    found: dict[int, Measured] = {}
    load_s = 0.0
    with TemporaryDirectory(prefix="qie-") as folder:
        desk = Desk(bench, engine, Path(folder), tell, cancel)
        for way in ways:
            # Loads, compiles and warms up.
            first = await desk.edit(way, 1)
            load_s = load_s or first.phases.get(PhaseName.LOADING, 0.0)
            found[way.passes] = await desk.measure(way)
        beside = None if cached is None else await _with_cache(bench, desk, cached)
    return {
        "model": bench.spec.id,
        "name": bench.spec.name,
        "quantisation": desk.quantisation,
        "device": device.name,
        "machine": platform.platform(),
        "torch": torch.__version__,
        "size": bench.size,
        "working_size": plan_working(
            side, local.working_area_px, local.max_side_px, local.grid_px
        ).padded.width,
        "load_s": round(load_s, 2),
        "peak_gib": round(desk.figures["peak_bytes"] / _GIB, 2),
        "planned_peak_gib": round(desk.figures["planned_peak_bytes"] / _GIB, 2),
        "ways": [_way_report(passes, measured) for passes, measured in found.items()],
        "estimates": [_estimate(bench, engine, quality, found) for quality in qualities],
        "first_block_cache": beside,
    }


def _cached_quality(bench: ModelBench, qualities: tuple[Quality, ...]) -> Quality | None:
    """Return the quality that first-block caching is for, where it is to be measured.

    Raises UnknownParameter for a model without it, InvalidRequest for a value that it does not take.
    """
    if bench.first_block_cache is None:
        return None
    when = FIRST_BLOCK_CACHE.applies_when
    fitting = (each for each in qualities if when is None or when.holds({when.parameter: each.name}))
    quality = next(fitting, qualities[0])
    build_request(bench.spec.id, "warmer", [Path("bench.png")], _cached_options(bench, quality))
    return quality


def _cached_options(bench: ModelBench, quality: Quality) -> dict[str, object]:
    return {**bench.options, **_named(quality), FIRST_BLOCK_CACHE.name: bench.first_block_cache}


async def _with_cache(bench: ModelBench, desk: Desk, quality: Quality) -> dict[str, Any]:
    """Make the same edit with first-block caching and without, all its steps, and compare."""
    import numpy as np  # noqa: PLC0415 - slow to import

    exact = await desk.edit(Way(_passes(quality), _named(quality)), quality.steps, again=True)
    cached = await desk.edit(
        Way(_passes(quality), _cached_options(bench, quality)), quality.steps, again=True
    )
    before, after = (np.asarray(each.picture.convert("RGB"), dtype=np.float64) for each in (exact, cached))
    difference = np.abs(after - before) / 255
    error = float(np.square(difference).mean())
    return {
        "threshold": bench.first_block_cache,
        "steps": quality.steps,
        "reused_steps": int(desk.figures.get("reused_steps", 0)),
        "exact_s": round(exact.phases[PhaseName.DENOISING], 2),
        "cached_s": round(cached.phases[PhaseName.DENOISING], 2),
        "of": "picture",
        "max_difference": round(float(difference.max()), 4),
        "psnr_db": round(-10 * math.log10(error), 1) if error else None,
    }


def _way_report(passes: int, measured: Measured) -> dict[str, Any]:
    return {
        "passes": passes,
        "step_s": round(measured.step_s, 4),
        "timed_steps": measured.timed,
        "loading_again_s": round(measured.phases[PhaseName.LOADING], 3),
        "encoding_s": round(measured.phases[PhaseName.ENCODING], 3),
        "decoding_s": round(measured.phases[PhaseName.DECODING], 3),
        "beside_steps_s": round(measured.beside_s, 3),
    }


def _checked(bench: ModelBench, engine: LocalEngine) -> LocalSpec:
    problem = engine.readiness(bench.spec)
    if problem is not None:
        raise problem
    assert bench.spec.local is not None
    if not bench.spec.inputs.takes(Size(bench.size, bench.size)):
        low, high = bench.spec.inputs.min_side_px, bench.spec.inputs.max_side_px
        raise InvalidRequest(
            "size", f"A side of {bench.size} px cannot be edited.", f"Choose {low} to {high} px."
        )
    return bench.spec.local


def _ways(bench: ModelBench, engine: LocalEngine, qualities: tuple[Quality, ...]) -> list[Way]:
    """Return a way for each number of passes: that of a quality which is ready, or one made like it.

    Raises what the first quality lacks, where none is ready.
    """
    ways: dict[int, Way] = {}
    for quality in qualities:
        if _problem(bench, engine, quality) is None:
            ways.setdefault(_passes(quality), Way(_passes(quality), _named(quality)))
    if not ways:
        problem = _problem(bench, engine, qualities[0])
        assert problem is not None
        raise problem
    ready = next(iter(ways.values()))
    for quality in qualities:
        options = {**ready.options, "guidance": quality.guidance}
        ways.setdefault(_passes(quality), Way(_passes(quality), options))
    return [ways[passes] for passes in sorted(ways)]


def _problem(bench: ModelBench, engine: LocalEngine, quality: Quality) -> QieError | None:
    options = {**bench.options, **_named(quality)}
    picture = Path("bench.png")
    return engine.readiness(bench.spec, build_request(bench.spec.id, "warmer", [picture], options))


def _named(quality: Quality) -> dict[str, object]:
    return {"quality": quality.name} if quality.name else {}


def _passes(quality: Quality) -> int:
    return 2 if quality.guidance > 1 else 1


def _estimate(
    bench: ModelBench, engine: LocalEngine, quality: Quality, found: Mapping[int, Measured]
) -> dict[str, Any]:
    """Return what an edit in this quality comes to, with a prompt and a picture that are new."""
    measured = found[_passes(quality)]
    problem = _problem(bench, engine, quality)
    return {
        "quality": quality.name or None,
        "label": quality.label,
        "steps": quality.steps,
        "passes": _passes(quality),
        "seconds": round(measured.beside_s + quality.steps * measured.step_s, 2),
        "missing": None if problem is None else problem.message,
    }
