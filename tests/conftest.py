"""What tests of several folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
