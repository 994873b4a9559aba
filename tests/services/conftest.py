from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from qie_desktop.core.request import build_request
from qie_desktop.services.submit import submit
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qie_desktop.core.job import Job


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder.at(tmp_path / "data", {})


@pytest.fixture
def store(folder: DataFolder) -> Iterator[JobStore]:
    store = JobStore(folder)
    yield store
    store.close()


@pytest.fixture
def settings(folder: DataFolder) -> Settings:
    return Settings.load(folder.config)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return make_photo(tmp_path / "photo.png", (150, 100))


def make_photo(path: Path, size: tuple[int, int], mode: str = "RGB") -> Path:
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    if mode == "RGBA":
        image.putalpha(Image.radial_gradient("L").resize(size))
    image.save(path)
    return path


@pytest.fixture
def make(store: JobStore, settings: Settings, photo: Path) -> Callable[..., Job]:
    def make(model_id: str = "starter", inputs: list[Path] | None = None, **options: object) -> Job:
        given = [photo] if inputs is None else inputs
        return submit(store, settings, build_request(model_id, "invert it", given, options))

    return make
