"""The window's composition root: the one place where its parts are built and handed down."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import StorageError
from qie_desktop.core.model import EmbeddedWeights
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.logs import open_log
from qie_desktop.storage.secrets import ReplicateToken
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.draft import Draft
from qie_desktop.ui.garbage import resume_collections
from qie_desktop.ui.import_hook import remove_import_hook
from qie_desktop.ui.look.appearance import Appearance
from qie_desktop.ui.machinery import Machinery
from qie_desktop.ui.macos.opening import Application
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.sheets.about import app_icon
from qie_desktop.ui.startup import Startup
from qie_desktop.ui.window_state import WindowState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0005
"""For how long a thread keeps Python to itself while another wants it; five milliseconds by default.

The GUI thread asks anew after each call into Qt, some twenty times for one repaint: beside an import or a
model being built that made up to 100 ms, and makes up to 35 with this (2 cores; a job takes as long).
"""
_SHUT_DOWN_S = 0.7
"""What is left of the five seconds after the engines have had their time."""


def create(home: Path, files: Sequence[Path] = ()) -> tuple[QApplication, MainWindow]:
    """Build the whole window over a data folder, not shown yet; `files` become its inputs.

    Once shown it looks after jobs that an earlier run has left. End it with its `shut_down`.
    """
    application = _application()
    folder = DataFolder.at(home)
    log = _opened_log(folder)
    settings = Settings.load(folder.config)
    machinery = Machinery(folder, settings, JobStore(folder), ReplicateToken(folder), log)
    machinery.appearance = Appearance(application, str(settings.get("general.theme")), machinery)
    state = WindowState(home / "window.json")
    model_id = state.remembered.model_id or str(settings.get("general.last_model") or "")
    known = model_id in {spec.id for spec in CATALOGUE}
    window = MainWindow(machinery, Draft(model_id if known else _embedded_model_id()), state)
    machinery.setParent(window)
    Startup(window, files, choose=not known)
    return application, window


def run(home: Path, files: Sequence[Path] = ()) -> int:
    """Open the window of a data folder, or bring its open one to the front; return the exit status."""
    from qie_desktop.ui.crash_log import CrashLog  # noqa: PLC0415
    from qie_desktop.ui.crash_reports import CrashReports  # noqa: PLC0415 - not for tests and photographs
    from qie_desktop.ui.interrupts import Interrupts  # noqa: PLC0415
    from qie_desktop.ui.macos.wakefulness import Wakefulness  # noqa: PLC0415
    from qie_desktop.ui.single_instance import claimed  # noqa: PLC0415

    instance = claimed(home, files)
    if instance is None:
        return 0
    crash_log = CrashLog(DataFolder.at(home).logs)
    crash = crash_log.begin()
    application, window = create(home, files)
    instance.setParent(window)
    instance.files_received.connect(window.come_to_front)
    reports = CrashReports(window)
    reports.reported.connect(window.show_crash, Qt.ConnectionType.QueuedConnection)
    reports.install()
    interrupts = Interrupts(window)
    interrupts.received.connect(window.closing.end_now)
    if isinstance(application, Application):
        application.files_opened.connect(window.come_to_front)
        application.job_wanted.connect(window.desk.show_job)
        window.began.connect(application.listen)
    wakefulness = Wakefulness(window, window.session.jobs)
    application.setQuitOnLastWindowClosed(False)
    window.closed.connect(application.quit)
    window.began.connect(resume_collections)
    window.show()
    instance.listen()
    if crash is not None:
        window.dialogs.show_crash_report(crash)
    elif _is_fresh(window):
        window.dialogs.welcome()
        window.state.remember(welcomed=True)
    status = application.exec()
    reports.uninstall()
    interrupts.close()
    wakefulness.close()
    # While the claim is held: the next start has a log of its own.
    crash_log.end()
    instance.close()
    if not window.shut_down(_SHUT_DOWN_S):
        _log.warning("Something did not let go in time; the process ends hard.")
        logging.shutdown()
        os._exit(status)
    return status


def _application() -> QApplication:
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    remove_import_hook()
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    # Pillow warns of oddities in files that it reads all the same.
    warnings.filterwarnings("ignore", module="PIL")
    application = Application(sys.argv[:1])
    application.setApplicationName("Qwen Image Editor")
    application.setApplicationDisplayName("Qwen Image Editor")
    application.setDesktopFileName("qwen-image-editor")
    application.setWindowIcon(app_icon())
    return application


def _opened_log(folder: DataFolder) -> logging.Handler | None:
    try:
        return open_log(folder.logs)
    except StorageError as error:
        # Jobs will say the same, with what to do; without a log the window still opens.
        print(error, file=sys.stderr)  # noqa: T201
        return None


def _embedded_model_id() -> str:
    """Return the model that always runs: what is shown until it is known which others do."""
    return next(
        spec.id
        for spec in CATALOGUE
        if spec.local is not None and isinstance(spec.local.weights, EmbeddedWeights)
    )


def _is_fresh(window: MainWindow) -> bool:
    """Whether nothing was ever done with this data folder."""
    folder, settings = window.session.folder, window.session.settings
    return (
        not window.state.remembered.welcomed
        and settings.get("general.last_model") is None
        and not folder.jobs.is_dir()
    )
