"""What the gallery does to its cells by itself: stars, the clipboard, the Finder, the Trash."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication, QImage, QImageReader

from qie_desktop.core.errors import ImageDamaged, JobNotFound, QieError
from qie_desktop.storage.job_files import index_of
from qie_desktop.storage.job_metadata import METADATA_NAME
from qie_desktop.ui.gallery.gallery_actions import GalleryAction
from qie_desktop.ui.macos.finder import show_in_finder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from qie_desktop.core.job import Job
    from qie_desktop.ui.gallery.cells import Cell
    from qie_desktop.ui.gallery.gallery_actions import Selection
    from qie_desktop.ui.gallery.gallery_model import GalleryModel
    from qie_desktop.ui.gallery.gallery_notice import GalleryNotice
    from qie_desktop.ui.gallery.saving import OutputSaver
    from qie_desktop.ui.gallery.trash import Trash, TrashedJobs
    from qie_desktop.ui.session import Session

_CONFIRM_SETTING = "general.confirm"


class CellCommands(QObject):
    """Carries out commands on a selection, off the GUI thread where files are touched, and says how it went.

    A job's folder holds all its pictures, so the Trash takes whole jobs: where more would go than was
    selected, it asks first, in place (unless the person has turned asking off).
    """

    brought_back = Signal(object)
    """list[Job]: they are in the gallery again."""

    save_wanted = Signal(object)
    """list[tuple[str, int]]: pictures for which a place is being asked."""

    def __init__(
        self, session: Session, model: GalleryModel, notice: GalleryNotice, trash: Trash, saver: OutputSaver
    ) -> None:
        super().__init__(notice)
        self._session = session
        self._model = model
        self._notice = notice
        self._trash = trash
        self._saver = saver
        self._doing: dict[GalleryAction, Callable[[Selection], None]] = {
            GalleryAction.SAVE_AS: self.save,
            GalleryAction.SAVE_ALL: self.save_all,
            GalleryAction.COPY_IMAGE: self.copy_image,
            GalleryAction.COPY_PROMPT: self.copy_prompt,
            GalleryAction.STAR: self.toggle_star,
            GalleryAction.SHOW_IN_FINDER: self.show_in_finder,
            GalleryAction.TRASH: self.move_to_trash,
        }
        saver.saved.connect(self._on_saved)
        saver.failed.connect(notice.complain)
        trash.moved.connect(self._on_moved)
        trash.brought_back.connect(self._on_brought_back)
        trash.failed.connect(notice.complain)
        trash.rule_regretted.connect(self._on_rule_regretted)

    def perform(self, action: GalleryAction, selection: Selection) -> bool:
        """Carry out a command; return False for one that is for others to carry out."""
        act = self._doing.get(action)
        if act is not None:
            act(selection)
        return act is not None

    def save(self, selection: Selection) -> None:
        """Save the pictures: under a name where there is one, into a folder where there are several."""
        self._save(selection.keys)

    def save_all(self, selection: Selection) -> None:
        """Save the pictures into a folder; of one alone, all that its job made."""
        self._save(selection.all_keys)

    def toggle_star(self, selection: Selection) -> None:
        """Star the pictures; take the stars away where all of them have one."""
        starred = not selection.all_starred
        changing = [cell for cell in selection.starrable if cell.starred != starred]
        if changing:
            work = partial(_star, self._session, tuple(changing), starred)
            self._session.background.run(work, self._on_starred, self._on_failed)

    def copy_image(self, selection: Selection) -> None:
        """Put the first picture on the clipboard."""
        for cell in selection.pictures[:1]:
            path = cell.job.picture_path(self._session.store, cell.index)
            self._session.background.run(partial(_read, path), self._on_read, self._on_failed)

    def copy_prompt(self, selection: Selection) -> None:
        """Put the prompt of the first job on the clipboard."""
        for job in selection.jobs[:1]:
            QGuiApplication.clipboard().setText(job.prompt)

    def show_in_finder(self, selection: Selection) -> None:
        """Show the first picture in its folder, or a job's metadata where it has none."""
        for cell in selection.cells[:1]:
            store = self._session.store
            pictured = cell.output is not None
            folder = cell.job.folder(store)
            show_in_finder(cell.job.picture_path(store, cell.index) if pictured else folder / METADATA_NAME)

    def move_to_trash(self, selection: Selection) -> None:
        """Move the jobs to the Trash; ask first where more would go than was selected."""
        jobs = selection.trashable
        if not jobs:
            if selection.cells:
                self._notice.tell("A job that has not ended stays. Cancel it first.")
            return
        others = selection.goes_unselected
        if others and self._session.settings.get(_CONFIRM_SETTING):
            count = sum(job.picture_count for job in jobs)
            what = "Another picture" if others == 1 else f"{others} other pictures"
            self._notice.ask(
                f"{what} of the same job will go to the Trash, too.",
                f"Move All {count}",
                partial(self._trash.move, jobs),
            )
        else:
            self._trash.move(jobs)

    def _save(self, keys: list[tuple[str, int]]) -> None:
        if keys:
            self.save_wanted.emit(keys)
            self._saver.save(keys)

    def _on_saved(self, paths: list[Path]) -> None:
        what = paths[0].name if len(paths) == 1 else f"{len(paths)} pictures"
        self._notice.tell(f"Saved {what} in {paths[0].parent.name or paths[0].parent}.")

    def _on_starred(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._model.put(job)

    def _on_read(self, image: QImage) -> None:
        QGuiApplication.clipboard().setImage(image)

    def _on_moved(self, moved: TrashedJobs) -> None:
        self._model.remove(moved.job_ids)
        what = _counted(moved)
        if moved.in_system:
            text = f"Moved {what} to the Trash."
        else:
            text = f"Moved {what} to the folder .trash in the data folder: there is no Trash here."
        if moved.rule is None:
            self._notice.tell(text, "Undo", self._trash.undo)
        else:
            why = f"As set under “Keep finished jobs”: {moved.rule.reason}."
            self._notice.announce(f"{text} {why}", "Undo and Keep Forever", self._trash.undo)

    def _on_rule_regretted(self) -> None:
        """Keep everything from now on: else the next start would take again what has been brought back."""
        from qie_desktop.services.keeping import FOREVER, KEEP_SETTING  # noqa: PLC0415 - hardly ever
        from qie_desktop.ui.sheets.settings_writer import SettingsWriter  # noqa: PLC0415 - the same

        writer = SettingsWriter(self._session, self)
        writer.failed.connect(self._notice.complain)
        writer.put(KEEP_SETTING, FOREVER)

    def _on_brought_back(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._model.put(job)
        self._notice.hide()
        self.brought_back.emit(jobs)

    def _on_failed(self, error: QieError) -> None:
        self._notice.complain(error)


def _counted(moved: TrashedJobs) -> str:
    count = moved.picture_count
    if not count:
        jobs = len(moved.folders)
        return "the job" if jobs == 1 else f"{jobs} jobs"
    return "the picture" if count == 1 else f"{count} pictures"


def _star(session: Session, cells: Sequence[Cell], starred: bool) -> list[Job]:
    """Star pictures on disk, and return their jobs as they are then. For any thread."""
    jobs: dict[str, Job] = {}
    for cell in cells:
        if cell.output is not None:
            number = index_of(cell.output.name)
            jobs[cell.job.job_id] = session.store.star(cell.job.job_id, starred, number)
    return list(jobs.values())


def _read(path: Path) -> QImage:
    """Decode a picture in full. For any thread. Raises InputImageError or JobNotFound."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    image = reader.read()
    if image.isNull():
        if not path.is_file():
            raise JobNotFound(f"{path.name} is no longer there.", "It may have been moved or deleted.")
        raise ImageDamaged("images", f"{path.name} cannot be read.", "Run it again.")
    return image
