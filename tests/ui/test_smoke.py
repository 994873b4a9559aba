from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def start(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"QIE_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-m", "qie_desktop", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
    )


def test_smoke_paints_a_window_without_torch_and_exits(tmp_path: Path) -> None:
    done = start(tmp_path / "data", "--smoke")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["torch_imported"] is False
    # The bar is 700 ms on an idle machine; this one may be busy with the other tests.
    assert 100 < report["first_paint_ms"] < 5000


def test_other_arguments_are_the_command_line(tmp_path: Path) -> None:
    done = start(tmp_path / "data", "models")
    assert done.returncode == 0, done.stderr
    assert "starter" in done.stdout
