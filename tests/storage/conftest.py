from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.request import build_request
from qie_desktop.storage.job_store import JobStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.core.job import Job


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "Holiday.JPEG"
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(path, "JPEG")
    return path


@pytest.fixture
def create(store: JobStore, photo: Path) -> Callable[..., Job]:
    def create(prompt: str = "make it blue", model_id: str = "qwen-image-edit") -> Job:
        spec = find_model(model_id)
        inputs = [photo] * spec.inputs.minimum
        return store.create(build_request(model_id, prompt, inputs), spec)

    return create
