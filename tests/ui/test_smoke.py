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


def test_start_is_without_collections_and_sources_until_the_window_stands(tmp_path: Path) -> None:
    code = """if True:
        import gc
        import linecache
        from qie_desktop.__main__ import main
        from qie_desktop.ui import import_hook

        def begin():
            remove()
            from PySide6.QtCore import QTimer
            from qie_desktop.ui import application

            def create(home, files):
                made = built(home, files)
                print(gc.isenabled())
                made[1].began.connect(lambda: QTimer.singleShot(0, lambda: print(gc.isenabled())))
                made[1].began.connect(lambda: QTimer.singleShot(0, made[1].closing.end_now))
                return made

            built, application.create = application.create, create

        remove, import_hook.remove_import_hook = import_hook.remove_import_hook, begin
        try:
            main()
        finally:
            print([name for name in linecache.cache if "qie_desktop" in name])
    """
    environment = os.environ | {"QIE_HOME": str(tmp_path / "data"), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30, env=environment
    )
    assert done.stdout.split() == ["False", "True", "[]"]


def test_other_arguments_are_the_command_line(tmp_path: Path) -> None:
    done = start(tmp_path / "data", "models")
    assert done.returncode == 0, done.stderr
    assert "starter" in done.stdout
