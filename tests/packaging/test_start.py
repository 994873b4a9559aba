"""The program of the bundle, run as PyInstaller's start leaves it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = Path(__file__).resolve().parents[2] / "packaging" / "start.py"
SETTLED = f"""
import json, os, runpy
runpy.run_path({str(START)!r})["settle_environment"]()
print(json.dumps([os.environ.get(name) for name in ("LD_LIBRARY_PATH", "LD_LIBRARY_PATH_ORIG", "LC_CTYPE")]))
"""


def settled(**environ: str) -> str:
    # Python itself mends an environment without a locale; a bundle's does not.
    environ["PYTHONCOERCECLOCALE"] = "0"
    done = subprocess.run(
        [sys.executable, "-c", SETTLED], check=True, capture_output=True, text=True, env=environ
    )
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="macOS needs nothing of it")
def test_what_is_started_from_here_finds_its_own_libraries() -> None:
    bundled = "/somewhere/_internal"
    before = settled(LD_LIBRARY_PATH=bundled, LD_LIBRARY_PATH_ORIG="/opt/lib", LANG="de_DE.UTF-8")
    assert before == '["/opt/lib", null, null]'
    assert settled(LD_LIBRARY_PATH=bundled, LC_CTYPE="C.UTF-8") == '[null, null, "C.UTF-8"]'


@pytest.mark.skipif(sys.platform != "linux", reason="macOS needs nothing of it")
def test_an_empty_environment_gets_a_locale() -> None:
    assert settled(LC_ALL="") == '[null, null, "C.UTF-8"]'


@pytest.mark.parametrize(("name", "words"), [("qie", "--version"), ("Qwen Image Editor", "models")])
def test_its_name_says_what_it_is(tmp_path: Path, name: str, words: str) -> None:
    program = tmp_path / name
    program.symlink_to(START)
    root = str(START.parents[1])
    environ = os.environ | {"QIE_HOME": str(tmp_path / "data"), "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, program, words], check=False, capture_output=True, text=True, env=environ, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert ("qie 0." in done.stdout) or ("starter" in done.stdout)
