"""Everything known of a job, in groups of lines: what Get Info shows and copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.ui.job_errors import error_of
from qie_desktop.ui.sheets.wording import bytes_text, seconds_text, time_text, usd_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qie_desktop.core.job import Job
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.parameters import Value


@dataclass(frozen=True, slots=True)
class Fact:
    """A line."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FactGroup:
    """A title and the lines under it."""

    title: str
    facts: tuple[Fact, ...]


def job_facts(job: Job, folder: Path) -> tuple[FactGroup, ...]:
    """Return what is known of a job with its files in `folder`. Looks at the files: off the GUI thread."""
    spec = next((each for each in CATALOGUE if each.id == job.request.model_id), None)
    groups = (
        FactGroup("Request", tuple(_request(job, spec))),
        FactGroup("Pictures", tuple(_pictures(job, folder))),
        FactGroup("Run", tuple(_run(job))),
        FactGroup("Files", (Fact("Job", job.job_id), Fact("Folder", str(folder)))),
    )
    return tuple(group for group in groups if group.facts)


def as_text(groups: Iterable[FactGroup]) -> str:
    """Return the facts as text, as they are copied."""
    blocks = [
        "\n".join([each.title, *(f"{fact.name}: {fact.value}" for fact in each.facts)]) for each in groups
    ]
    return "\n\n".join(blocks)


def _request(job: Job, spec: ModelSpec | None) -> Iterable[Fact]:
    yield Fact("Model", spec.name if spec else job.request.model_id)
    yield Fact("Prompt", job.request.prompt)
    for name, value in job.request.parameters().items():
        parameter = spec.parameter(name) if spec else None
        label = parameter.label if parameter else name
        choices = parameter.choices if parameter else ()
        named = [choice.label for choice in choices if choice.value == value]
        yield Fact(label, named[0] if named else _value_text(value))


def _pictures(job: Job, folder: Path) -> Iterable[Fact]:
    for number, item in enumerate(job.inputs, start=1):
        size = f"{item.width}×{item.height} px{_size_of(folder / item.name)}"
        yield Fact(f"Input {number}", f"{item.source_name}, {size}\n{folder / item.name}")
    for number, output in enumerate(job.outputs, start=1):
        size = f"{output.width}×{output.height} px{_size_of(folder / output.name)}"
        star = ", starred" if output.starred else ""
        yield Fact(f"Result {number}", f"{size}{star}\n{folder / output.name}")
        if output.provider_name:
            yield Fact(f"As received {number}", str(folder / output.provider_name))


def _run(job: Job) -> Iterable[Fact]:
    yield Fact("State", job.state.value.capitalize())
    yield Fact("Asked for", time_text(job.created_at))
    if job.started_at:
        yield Fact("Started", time_text(job.started_at))
    if job.finished_at:
        yield Fact("Ended", time_text(job.finished_at))
    if job.seconds is not None:
        yield Fact("Took", seconds_text(job.seconds))
    if job.cost_usd is not None:
        yield Fact("Cost", f"About {usd_text(job.cost_usd)}" if job.cost_usd else "Free")
    for name, number in job.measured.items():
        yield _measured(name, number)
    error = error_of(job)
    if error is not None:
        yield Fact("What went wrong", f"{error.message} {error.hint}".strip())
    for name, text in job.remote.items():
        yield Fact(name.replace("_", " ").capitalize(), text)


_MEASURED = {"peak_bytes": "Memory at most", "planned_peak_bytes": "Memory expected"}
"""What figures are called whose names do not say it."""


def _measured(name: str, number: float) -> Fact:
    """Return a figure in its unit, which its name ends in."""
    what, _, unit = name.rpartition("_")
    words = _MEASURED.get(name) or (what or name).replace("_", " ").capitalize()
    if unit == "seconds":
        return Fact(words, seconds_text(number))
    if unit == "bytes":
        return Fact(words, bytes_text(round(number)))
    return Fact(name.replace("_", " ").capitalize(), f"{number:g}")


def _value_text(value: Value) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if text.strip() else "None"


def _size_of(path: Path) -> str:
    return f", {bytes_text(path.stat().st_size)}" if path.is_file() else ", no longer there"
