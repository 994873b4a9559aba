"""Photographs the real window in each of its states: light and dark, two sizes, 1x and 2x.

`make screenshots` runs it; what it makes lies in build/screenshots/. The built-in model makes the pictures.
The scale is fixed when Qt starts, so each one has a process of its own; `--only running,result` takes a few.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from camera import SETTLE_S, SIZES, TARGET, Camera, settle, wait_for
from cloud_states import STATES, cloud, take_cloud
from model_states import STATES as MODEL_STATES
from model_states import hub, take_models
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QPushButton

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.events import Step
from qie_desktop.core.model import EmbeddedWeights, Place
from qie_desktop.core.request import build_request
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.resources import resources_folder
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.application import create
from qie_desktop.ui.sheets.diagnostics import as_text

if TYPE_CHECKING:
    from collections.abc import Generator

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.services.diagnostics import Finding
    from qie_desktop.ui.main_window import MainWindow

THEMES = ("light", "dark")
SCREEN = {"name": "screen", "x": 0, "y": 0, "width": 3200, "height": 2000, "logicalDpi": 96, "dpr": 1}
"""Large enough at 2x too: on its usual screen of 800 pixels Qt would make dialogs smaller than they are."""
SCALES = (1, 2)
LONG_RUN_STEPS = 12

STARTER = next(spec for spec in CATALOGUE if spec.local and isinstance(spec.local.weights, EmbeddedWeights))
SAMPLE = resources_folder() / "sample.jpg"


@contextmanager
def opened(home: Path) -> Generator[MainWindow]:
    """Open the window over a data folder, and end it."""
    _, window = create(home)
    window.resize(SIZES[0])
    window.show()
    settle(SETTLE_S * 2)
    try:
        yield window
    finally:
        for dialog in window.findChildren(QDialog):
            dialog.close()
        window.hide()
        window.shut_down()
        window.deleteLater()
        # Without an event loop nothing is deleted later.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        # An icon that is let go of only when Python ends comes down after Qt, and takes the process along.
        gc.collect()


def prepare(home: Path) -> None:
    """Make a data folder with some results in it, by the real thing."""
    with opened(home) as window:
        for prompt in STARTER.examples:
            window.session.jobs.submit(build_request(STARTER.id, prompt, [SAMPLE]))
        wait_for(lambda: bool(window.session.jobs.active()), "a job")
        wait_for(lambda: not window.session.jobs.active(), "the end of all jobs")
        newest = window.session.store.list()[2]
        window.session.store.star(newest.job_id, starred=True)


def photograph(results: Path, theme: str, scale: int, only: frozenset[str]) -> None:
    """Take all states in one theme at one scale."""
    with tempfile.TemporaryDirectory() as folder:
        empty, full = Path(folder) / "empty", Path(folder) / "full"
        shutil.copytree(results, full)
        for home in (empty, full):
            home.mkdir(exist_ok=True)
            settings = Settings.load(DataFolder.at(home).config)
            settings.set("general.theme", theme)
            settings.set("general.last_model", STARTER.id)
            settings.save()
        camera_for = Camera
        with opened(empty) as window:
            camera = camera_for(window, theme, scale, only)
            camera.take("empty")
            take_drag(camera)
            window.dialogs.welcome()
            take_dialog(camera, "first-run")
        with opened(full) as window:
            camera = camera_for(window, theme, scale, only)
            take_ready(camera)
            take_kinds(camera)
            take_run(camera)
            take_dialogs(camera)
            take_error(camera)
        photograph_cloud(full, theme, scale, only)
        photograph_models(full, theme, scale, only)


def take_drag(camera: Camera) -> None:
    """Something is dragged over the window."""
    for part in (camera.window.controls, camera.window.viewer):
        part.set_lit(True)
    camera.take("drag")
    for part in (camera.window.controls, camera.window.viewer):
        part.set_lit(False)


def photograph_cloud(home: Path, theme: str, scale: int, only: frozenset[str]) -> None:
    """Take the states of the cloud models, over a server of our own."""
    if only and not only & set(STATES):
        return
    with cloud() as server, opened(home) as window:
        take_cloud(Camera(window, theme, scale, only), server)


def photograph_models(home: Path, theme: str, scale: int, only: frozenset[str]) -> None:
    """Take the models as they are downloaded, over a hub of our own."""
    if only and not only & set(MODEL_STATES):
        return
    with hub() as server, opened(home) as window:
        take_models(Camera(window, theme, scale, only), server)


def take_ready(camera: Camera) -> None:
    """A picture and a prompt are there; nothing runs."""
    window = camera.window
    window.draft.set_model(STARTER.id)
    window.controls.take_files([SAMPLE])
    wait_for(lambda: window.draft.image_count == 1, "the sample")
    window.draft.set_prompt("Make it black and white")
    settle(SETTLE_S)
    camera.take("ready")


def take_kinds(camera: Camera) -> None:
    """One model of each kind and place, with everything it offers unfolded."""
    kinds: dict[str, ModelSpec] = {}
    for spec in CATALOGUE:
        if spec is not STARTER:
            kinds.setdefault(f"{spec.kind.value}-{spec.place.value}", spec)
    for name, spec in kinds.items():
        camera.window.draft.set_model(spec.id)
        camera.take(f"kind-{name}")
    camera.window.draft.set_model(kinds["edit-local"].id)
    toggle = camera.window.controls.findChild(QAbstractButton, "more_options_toggle")
    if toggle is not None and camera.wants("more-options"):
        toggle.click()
        camera.take("more-options", end=True)
        toggle.click()
    camera.window.draft.set_model(STARTER.id)
    settle(SETTLE_S)


def take_run(camera: Camera) -> None:
    """A job under way, then its result, then both side by side."""
    if not camera.wants("running", "closing", "result", "compare"):
        return
    window = camera.window
    steps: list[Step] = []

    def note(event: object) -> None:
        if isinstance(event, Step):
            steps.append(event)

    window.session.jobs.told.connect(note)
    window.draft.set_value("steps", LONG_RUN_STEPS)
    button = window.findChild(QPushButton, "run_button")
    assert button is not None
    wait_for(button.isEnabled, "the run button")
    button.click()
    wait_for(lambda: len(steps) > 2, "some steps")  # noqa: PLR2004 - enough to have a forming picture
    window.draft.set_value("steps", None)
    window.desk.run()
    camera.take("running", settle_s=0.15)
    if camera.wants("closing"):
        window.close()
        take_dialog(camera, "closing")
    wait_for(lambda: not window.session.jobs.active(), "the end of the jobs")
    wait_for(window.viewer.can_compare, "the result")
    window.viewer.set_compare(False)
    camera.take("result")
    window.viewer.set_compare(True)
    camera.take("compare")
    window.viewer.set_compare(False)


def take_dialogs(camera: Camera) -> None:
    """What opens beside the window."""
    dialogs = camera.window.dialogs
    for page in ("general_page", "cloud_page", "local_page"):
        dialogs.show_settings(page)
        take_dialog(camera, f"settings-{page.removesuffix('_page')}")
    openers = {"token": dialogs.ask_token, "about": dialogs.show_about}
    for name, show in openers.items():
        show()
        take_dialog(camera, name)
    if camera.wants("diagnostics"):
        dialogs.show_diagnostics()
        dialog = current_dialog(camera.window)
        wait_for(lambda: "Testing" not in diagnostics_text(dialog), "the device's test")
        take_dialog(camera, "diagnostics")
    dialogs.show_info(camera.window.session.store.list(limit=1)[0].job_id)
    wait_for(lambda: bool(open_dialogs(camera.window)), "the info")
    take_dialog(camera, "get-info")


def take_error(camera: Camera) -> None:
    """A job that fails for want of a token."""
    window = camera.window
    cloud = next(spec for spec in CATALOGUE if spec.place is Place.CLOUD and spec.inputs.minimum == 1)
    window.draft.set_model(cloud.id)
    window.desk.run()
    settle(SETTLE_S)
    camera.take("error")


def diagnostics_text(dialog: QDialog) -> str:
    """Return the report as it stands, or that nothing was looked at yet."""
    findings: tuple[Finding, ...] = getattr(dialog, "findings", ())
    return as_text(findings) if findings else "Testing"


def open_dialogs(window: MainWindow) -> list[QDialog]:
    """Return the dialogs that are shown."""
    return [dialog for dialog in window.findChildren(QDialog) if dialog.isVisible()]


def current_dialog(window: MainWindow) -> QDialog:
    """Return the dialog that was opened last."""
    wait_for(lambda: bool(open_dialogs(window)), "a dialog")
    return open_dialogs(window)[-1]


def take_dialog(camera: Camera, name: str) -> None:
    """Photograph the dialog that is open, over the window, and close it."""
    dialog = current_dialog(camera.window)
    settle(SETTLE_S)
    camera.take(name, dialog)
    if not name.startswith("settings-") or name == "settings-local":
        dialog.close()
        settle(0.1)


def main() -> int:
    """Take everything, each scale in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="states to take, with commas between")
    parser.add_argument("--results", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--theme", default=",".join(THEMES), help="light, dark, or both with a comma")
    given = parser.parse_args()
    if given.scale:
        only = frozenset(name for name in str(given.only).split(",") if name)
        for theme in given.theme.split(","):
            photograph(given.results, theme, given.scale, only)
        # Left to the interpreter's end, widgets may be collected after what they stand on.
        application = QApplication.instance()
        if application is not None:
            application.shutdown()
        return 0
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        common = [sys.executable, __file__, "--only", given.only, "--theme", given.theme]
        screens = Path(folder) / "screens.json"
        screens.write_text(json.dumps({"screens": [SCREEN]}), encoding="utf-8")
        environment = os.environ | {
            "QT_QPA_PLATFORM": f"offscreen:configfile={screens}",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        os.environ.update(environment)
        prepare(results)
        for scale in SCALES:
            subprocess.run(
                [*common, "--results", str(results), "--scale", str(scale)],
                env=environment | {"QT_SCALE_FACTOR": str(scale)},
                check=True,
            )
    print(f"{len(list(TARGET.glob('*.png')))} photographs in {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
