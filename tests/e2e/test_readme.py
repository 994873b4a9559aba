"""Every `qie` command of the README does what it says, with small files of the names that it uses."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from qie_desktop.cli.main import app

README = Path(__file__).resolve().parents[2] / "README.md"


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("qie ")]


def test_the_readme_has_commands():
    assert len(commands()) > 10


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_works(command, tiny, tiny_gguf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QIE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REPLICATE_API_TOKEN", raising=False)
    Image.new("RGB", (96, 64), "teal").save("photo.jpg")
    Image.new("RGB", (64, 64), "gold").save("other.png")
    Path("Qwen-Image-Edit-2509").symlink_to(tiny)
    Path("Qwen-Image-Edit-2509-Q5_K_S.gguf").symlink_to(tiny_gguf)
    runner = CliRunner()
    if "--model qwen" in command:
        for setting in (line for line in commands() if line.startswith("qie config set local.")):
            assert runner.invoke(app, shlex.split(setting)[1:]).exit_code == 0

    done = runner.invoke(app, shlex.split(command)[1:])

    assert done.exit_code == 0, done.stderr
