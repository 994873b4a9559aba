from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tiny_checkpoint import build_checkpoint, write_gguf


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint of the real classes in the hub's layout."""
    return build_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_gguf(tiny: Path) -> Path:
    """Its transformer in Q8_0."""
    return write_gguf(tiny, tiny / "transformer" / "tiny-Q8_0.gguf", "Q8_0")


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Tiny layers are faster on one thread, and two wait for each other when the machine is busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
