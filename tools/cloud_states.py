"""The window with the cloud models, photographed over a loopback server. Used by screenshots.py."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from camera import SETTLE_S, settle, wait_for
from PIL import Image
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QMessageBox, QPushButton

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qie_desktop.core.events import Phase, PhaseName
from qie_desktop.storage.ledger import Ledger, Spending
from qie_desktop.storage.resources import resources_folder
from tests.support.replicate.faults import UNAUTHENTICATED
from tests.support.replicate.lives import Life, Span
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer

if TYPE_CHECKING:
    from collections.abc import Generator

    from camera import Camera

SAMPLE = resources_folder() / "sample.jpg"
STATES = (
    "cloud-ready",
    "cloud-running",
    "cloud-several",
    "cloud-token",
    "cloud-cap",
    "cloud-scaled",
    "cloud-refused",
    "cloud-hunyuan",
    "cloud-qwen-image",
    "cloud-seedream",
)
SERIES = 4
HALF_S = 8.0
ENOUGH = 0.4


@contextmanager
def cloud() -> Generator[ReplicateServer]:
    """Run the server, with its token in the environment."""
    with ReplicateServer(area_px=768 * 768) as server:
        os.environ.update(server.environ)
        try:
            yield server
        finally:
            for name in server.environ:
                del os.environ[name]


def take_cloud(camera: Camera, server: ReplicateServer) -> None:
    """Take all of the states; the window was opened with the server's token."""
    take_scaled(camera)
    take_ready_and_running(camera, server)
    take_options(camera)
    take_several(camera)
    take_token(camera, server)
    take_refused(camera, server)
    take_cap(camera)


def take_ready_and_running(camera: Camera, server: ReplicateServer) -> None:
    """An edit that can be run, with its estimate; then it runs, and another one waits behind it."""
    window = camera.window
    window.draft.set_model("qwen-image-edit")
    window.draft.set_image(0, SAMPLE)
    window.draft.set_prompt("Make it an evening in autumn")
    camera.take("cloud-ready")
    if not camera.wants("cloud-running"):
        return
    window.session.settings.set("cloud.max_jobs", 1)
    server.next(Life(processing=Span(seconds=HALF_S * 2), steps=20))
    fractions: list[float] = []

    def note(event: object) -> None:
        if isinstance(event, Phase) and event.name is PhaseName.RUNNING:
            fractions.append(event.fraction or 0.0)

    window.session.jobs.told.connect(note)
    press(camera, "run_button")
    wait_for(lambda: bool(window.session.jobs.active()), "a job")
    window.desk.run()
    wait_for(lambda: max(fractions, default=0.0) > ENOUGH, "some progress")
    camera.take("cloud-running", settle_s=0.15)
    window.session.jobs.cancel_all()
    wait_for(lambda: not window.session.jobs.active(), "the end of the jobs")
    window.session.settings.unset("cloud.max_jobs")


def take_options(camera: Camera) -> None:
    """The models that make pictures from words, with all that they offer."""
    window = camera.window
    for name, model_id in (
        ("cloud-hunyuan", "hunyuan-image-3"),
        ("cloud-qwen-image", "qwen-image"),
        ("cloud-seedream", "seedream-4"),
    ):
        if not camera.wants(name):
            continue
        window.draft.set_model(model_id)
        window.draft.set_image(0, None)
        window.viewer.clear()
        window.draft.set_prompt("A red fox in the snow, at dawn")
        toggle = window.controls.findChild(QAbstractButton, "more_options_toggle")
        assert toggle is not None
        toggle.setChecked(True)
        camera.take(name, end=True)
        toggle.setChecked(False)


def take_several(camera: Camera) -> None:
    """A series in the strip under the picture, and as cells."""
    if not camera.wants("cloud-several"):
        return
    window = camera.window
    window.draft.set_model("seedream-4")
    window.draft.set_image(0, None)
    window.draft.set_prompt("A red fox through the four seasons")
    window.draft.set_value("size", "1K")
    window.draft.set_value("sequential_image_generation", "auto")
    window.draft.set_value("count", SERIES)
    press(camera, "run_button")
    wait_for(lambda: bool(window.session.jobs.active()), "a job")
    wait_for(lambda: not window.session.jobs.active(), "the end of the job")
    wait_for(window.viewer.is_settled, "the pictures")
    window.viewer.next_output()
    camera.take("cloud-several")


def take_token(camera: Camera, server: ReplicateServer) -> None:
    """The sheet for a token, once it was checked."""
    if not camera.wants("cloud-token"):
        return
    server.account.update(name="Ada Lovelace")
    window = camera.window
    window.dialogs.ask_token()
    field = window.findChild(QLineEdit, "token_field")
    status = window.findChild(QLabel, "token_status")
    assert field is not None
    assert status is not None
    field.setText(server.token)
    press(camera, "check_token_button")
    wait_for(lambda: "Ada" in status.text(), "the account")
    sheet = field.window()
    settle(SETTLE_S)
    camera.take("cloud-token", sheet)
    sheet.close()


def take_refused(camera: Camera, server: ReplicateServer) -> None:
    """A token that is not accepted."""
    if not camera.wants("cloud-refused"):
        return
    window = camera.window
    server.faults.on(Kind.CREATE, UNAUTHENTICATED)
    window.draft.set_model("qwen-image-edit")
    window.draft.set_image(0, SAMPLE)
    window.draft.set_prompt("Make it an evening in autumn")
    press(camera, "run_button")
    wait_for(lambda: bool(window.session.jobs.active()), "a job")
    wait_for(lambda: not window.session.jobs.active(), "the end of the job")
    settle(SETTLE_S)
    camera.take("cloud-refused")


def take_cap(camera: Camera) -> None:
    """The question before a month passes its cap."""
    if not camera.wants("cloud-cap"):
        return
    window = camera.window
    Ledger(window.session.folder.ledger).add(Spending(datetime.now(UTC), "earlier", "seedream-4", 4.98))
    window.session.settings.set("cloud.monthly_cap_usd", 5.0)
    window.draft.set_model("qwen-image-edit")
    window.draft.set_image(0, SAMPLE)
    press(camera, "run_button")
    wait_for(lambda: window.findChild(QMessageBox, "cap_question") is not None, "the question")
    box = window.findChild(QMessageBox, "cap_question")
    settle(SETTLE_S)
    camera.take("cloud-cap", box)
    assert box is not None
    box.reject()
    window.session.settings.unset("cloud.monthly_cap_usd")


def take_scaled(camera: Camera) -> None:
    """A picture that the model does not take as it is."""
    if not camera.wants("cloud-scaled"):
        return
    window = camera.window
    small = window.session.folder.home / "stamp.png"
    with Image.open(SAMPLE) as picture:
        picture.resize((300, 200)).save(small)
    window.draft.set_model("qwen-image-edit-plus")
    window.controls.take_files([small])
    wait_for(lambda: window.draft.image_count == 1, "the picture")
    window.draft.set_prompt("Make it an evening in autumn")
    settle(SETTLE_S)
    camera.take("cloud-scaled")
    window.draft.set_image(0, None)


def press(camera: Camera, name: str) -> None:
    """Press a button once it can be pressed."""
    button = camera.window.findChild(QPushButton, name)
    assert button is not None
    wait_for(button.isEnabled, name)
    button.click()
