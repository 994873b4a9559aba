"""Every `qie` command of the README does what it says, with small files of the names that it uses."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from qie_desktop.cli.main import app
from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.local_weights import LOCAL_WEIGHTS, QUALITIES
from qie_desktop.core.model import Place
from tests.support.hub_server import HubServer, model_repositories
from tests.support.replicate_server import ReplicateServer
from tests.support.tiny_loras import write_lora
from tests.support.tiny_text_encoder import write_text_encoder

SMALL_AREA_PX = 128 * 128
ONLINE = ("--online", *(f"--model {spec.id} " for spec in CATALOGUE if spec.place is Place.CLOUD))
README = Path(__file__).resolve().parents[2] / "README.md"


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("qie ")]


def test_the_readme_has_commands():
    assert len(commands()) > 10


@pytest.fixture
def server(monkeypatch):
    """A server for the cloud models, with its token in the environment."""
    with ReplicateServer(area_px=SMALL_AREA_PX) as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def hub(tiny, tiny_gguf, monkeypatch):
    """A hub with a tiny checkpoint as the local model."""
    ggufs = dict.fromkeys((name for name, _ in LOCAL_WEIGHTS.gguf_gb), tiny_gguf)
    with HubServer(model_repositories(tiny, ggufs)) as hub:
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_works(command, tiny, tiny_gguf, server, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QIE_HOME", str(tmp_path / "home"))
    online = any(words in f"{command} " for words in ONLINE)
    if not online:
        monkeypatch.delenv("REPLICATE_API_TOKEN")
    Image.new("RGB", (96, 64), "teal").save("photo.jpg")
    Image.new("RGB", (64, 64), "gold").save("other.png")
    Path("Qwen-Image-Edit-2509").symlink_to(tiny)
    Path("Qwen-Image-Edit-2509-Q5_K_S.gguf").symlink_to(tiny_gguf)
    if "mmproj" in command:
        language, vision = write_text_encoder(tiny, tmp_path / "compact", "F16")
        Path("Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf").symlink_to(language)
        Path("mmproj-F16.gguf").symlink_to(vision)
    write_lora(Path("watercolour.safetensors"))
    for quality in QUALITIES:
        if quality.lora and (quality.name in command or "--lora" in command):
            write_lora(tmp_path / "home" / "loras" / Path(quality.lora).name)
    runner = CliRunner()
    if "--model qwen-image-edit-2509-gguf" in command:
        for setting in (line for line in commands() if line.startswith("qie config set local.")):
            assert runner.invoke(app, shlex.split(setting)[1:]).exit_code == 0
    if command.startswith("qie models "):
        get = next(line for line in commands() if line.startswith("qie download --quant"))
        assert runner.invoke(app, shlex.split(get)[1:]).exit_code == 0

    done = runner.invoke(app, shlex.split(command)[1:])

    assert done.exit_code == 0, done.stderr
    assert bool(server.requests) is online
