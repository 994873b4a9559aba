"""What the tests of downloads from the command line share."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from qie_desktop.core.catalogue import find_model
from qie_desktop.services.downloads import Downloads
from tests.cli.conftest import Ran
from tests.support.hub_server import HubServer

MODEL = "qwen-image-edit-2509-gguf"
GGUF = "Qwen-Image-Edit-2509-Q5_K_S.gguf"
MB = 1_000_000
SMALL = ("--quant", "Q5_K_S", "--text-encoder", "compact", "--no-lightning")

Qie = Callable[..., Ran]
Serve = Callable[..., HubServer]
Start = Callable[..., subprocess.Popen[str]]


def parts_here(downloads: Downloads) -> set[str]:
    return {state.part.id for state in downloads.parts(find_model(MODEL)) if state.is_installed}


def wait_until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
