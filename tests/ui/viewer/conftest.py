"""What the tests of the viewer share: pictures with known pixels, jobs with results, a panel over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from qie_desktop.core.events import JobEvent, Preview, Succeeded
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.background import BackgroundPool
from qie_desktop.ui.session import Session
from qie_desktop.ui.viewer.canvas import Canvas
from qie_desktop.ui.viewer.panel import ViewerPanel
from tests.ui.conftest import RecordingJobs

WIDTH, HEIGHT = 640, 520
BIG = (8660, 5773)


@pytest.fixture
def pool() -> Iterator[BackgroundPool]:
    """A real pool of threads."""
    pool = BackgroundPool(2)
    yield pool
    assert pool.shut_down(20)


@pytest.fixture
def panel(session: Session, qtbot: QtBot) -> ViewerPanel:
    """A panel on the screen, for which all background work is done at once."""
    return shown_panel(session, qtbot)


@pytest.fixture
def threaded(session: Session, pool: BackgroundPool, qtbot: QtBot) -> ViewerPanel:
    """A panel on the screen whose background work is done on threads."""
    return shown_panel(replace(session, background=pool), qtbot)


def shown_panel(session: Session, qtbot: QtBot) -> ViewerPanel:
    panel = ViewerPanel(session)
    qtbot.addWidget(panel)
    panel.resize(WIDTH, HEIGHT)
    panel.show()
    qtbot.waitExposed(panel)
    panel.activateWindow()
    return panel


@pytest.fixture
def canvas(panel: ViewerPanel) -> Canvas:
    return canvas_of(panel)


def canvas_of(panel: ViewerPanel) -> Canvas:
    found = panel.findChild(Canvas, "viewer")
    assert isinstance(found, Canvas)
    return found


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A picture in which no two neighbours are alike."""
    return make_noise(tmp_path / "noise.png", (120, 90))


def make_noise(path: Path, size: tuple[int, int], seed: int = 1) -> Path:
    noise_image(size, seed).save(path)
    return path


def noise_image(size: tuple[int, int], seed: int = 1) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def finished(store: JobStore, make: Callable[..., Job], noise: Path) -> Callable[..., Job]:
    """Return a function that puts a job with results on disk."""

    def finished(count: int = 1, model_id: str = "starter", **options: object) -> Job:
        options.setdefault("inputs", [noise])
        job = make(model_id, **options)
        return finish(store, job, [noise_image(output_size(job), seed) for seed in range(2, 2 + count)])

    return finished


def output_size(job: Job) -> tuple[int, int]:
    return (job.inputs[0].width, job.inputs[0].height) if job.inputs else (120, 90)


def finish(store: JobStore, job: Job, pictures: list[Image.Image]) -> Job:
    """Put results on disk and mark the job as done."""
    store.update(job.job_id, lambda current: current.moved_to(JobState.RUNNING))
    for index, picture in enumerate(pictures):
        store.write_output(job, NewOutput(index, picture))
    return store.update(job.job_id, lambda current: current.moved_to(JobState.SUCCEEDED))


def succeed(jobs: RecordingJobs, job: Job) -> None:
    """Say of a job on disk that it has ended well."""
    event: JobEvent = Succeeded(job.job_id)
    jobs.end(job, event)


def pixels_of(image: QImage) -> np.ndarray:
    """Return an image as rows of red, green and blue."""
    plain = image.convertToFormat(QImage.Format.Format_RGB32)
    array = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine() // 4, 4)
    return array[:, : plain.width(), 2::-1].astype(np.int16)


def pixels_in(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(np.int16)


def middle_of(canvas: Canvas) -> tuple[int, ...]:
    image = pixels_of(canvas.grab().toImage())
    # Beside the grip of a divider.
    return tuple(int(part) for part in image[image.shape[0] // 2 + 30, image.shape[1] // 2 + 30])


def shown_pixels(panel: ViewerPanel, canvas: Canvas) -> np.ndarray:
    """Return what is seen of the picture at its actual size."""
    panel.actual_size()
    assert canvas.view is not None
    rect = canvas.view.rect
    return pixels_of(canvas.grab().toImage())[rect.top : rect.bottom, rect.left : rect.right]


def preview(colour: tuple[int, int, int], size: tuple[int, int] = (15, 11)) -> Preview:
    return Preview(*size, bytes(colour) * (size[0] * size[1]))


@pytest.fixture(scope="session")
def big_jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of 50 megapixels."""
    path = tmp_path_factory.mktemp("big") / "big.jpg"
    noise_image((866, 577)).resize(BIG, Image.Resampling.BILINEAR).save(path, quality=90)
    return path


@pytest.fixture(scope="session")
def big_png_with_alpha(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and behind it what is behind it."""
    path = tmp_path_factory.mktemp("big") / "alpha.png"
    made = Image.linear_gradient("L").resize(BIG).convert("RGB")
    made.putalpha(Image.radial_gradient("L").resize(BIG))
    made.save(path, compress_level=1)
    return path


@pytest.fixture(scope="session")
def big_png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 megapixels in a format that can only be decoded whole."""
    path = tmp_path_factory.mktemp("big") / "big.png"
    Image.linear_gradient("L").resize(BIG).convert("RGB").save(path, compress_level=1)
    return path
