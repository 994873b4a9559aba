"""How long a model's runs took on this machine, looked up off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from qie_desktop.core.job import JobState
from qie_desktop.core.model import Place
from qie_desktop.core.parameters import ParameterKind
from qie_desktop.ui.controls.answers import LatestAnswer
from qie_desktop.ui.controls.applicable import outline

if TYPE_CHECKING:
    from qie_desktop.core.job import Job
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.ui.draft import Draft
    from qie_desktop.ui.session import Session

_LOOKED_AT = 200
_COUNTED = 15
_WEIGHTY = frozenset({ParameterKind.INTEGER, ParameterKind.NUMBER, ParameterKind.CHOICE})
"""Kinds of parameters that decide how long a run on this machine takes."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A finished run: what of its request takes time, and how long it took."""

    weight: tuple[object, ...]
    seconds: float


class PastRuns(QObject):
    """The finished runs of the draft's model, newest first. GUI thread."""

    changed = Signal()
    """Other runs are known now."""

    def __init__(self, session: Session, draft: Draft, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = session.store
        self._draft = draft
        self._runs: list[_Run] = []
        self._model_id = ""
        self._answer = LatestAnswer(session.background, self)
        draft.model_changed.connect(self.refresh)
        session.jobs.ended.connect(self._on_ended)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Look the runs of the model up anew."""
        spec = self._draft.spec
        self._answer.ask(partial(_runs_of, self._store, spec), partial(self._on_found, spec.id))

    def seconds(self) -> float | None:
        """Return how long a run like the draft took here, or None where there was none yet."""
        spec = self._draft.spec
        if spec.id != self._model_id:
            return None
        weight = _weight(outline(self._draft), spec)
        alike = [run.seconds for run in self._runs if run.weight == weight]
        return median(alike[:_COUNTED]) if alike else None

    def _on_found(self, model_id: str, runs: list[_Run]) -> None:
        self._model_id, self._runs = model_id, runs
        self.changed.emit()

    @Slot(object)
    def _on_ended(self, job: Job) -> None:
        if job.request.model_id == self._draft.spec.id:
            self.refresh()


def _runs_of(store: JobStore, spec: ModelSpec) -> list[_Run]:
    jobs = store.list(spec.id, states=(JobState.SUCCEEDED,), limit=_LOOKED_AT)
    return [
        _Run(_weight(job.request, spec), job.seconds)
        for job in jobs
        if job.request.model_id == spec.id and job.seconds is not None
    ]


def _weight(request: Request, spec: ModelSpec) -> tuple[object, ...]:
    """Return what of a request decides its time; in the cloud, only how many pictures are made."""
    values = dict(request.values)
    if spec.place is Place.CLOUD:
        return (spec.output_count(values),)
    weighty = {parameter.name for parameter in spec.parameters if parameter.kind in _WEIGHTY}
    return (len(request.inputs) or 1, *((name, value) for name, value in values.items() if name in weighty))
