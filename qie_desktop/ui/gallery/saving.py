"""Save As and Save All: where to, in which format, and writing it."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from qie_desktop.core.errors import JobNotFound, QieError
from qie_desktop.imaging.embedding import encode, format_for
from qie_desktop.imaging.fitting import with_alpha
from qie_desktop.imaging.opening import open_picture
from qie_desktop.storage import atomic
from qie_desktop.storage.job_files import index_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qie_desktop.core.job import Job, Output
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.ui.session import Session

_FILTERS = {"png": "PNG (*.png)", "jpg": "JPEG (*.jpg *.jpeg)", "webp": "WebP (*.webp)"}
_FORMAT_SETTING = "general.output_format"
_NOT_IN_NAMES = re.compile(r"[^\w\- ]+")
_MAX_NAME_CHARS = 60
Key = tuple[str, int]


class OutputSaver(QObject):
    """Asks where to with the system's own panels, and writes off the GUI thread.

    A file gets the format that its suffix says; the request stays embedded. Save All never replaces a file.
    """

    saved = Signal(object)
    """list[Path]: what was written."""
    failed = Signal(object)
    """QieError: something could not be written."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window
        self._folder = Path(
            QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation) or Path.home()
        )
        self._wanted: tuple[Key, ...] = ()

    def save(self, outputs: Sequence[Key]) -> None:
        """Ask for a name where there is one picture, and for a folder where there are several."""
        if len(outputs) == 1:
            self.save_as(*outputs[0])
        elif outputs:
            self.save_all(outputs)

    def save_as(self, job_id: str, index: int) -> None:
        """Ask under which name a picture is to be saved, and save it."""
        work = partial(self._session.store.load, job_id)
        self._session.background.run(work, partial(self._ask_name, index), self._on_failed)

    def save_all(self, outputs: Sequence[Key]) -> None:
        """Ask for a folder, and save all these pictures into it."""
        self._wanted = tuple(outputs)
        dialog = self._dialog("Save All", "save_all_dialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setLabelText(QFileDialog.DialogLabel.Accept, "Save")
        dialog.fileSelected.connect(self._on_folder_chosen)
        dialog.open()

    def write(self, output: Key, target: Path) -> None:
        """Save a picture under this name, in the format of its suffix."""
        self._folder = target.parent
        work = partial(_write_one, self._session.store, output, target)
        self._session.background.run(work, self._on_saved, self._on_failed)

    def write_all(self, outputs: Sequence[Key], folder: Path) -> None:
        """Save pictures into a folder, under names that are free there."""
        self._folder = folder
        work = partial(_write_all, self._session.store, tuple(outputs), folder, f".{self._suffix()}")
        self._session.background.run(work, self._on_saved, self._on_failed)

    def _ask_name(self, index: int, job: Job) -> None:
        self._wanted = ((job.job_id, index),)
        dialog = self._dialog("Save As", "save_as_dialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        suffix = self._suffix()
        dialog.setNameFilters([_FILTERS[suffix], *(text for key, text in _FILTERS.items() if key != suffix)])
        dialog.setDefaultSuffix(suffix)
        dialog.filterSelected.connect(self._on_filter_selected)
        dialog.selectFile(f"{suggested_name(job, index)}.{suffix}")
        dialog.fileSelected.connect(self._on_name_chosen)
        dialog.open()

    def _dialog(self, title: str, name: str) -> QFileDialog:
        dialog = QFileDialog(self._window, title, str(self._folder))
        dialog.setObjectName(name)
        # Deleted when it is closed; asked without blocking, so that jobs go on being shown.
        dialog.finished.connect(dialog.deleteLater)
        return dialog

    def _suffix(self) -> str:
        return str(self._session.settings.get(_FORMAT_SETTING))

    def _on_filter_selected(self, text: str) -> None:
        dialog = self.sender()
        chosen = [suffix for suffix, name in _FILTERS.items() if name == text]
        if isinstance(dialog, QFileDialog) and chosen:
            dialog.setDefaultSuffix(chosen[0])

    def _on_name_chosen(self, name: str) -> None:
        if name and self._wanted:
            self.write(self._wanted[0], Path(name))

    def _on_folder_chosen(self, name: str) -> None:
        if name and self._wanted:
            self.write_all(self._wanted, Path(name))

    def _on_saved(self, paths: list[Path]) -> None:
        self.saved.emit(paths)

    def _on_failed(self, error: QieError) -> None:
        self.failed.emit(error)


def suggested_name(job: Job, index: int) -> str:
    """Return a name for a picture, without suffix: from its prompt, with its number if there are several."""
    words = " ".join(_NOT_IN_NAMES.sub(" ", job.request.prompt).split())
    name = words[:_MAX_NAME_CHARS].strip() or job.job_id
    return f"{name} {index + 1}" if len(job.outputs) > 1 else name


def save_output(store: JobStore, job: Job, index: int, target: Path) -> None:
    """Write a picture at `target` in the format of its suffix, with the request inside. For any thread.

    The very same bytes where the format is that of the result. Raises InvalidRequest for a suffix that cannot
    be written, InputImageError, StorageError or DiskFull.
    """
    source = store.output_path(job, _output_of(job, index))
    kind = format_for(target)
    if source.suffix.lower() == target.suffix.lower():
        atomic.copy_file(source, target)
        return
    picture = open_picture(source)
    atomic.write_bytes(target, encode(with_alpha(picture.rgb, picture.alpha), kind, job.request.to_json()))


def _output_of(job: Job, index: int) -> Output:
    if not 0 <= index < len(job.outputs):
        raise JobNotFound(
            f"Job {job.job_id} has no picture number {index + 1}.", "Look at it in the gallery."
        )
    return job.outputs[index]


def _write_one(store: JobStore, output: Key, target: Path) -> list[Path]:
    job = store.load(output[0])
    save_output(store, job, output[1], target)
    _note_saved(store, job, output[1])
    return [target]


def _write_all(store: JobStore, outputs: tuple[Key, ...], folder: Path, suffix: str) -> list[Path]:
    written: list[Path] = []
    for job_id, index in outputs:
        job = store.load(job_id)
        target = _free(folder / f"{suggested_name(job, index)}{suffix}")
        save_output(store, job, index, target)
        _note_saved(store, job, index)
        written.append(target)
    return written


def _note_saved(store: JobStore, job: Job, index: int) -> None:
    from qie_desktop.services.keeping import note_saved  # noqa: PLC0415 - not before the window is painted

    note_saved(store, job.job_id, index_of(job.outputs[index].name))


def _free(path: Path) -> Path:
    """Return the path, with a number in its name where there is such a file already."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.stem} {number}{path.suffix}")
    return free
