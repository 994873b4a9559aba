"""What tests of the window share: a real data folder, a session over it, and a check of what is left."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from qie_desktop.core.errors import CredentialsMissing, QieError
from qie_desktop.core.events import Cancelled, JobEvent
from qie_desktop.core.job import Job
from qie_desktop.core.model import ModelSpec, Place
from qie_desktop.core.request import Request, build_request
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.secrets import ReplicateToken
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.draft import Draft
from qie_desktop.ui.job_runner import JobRunner
from qie_desktop.ui.look.appearance import Appearance
from qie_desktop.ui.session import Session
from tests.support.pictures import make_photo  # noqa: F401 - tests of the window take it from here
from tests.ui import leftovers
from tests.ui.bench import Bench, Ear, build_runner

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from qie_desktop.ui.download_watch import DownloadWatch
    from qie_desktop.ui.main_window import MainWindow

T = TypeVar("T")

if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

GRACE_S = 2.0


class InlineBackground:
    """Does the work at once, on the GUI thread; `calls` counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[QieError], None] | None = None,
        *,
        soon: bool = False,
    ) -> None:
        del soon
        self.calls += 1
        try:
            result = work()
        except QieError as error:
            if failed is None:
                raise
            failed(error)
        else:
            done(result)


class RecordingJobs(QObject):
    """Notes what is asked of it. `tell` and `end` say what a runner would."""

    submitted = Signal(object)
    refused = Signal(object, object)
    told = Signal(object)
    ended = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.retried: list[tuple[str, bool]] = []
        self.cancelled: list[str] = []
        self.cancelled_all = 0
        self.ids: list[str] = []

    def submit(self, request: Request) -> None:
        self.requests.append(request)

    def retry(self, job_id: str, *, new_seed: bool = False) -> None:
        self.retried.append((job_id, new_seed))

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def cancel_all(self) -> None:
        self.cancelled_all += 1

    def active(self) -> Sequence[str]:
        return tuple(self.ids)

    def begin(self, job: Job) -> None:
        """Say that a job is on disk and queued."""
        self.ids.append(job.job_id)
        self.submitted.emit(job)

    def tell(self, event: JobEvent) -> None:
        """Say how far a job is."""
        self.told.emit(event)

    def end(self, job: Job, event: JobEvent | None = None) -> None:
        """Say that a job has ended."""
        if job.job_id in self.ids:
            self.ids.remove(job.job_id)
        self.told.emit(event or Cancelled(job.job_id))
        self.ended.emit(job)


@pytest.fixture(autouse=True)
def no_keychain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the Keychain of whoever runs it, nor sees that person's token."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name in ("REPLICATE_API_TOKEN", "HF_HOME", "JOBS_DIR", "QIE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def background() -> InlineBackground:
    return InlineBackground()


@pytest.fixture
def jobs(qapp: QApplication) -> RecordingJobs:
    del qapp
    return RecordingJobs()


@pytest.fixture
def session(
    folder: DataFolder,
    settings: Settings,
    store: JobStore,
    background: InlineBackground,
    jobs: RecordingJobs,
) -> Session:
    """A session in which local models are ready and cloud models need a token."""

    def readiness(spec: ModelSpec, request: Request | None) -> QieError | None:
        del request
        if spec.place is Place.CLOUD:
            return CredentialsMissing(f"{spec.name} needs a Replicate token.", "Add a token in Settings.")
        return None

    return Session(folder, settings, store, ReplicateToken(folder, {}), jobs, background, readiness)


@pytest.fixture
def draft(qapp: QApplication) -> Draft:
    del qapp
    return Draft("starter")


@pytest.fixture
def appearance(qapp: QApplication) -> Iterator[Appearance]:
    """Fusion, light; the application looks afterwards as it did before."""
    font, style = qapp.font(), qapp.style().objectName()
    appearance = Appearance(qapp, "light", native=False)
    yield appearance
    appearance.deleteLater()
    qapp.removeEventFilter(appearance)
    qapp.styleHints().setColorScheme(Qt.ColorScheme.Unknown)
    qapp.setStyleSheet("")
    qapp.setPalette(QPalette())
    qapp.setFont(font)
    qapp.setStyle(style)


@pytest.fixture
def open_window(qapp: QApplication, folder: DataFolder, qtbot: QtBot) -> Iterator[Callable[..., MainWindow]]:
    """Return a function that opens the whole window over the data folder, as the program does."""
    from qie_desktop.ui.application import create

    del qapp
    opened: list[MainWindow] = []

    def open_window(files: Sequence[Path] = (), home: Path | None = None) -> MainWindow:
        _, window = create(home or folder.home, files)
        opened.append(window)
        with qtbot.waitSignal(window.began):
            window.show()
        return window

    yield open_window
    for window in opened:
        window.hide()
        assert window.shut_down(5)
        window.deleteLater()


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a thread, a running timer or a top-level widget behind."""
    threads = set(threading.enumerate())
    objects = {id(item) for item in leftovers.alive(qapp)}
    yield
    # What the collector cannot take without a crash is seen here, and not some tests later.
    gc.collect()
    deadline = time.monotonic() + GRACE_S
    left = leftovers.found(qapp, threads, objects)
    while left and time.monotonic() < deadline:
        gc.collect()
        leftovers.let_qt_finish()
        left = leftovers.found(qapp, threads, objects)
    assert not left, f"left behind: {', '.join(left)}"


@pytest.fixture
def local() -> Bench:
    return Bench()


@pytest.fixture
def cloud() -> Bench:
    return Bench(remembers=True)


@pytest.fixture
def runner(
    qtbot: QtBot, store: JobStore, settings: Settings, local: Bench, cloud: Bench
) -> Iterator[JobRunner]:
    del qtbot
    runner = build_runner(store, settings, local, cloud)
    yield runner
    for bench in (local, cloud):
        if bench.hold:
            bench.hold.set()
    runner.stop()
    assert runner.wait(5)


@pytest.fixture
def ear(runner: JobRunner) -> Ear:
    return Ear(runner)


@pytest.fixture
def request_for(photo: Path) -> Callable[..., Request]:
    def make_request(model_id: str = "starter", prompt: str = "invert it", **options: object) -> Request:
        return build_request(model_id, prompt, [photo], options)

    return make_request


@pytest.fixture
def watch(session: Session) -> Iterator[DownloadWatch]:
    """What looks at the download of the data folder."""
    from qie_desktop.ui.download_watch import DownloadWatch

    watch = DownloadWatch(session)
    yield watch
    watch.deleteLater()
