"""The window: tool bar, three panes side by side, and what belongs to a window of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QMainWindow, QWidget

from qie_desktop.ui.actions import Actions
from qie_desktop.ui.cap_question import CapQuestion
from qie_desktop.ui.closing import Closing
from qie_desktop.ui.commands import Commands
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.desk import Desk
from qie_desktop.ui.dialogs import Dialogs
from qie_desktop.ui.drag_watch import DragWatch
from qie_desktop.ui.gallery.panel import GalleryPanel
from qie_desktop.ui.menu_bar import fill_menu_bar
from qie_desktop.ui.notices import Notices
from qie_desktop.ui.panes import Panes
from qie_desktop.ui.tool_bar import ToolBar
from qie_desktop.ui.update_check import UpdateCheck
from qie_desktop.ui.viewer.message_bar import Kind, Message
from qie_desktop.ui.viewer.panel import ViewerPanel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtCore import QMimeData
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QShowEvent

    from qie_desktop.core.errors import QieError
    from qie_desktop.ui.draft import Draft
    from qie_desktop.ui.machinery import Machinery
    from qie_desktop.ui.window_state import WindowState

_SIZE = QSize(1200, 800)
_LEAST = QSize(880, 560)
_PANES = (288, 640, 272)
_MIDDLE = 1


class MainWindow(QMainWindow):
    """Everything that is seen. It is closed for good once `closed` has been emitted. GUI thread only."""

    began = Signal()
    """The window has been shown for the first time, and the event loop runs."""
    closed = Signal()
    """The window is closed, and its jobs have ended or had their time."""

    def __init__(self, machinery: Machinery, draft: Draft, state: WindowState) -> None:
        super().__init__()
        self._shown = False
        self.setObjectName("main_window")
        self.setWindowTitle("Qwen Image Editor")
        self.setAcceptDrops(True)
        self.setMinimumSize(_LEAST)
        self.machinery = machinery
        self.session = machinery.session
        self.draft = draft
        self.state = state
        self.controls = ControlsPanel(self.session, draft)
        self.viewer = ViewerPanel(self.session)
        self.gallery = GalleryPanel(self.session)
        self.dialogs = Dialogs(self, self.session)
        panels = (self.controls, self.viewer, self.gallery)
        self.updates = UpdateCheck(self, self.session)
        self.desk = Desk(self, self.session, draft, panels, self.dialogs)
        self.actions_table = Actions(self)
        self.tool_bar = ToolBar(self.actions_table, self)
        self.panes = Panes()
        self._lay_out()
        self.commands = Commands(self, self.actions_table)
        self.notices = Notices(self, self.session)
        self.closing = Closing(self, machinery.runner)
        self._cap_question = CapQuestion(self, machinery.runner)
        self._drags = DragWatch(self)
        self._connect()

    def open_files(self, paths: Sequence[Path]) -> None:
        """Take pictures that the program was started with, or that a second start has handed over."""
        if paths:
            self.controls.take_files(paths)

    @Slot(list)
    def come_to_front(self, paths: Sequence[Path] = ()) -> None:
        """Show the window over all others, with these pictures."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        self.open_files(paths)

    def toggle_controls(self) -> None:
        """Hide the controls, or show them."""
        self.controls.setHidden(not self.controls.isHidden())

    def toggle_gallery(self) -> None:
        """Hide the gallery, or show it."""
        self.gallery.setHidden(not self.gallery.isHidden())

    def toggle_full_screen(self) -> None:
        """Take the whole screen, or give it back."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def toggle_maximised(self) -> None:
        """Be as large as the screen allows, or as before."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowMaximized)

    @Slot(object)
    def show_error(self, error: QieError) -> None:
        """Show an error in the bar over the picture."""
        self.viewer.show_error(error.info())

    @Slot(str)
    def show_crash(self, report: str) -> None:
        """Tell calmly of something unforeseen; the report can be copied."""
        title = "Something went wrong that was not foreseen."
        hint = "You can go on. If it happens again, copy the details into a report."
        self.viewer.show_message(Message(Kind.ERROR, title, hint, details=report, code="internal"))

    def shut_down(self, timeout_s: float = 5.0) -> bool:
        """End all that works behind the window; return False where something does not let go."""
        self.notices.withdraw()
        return self.machinery.shut_down(timeout_s)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Begin to work once the window stands."""
        super().showEvent(event)
        self._drags.begin()
        if not self._shown:
            self._shown = True
            QTimer.singleShot(0, self, self._on_begun)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Go at once, or ask what becomes of the jobs."""
        if self.closing.is_finished:
            event.accept()
            return
        event.ignore()
        self._remember()
        self.closing.begin()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the system's colours over when they change."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._shown:
            self.machinery.follow_palette()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take what may be dropped anywhere."""
        if self.controls.accepts(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Take what was dropped."""
        event.acceptProposedAction()
        self.desk.drop(event.mimeData())

    def _lay_out(self) -> None:
        fill_menu_bar(self.menuBar(), self.actions_table)
        self.addToolBar(self.tool_bar)
        self.setUnifiedTitleAndToolBarOnMac(True)
        panels: tuple[QWidget, ...] = (self.controls, self.viewer, self.gallery)
        for index, panel in enumerate(panels):
            self.panes.addWidget(panel)
            self.panes.setStretchFactor(index, int(index == _MIDDLE))
        self.setCentralWidget(self.panes)
        remembered = self.state.remembered
        self.resize(_SIZE)
        if remembered.geometry:
            self.restoreGeometry(QByteArray.fromBase64(remembered.geometry.encode()))
        panes = remembered.panes if len(remembered.panes) == len(_PANES) else _PANES
        self.panes.setSizes(list(panes))
        self.controls.setHidden(remembered.controls_hidden)
        self.gallery.setHidden(remembered.gallery_hidden)

    def _connect(self) -> None:
        self.closing.finished.connect(self._on_closing_finished)
        self.updates.failed.connect(self.show_error)
        self.closing.kept.connect(self._on_kept)
        self.notices.opened.connect(self._on_notice_opened)
        self.notices.models_wanted.connect(self._on_models_wanted)
        self.dialogs.downloads.ended.connect(self.notices.tell_download)
        self.machinery.background.failed_unheard.connect(self.show_error)
        self.dialogs.setting_changed.connect(self.machinery.on_setting_changed)
        self._cap_question.asked.connect(self.viewer.dismiss_refusal)
        self._drags.entered.connect(self._on_drag_entered)
        self._drags.ended.connect(self._on_drag_ended)

    def _remember(self) -> None:
        sizes = self.panes.sizes()
        self.state.remember(
            geometry=self.saveGeometry().toBase64().toStdString(),
            # A hidden pane has no size: the old ones are kept.
            panes=tuple(sizes) if all(sizes) else self.state.remembered.panes,
            controls_hidden=self.controls.isHidden(),
            gallery_hidden=self.gallery.isHidden(),
            model_id=self.draft.spec.id,
        )

    @Slot()
    def _on_begun(self) -> None:
        self.machinery.background.release()
        self.began.emit()

    @Slot(object)
    def _on_drag_entered(self, mime: QMimeData) -> None:
        lit = self.controls.accepts(mime)
        self.controls.set_lit(lit)
        self.viewer.set_lit(lit)

    @Slot()
    def _on_drag_ended(self) -> None:
        self.controls.set_lit(False)
        self.viewer.set_lit(False)

    @Slot(list)
    def _on_kept(self, job_ids: list[str]) -> None:
        self.state.remember(kept_jobs=tuple(job_ids))

    @Slot(str)
    def _on_notice_opened(self, job_id: str) -> None:
        self.come_to_front()
        self.desk.show_job(job_id)

    @Slot()
    def _on_models_wanted(self) -> None:
        self.come_to_front()
        self.dialogs.show_models()

    @Slot()
    def _on_closing_finished(self) -> None:
        self.close()
        self.closed.emit()
