from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import ErrorInfo
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.background import BackgroundPool
from qie_desktop.ui.gallery.gallery_model import GalleryModel
from qie_desktop.ui.gallery.panel import GalleryPanel
from qie_desktop.ui.session import Session

Make = Callable[..., Job]


@pytest.fixture
def finish(store: JobStore) -> Callable[..., Job]:
    """Return a function that ends a queued job on disk, with as many pictures as are asked for."""

    def finish(
        job: Job, state: JobState = JobState.SUCCEEDED, pictures: int | None = None, error: str = ""
    ) -> Job:
        running = store.update(job.job_id, lambda current: current.moved_to(JobState.RUNNING))
        count = (1 if state is JobState.SUCCEEDED else 0) if pictures is None else pictures
        for index in range(count):
            store.write_output(
                running, NewOutput(index, Image.new("RGB", (60 + index, 40), (index, 90, 200)))
            )
        info = ErrorInfo("out_of_memory", error, "Choose a smaller one.") if error else None
        ended = store.update(job.job_id, lambda current: current.moved_to(state, error=info))
        store.claims.drop(store.folder(job.job_id))
        return ended

    return finish


@pytest.fixture
def made(make: Make, finish: Callable[..., Job]) -> Make:
    """Return a function that puts a job on disk that has ended."""

    def made(prompt: str = "invert it", model_id: str = "starter", **options: object) -> Job:
        spec = find_model(model_id)
        return finish(make(model_id, None if spec.inputs.minimum else [], prompt), **options)

    return made


@pytest.fixture
def model(session: Session) -> Iterator[GalleryModel]:
    model = GalleryModel(session)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield model
    tester.deleteLater()
    model.deleteLater()


@pytest.fixture
def panel(session: Session, qtbot: QtBot) -> GalleryPanel:
    panel = GalleryPanel(session)
    qtbot.addWidget(panel)
    panel.resize(420, 600)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


@pytest.fixture
def pool(session: Session) -> Iterator[Session]:
    """The session over real threads."""
    pool = BackgroundPool()
    yield replace(session, background=pool)
    assert pool.shut_down(5)
    pool.deleteLater()


@pytest.fixture
def no_system_trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system without a Trash, whoever runs this: the folder for it cannot be made."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder would have to be")
    monkeypatch.setenv("XDG_DATA_HOME", str(blocked))
    return tmp_path
