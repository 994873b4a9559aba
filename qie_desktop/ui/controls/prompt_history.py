"""The last prompts: a button that opens them, with a filter; and stepping through them by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from qie_desktop.storage.prompt_history import PromptHistory
from qie_desktop.ui.controls.answers import LatestAnswer
from qie_desktop.ui.controls.popup import Popup
from qie_desktop.ui.look.classes import make_muted, make_quiet
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from qie_desktop.core.job import Job
    from qie_desktop.ui.draft import Draft
    from qie_desktop.ui.session import Session

_POPUP_SIZE = QSize(340, 300)
_BUTTON_SIZE = QSize(24, 20)
_ITEM_PX = 28


class PromptHistoryButton(QToolButton):
    """Opens the last prompts, newest first, and puts one of them into the draft."""

    def __init__(self, session: Session, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("prompt_history")
        self.setAccessibleName("Prompt history")
        self.setToolTip("Earlier prompts (⌥↑ and ⌥↓ in the prompt)")
        self.setIcon(icon("history", self))
        self.setIconSize(QSize(14, 14))
        self.setFixedSize(_BUTTON_SIZE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        make_quiet(self)
        self._draft = draft
        self._history = PromptHistory(session.folder.prompts)
        self._answer = LatestAnswer(session.background, self)
        self._prompts: list[str] = []
        self._at = -1
        self._unsent = ""
        self.popup = HistoryPopup(self)
        self.popup.chosen.connect(self._on_chosen)
        self.popup.clear_requested.connect(self._on_clear_requested)
        self.clicked.connect(self._on_clicked)
        session.jobs.submitted.connect(self._on_submitted)
        self.reload()

    def reload(self) -> None:
        """Read the prompts anew, off the GUI thread."""
        self._answer.ask(self._history.list, self._on_listed)

    @Slot(int)
    def step(self, by: int) -> None:
        """Go `by` prompts back in time; at the near end is what was being typed."""
        if self._at >= 0 and self._draft.prompt != self._prompts[self._at]:
            self._at = -1
        if self._at < 0:
            self._unsent = self._draft.prompt
        at = self._at + by
        if by > 0 and self._at < 0 and self._prompts[:1] == [self._unsent]:
            at += 1
        if -1 <= at < len(self._prompts):
            self._at = at
            self._draft.set_prompt(self._unsent if at < 0 else self._prompts[at])

    def _on_listed(self, prompts: list[str]) -> None:
        self._prompts = prompts
        self._at = -1
        self.popup.show_prompts(prompts)

    @Slot(object)
    def _on_submitted(self, _job: Job) -> None:
        self.reload()

    @Slot()
    def _on_clicked(self) -> None:
        self.reload()
        self.popup.open(self)

    @Slot(str)
    def _on_chosen(self, prompt: str) -> None:
        self._draft.set_prompt(prompt)

    @Slot()
    def _on_clear_requested(self) -> None:
        self._answer.ask(self._cleared, self._on_listed)

    def _cleared(self) -> list[str]:
        self._history.clear()
        return self._history.list()


class HistoryPopup(Popup):
    """A filter, the prompts, and a button that forgets them."""

    chosen = Signal(str)
    """str: the prompt that is to be used again."""
    clear_requested = Signal()
    """All prompts are to be forgotten."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._prompts: list[str] = []
        self._filter = QLineEdit()
        self._filter.setObjectName("prompt_history_filter")
        self._filter.setAccessibleName("Filter prompts")
        self._filter.setPlaceholderText("Filter")
        self._filter.setClearButtonEnabled(True)
        self._filter.addAction(
            icon("search", self._filter, Tone.MUTED), QLineEdit.ActionPosition.LeadingPosition
        )
        self._list = QListWidget()
        self._list.setObjectName("prompt_history_list")
        self._list.setAccessibleName("Earlier prompts")
        self._list.setFrameShape(QListWidget.Shape.NoFrame)
        self._list.viewport().setAutoFillBackground(False)
        self._list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._empty = QLabel()
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        make_muted(self._empty)
        self._clear = QPushButton("Clear History")
        self._clear.setObjectName("prompt_history_clear")
        self._clear.setAutoDefault(False)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self._clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(Spacing.s, Spacing.s, Spacing.s, Spacing.s)
        column.setSpacing(Spacing.s)
        column.addWidget(self._filter)
        column.addWidget(self._list, 1)
        column.addWidget(self._empty, 1)
        column.addLayout(foot)
        self.setFixedSize(_POPUP_SIZE)
        self._filter.textChanged.connect(self._on_filter_changed)
        self._filter.returnPressed.connect(self._on_return_pressed)
        self._filter.installEventFilter(self)
        self._list.itemClicked.connect(self._on_item_chosen)
        self._list.itemActivated.connect(self._on_item_chosen)
        self._clear.clicked.connect(self.clear_requested)
        self.show_prompts([])

    def open(self, anchor: QWidget) -> None:
        """Open with all prompts and the cursor in the filter."""
        self._filter.clear()
        self.show_under(anchor)
        self._filter.setFocus(Qt.FocusReason.PopupFocusReason)

    def show_prompts(self, prompts: list[str]) -> None:
        """Show these prompts, newest first."""
        self._prompts = prompts
        self._clear.setEnabled(bool(prompts))
        self._on_filter_changed(self._filter.text())

    def eventFilter(self, watched: QObject, occurred: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Let the arrow keys go from the filter into the list."""
        if occurred.type() is QEvent.Type.KeyPress and watched is self._filter and self._list.count():
            key: QKeyEvent = occurred  # pyright: ignore[reportAssignmentType] - told by its type
            if key.key() == Qt.Key.Key_Down:
                self._list.setFocus(Qt.FocusReason.OtherFocusReason)
                self._list.setCurrentRow(0)
                return True
        return super().eventFilter(watched, occurred)

    @Slot(str)
    def _on_filter_changed(self, text: str) -> None:
        words = text.casefold().split()
        found = [prompt for prompt in self._prompts if all(word in prompt.casefold() for word in words)]
        self._list.clear()
        for prompt in found:
            item = QListWidgetItem(" ".join(prompt.split()))
            item.setData(Qt.ItemDataRole.UserRole, prompt)
            item.setToolTip(prompt)
            item.setSizeHint(QSize(0, _ITEM_PX))
            self._list.addItem(item)
        self._list.setVisible(bool(found))
        self._empty.setVisible(not found)
        self._empty.setText("No prompt has these words." if self._prompts else "No prompts yet.")

    @Slot()
    def _on_return_pressed(self) -> None:
        if self._list.count():
            self._on_item_chosen(self._list.item(0))

    @Slot(QListWidgetItem)
    def _on_item_chosen(self, item: QListWidgetItem) -> None:
        if self.isVisible():
            self.close()
            self.chosen.emit(str(item.data(Qt.ItemDataRole.UserRole)))
