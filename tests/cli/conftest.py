"""The command line run in this process, over a data folder of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from qie_desktop.cli.main import app
from qie_desktop.services.downloads import Downloads
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.settings import Settings
from tests.support.hub_server import HubServer, made_up_repositories
from tests.support.replicate_server import ReplicateServer

SMALL_AREA_PX = 128 * 128
PROXIES = tuple(
    word for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for word in (name, name.upper())
)


@dataclass
class Ran:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, with no token anywhere."""
    folder = tmp_path / "home"
    monkeypatch.setenv("QIE_HOME", str(folder))
    for name in ("REPLICATE_API_TOKEN", "REPLICATE_BASE_URL", "HF_HOME", "JOBS_DIR", *PROXIES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return folder


@pytest.fixture
def qie(home: Path) -> Iterator[Callable[..., Ran]]:
    """Runs `qie` with these words."""
    runner = CliRunner()

    def run(*words: object, input: str | None = None) -> Ran:  # noqa: A002 - as subprocess calls it
        result = runner.invoke(app, [str(word) for word in words], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    yield run


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `qie` with these words as a process of its own, which is gone in the end."""
    with ExitStack() as ending:

        def start(*words: object) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "qie_desktop", *map(str, words)]
            process = subprocess.Popen(
                command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
            )
            ending.enter_context(process)
            ending.callback(process.kill)
            return process

        yield start


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplicateServer]:
    """A server that everything here is led to, with a token that it takes."""
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "0.02")
    with ReplicateServer(area_px=SMALL_AREA_PX) as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        yield server
        assert server.leaked_tokens == []


@pytest.fixture
def ledger(home: Path) -> Callable[[], list[tuple[str, float]]]:
    """Tells what was spent: each job's id with its cost."""

    def read() -> list[tuple[str, float]]:
        path = home / "ledger.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line["job_id"], line["usd"]) for line in map(json.loads, lines)]

    return read


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small picture."""
    return save_picture(tmp_path / "photo.jpg", (96, 64))


def save_picture(path: Path, size: tuple[int, int], mode: str = "RGB", **options: object) -> Path:
    """Save a smooth picture of this size and mode; the suffix says the format."""
    width, height = size
    across = np.linspace(20, 235, width)[None, :].repeat(height, 0)
    down = np.linspace(20, 235, height)[:, None].repeat(width, 1)
    rgb = np.stack([across, down, 255 - (across + down) / 2], -1).round().astype(np.uint8)
    Image.fromarray(rgb).convert(mode).save(path, **options)
    return path


@pytest.fixture
def serve(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HubServer]]:
    """Starts a hub that everything here is led to."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    hubs: list[HubServer] = []

    def serve(repositories: list[object] | None = None, **options: object) -> HubServer:
        hub = HubServer(repositories or made_up_repositories(), **options)
        hub.start()
        hubs.append(hub)
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        return hub

    yield serve
    for hub in hubs:
        hub.close()


@pytest.fixture
def downloads(home: Path) -> Downloads:
    folder = DataFolder.at(home, {})
    return Downloads(folder, Settings.load(folder.config))
