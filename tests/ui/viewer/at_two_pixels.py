"""A panel on a screen with two pixels to a point; a program, since a process has one kind of screen."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["QT_SCALE_FACTOR"] = "2"
sys.path.insert(0, str(Path(__file__).parents[3]))

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.secrets import ReplicateToken
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.session import Session
from qie_desktop.ui.viewer.canvas import Canvas
from qie_desktop.ui.viewer.panel import ViewerPanel
from tests.ui.conftest import InlineBackground, RecordingJobs
from tests.ui.viewer.conftest import pixels_in, pixels_of


def main(folder: Path) -> None:
    app = QApplication([])
    data = DataFolder.at(folder / "data", {})
    store = JobStore(data)
    session = Session(
        data,
        Settings.load(data.config),
        store,
        ReplicateToken(data, {}),
        RecordingJobs(),
        InlineBackground(),
        lambda _spec, _request: None,
    )
    panel = ViewerPanel(session)
    panel.resize(420, 380)
    panel.show()
    app.processEvents()
    panel.show_input(folder / "noise.png")
    panel.actual_size()
    canvas: Any = panel.findChild(Canvas, "viewer")
    view = canvas.view
    seen = pixels_of(canvas.grab().toImage())
    rect, visible = view.rect, view.visible
    source = pixels_in(folder / "noise.png")
    part = source[
        visible.top - rect.top : visible.bottom - rect.top,
        visible.left - rect.left : visible.right - rect.left,
    ]
    exact = np.array_equal(seen[visible.top : visible.bottom, visible.left : visible.right], part)
    at = QPointF(31, 57)
    under = view.picture_point(at.x() * 2, at.y() * 2)
    canvas.set_view(view.zoomed(2.5, (at.x() * 2, at.y() * 2)))
    kept = np.allclose(canvas.view.picture_point(at.x() * 2, at.y() * 2), under)
    print(canvas.ratio, view.scale * 100, exact, kept)  # noqa: T201 - read by the test
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
