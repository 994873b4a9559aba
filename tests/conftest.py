"""What tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qie_desktop.core.job import Job
from qie_desktop.core.request import build_request
from qie_desktop.services.submit import submit
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings
from tests.support.pictures import make_photo
from tests.support.tiny_checkpoint import build_checkpoint, write_gguf

if "PYTEST_XDIST_WORKER" in os.environ:
    # Beside other workers a second torch thread waits more than it computes. Read when torch is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint of the real classes in the hub's layout."""
    return build_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_gguf(tiny: Path) -> Path:
    """Its transformer in Q8_0."""
    return write_gguf(tiny, tiny / "transformer" / "tiny-Q8_0.gguf", "Q8_0")


@pytest.fixture(scope="session")
def resources() -> Path:
    """The files that come with the program."""
    return Path(__file__).resolve().parents[1] / "resources"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """An empty data folder; the environment says nothing of any."""
    return DataFolder.at(tmp_path / "data", {})


@pytest.fixture
def store(folder: DataFolder) -> Iterator[JobStore]:
    """Its jobs."""
    store = JobStore(folder)
    yield store
    store.close()


@pytest.fixture
def settings(folder: DataFolder) -> Settings:
    """Its settings, all at their defaults."""
    return Settings.load(folder.config)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small picture on disk."""
    return make_photo(tmp_path / "photo.png", (150, 100))


@pytest.fixture
def make(store: JobStore, settings: Settings, photo: Path) -> Callable[..., Job]:
    """Return a function that puts a queued job on disk."""

    def make(
        model_id: str = "starter",
        inputs: list[Path] | None = None,
        prompt: str = "invert it",
        **options: object,
    ) -> Job:
        given = [photo] if inputs is None else inputs
        return submit(store, settings, build_request(model_id, prompt, given, options))

    return make
