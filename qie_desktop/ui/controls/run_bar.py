"""Running: the button, why it cannot be pressed, and what a run will cost and take."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QPainter
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from qie_desktop.core.errors import ImageSizeOutOfRange, ModelNotInstalled
from qie_desktop.core.model import ModelKind
from qie_desktop.services.machine_memory import run_note
from qie_desktop.services.spending import estimated_cost_usd
from qie_desktop.ui.controls.answers import LatestAnswer
from qie_desktop.ui.controls.applicable import outline
from qie_desktop.ui.controls.past_runs import PastRuns
from qie_desktop.ui.controls.result_outline import picture_problem, scalable
from qie_desktop.ui.controls.wording import FIXES, duration_text, money_text, typical_time_text
from qie_desktop.ui.look.classes import make_muted, make_primary, make_verdict
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.tokens import Spacing, TextSize

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import QPaintEvent

    from qie_desktop.core.errors import QieError
    from qie_desktop.ui.controls.intake import PictureIntake
    from qie_desktop.ui.controls.readiness import Readiness
    from qie_desktop.ui.draft import Draft
    from qie_desktop.ui.session import Session


class RunBar(QFrame):
    """The run button with the reason and the estimate under it."""

    run_requested = Signal()
    """The button was pressed."""
    help_requested = Signal(str)
    """str: the code of the error that the person wants mended."""

    def __init__(
        self,
        session: Session,
        draft: Draft,
        readiness: Readiness,
        intake: PictureIntake,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._draft = draft
        self._readiness = readiness
        self._pictures = intake.pictures
        self._intake = intake
        self._past = PastRuns(session, draft, self)
        self._answer = LatestAnswer(session.background, self)
        self._asked_for: object = None
        self._in_the_way: QieError | None = None
        self._problem: QieError | None = None
        self._button = QPushButton()
        self._button.setObjectName("run_button")
        make_primary(self._button, large=True)
        self._reason = QLabel()
        self._reason.setObjectName("run_reason")
        self._reason.setWordWrap(True)
        self._reason.setFont(TextSize.small())
        make_verdict(self._reason, "warning")
        self._fix = QPushButton()
        self._fix.setObjectName("run_fix")
        self._fix.setFont(TextSize.small())
        self._row = QHBoxLayout()
        self._estimate = QLabel()
        self._estimate.setObjectName("estimate_label")
        make_muted(self._estimate)
        self._memory = QLabel()
        self._memory.setObjectName("memory_note")
        self._memory.setWordWrap(True)
        self._memory.setFont(TextSize.small())
        make_verdict(self._memory, "warning")
        self._arrange()
        self._connect()
        self._on_values_changed()

    @Slot()
    def run(self) -> None:
        """Ask for a run, if the draft can be run now."""
        if self._button.isEnabled():
            self.run_requested.emit()

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint a fine line above."""
        painter = QPainter(self)
        painter.fillRect(0, 0, self.width(), 1, Colours.of(self.palette()).border)
        painter.end()

    def _arrange(self) -> None:
        row = self._row
        row.setSpacing(Spacing.s)
        row.addWidget(self._reason, 1)
        row.addWidget(self._fix, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        column = QVBoxLayout(self)
        column.setContentsMargins(Spacing.l, Spacing.m, Spacing.l, Spacing.m)
        column.setSpacing(Spacing.s)
        column.addWidget(self._button)
        column.addLayout(row)
        column.addWidget(self._estimate)
        column.addWidget(self._memory)

    def _connect(self) -> None:
        self._button.clicked.connect(self.run_requested)
        self._fix.clicked.connect(self._on_fix_clicked)
        draft = self._draft
        draft.prompt_changed.connect(self._on_state_changed)
        for signal in (draft.model_changed, draft.images_changed, draft.values_changed):
            signal.connect(self._on_values_changed)
        self._readiness.changed.connect(self._on_readiness_changed)
        self._readiness.download_changed.connect(self._on_state_changed)
        self._pictures.loaded.connect(self._on_loaded)
        self._intake.expecting_changed.connect(self._on_state_changed)
        self._past.changed.connect(self._on_values_changed)

    @Slot()
    def _on_fix_clicked(self) -> None:
        if self._problem is not None:
            self.help_requested.emit(self._problem.code)

    @Slot()
    def _on_readiness_changed(self) -> None:
        self._asked_for = None
        self._on_values_changed()

    @Slot(object)
    def _on_loaded(self, _path: Path) -> None:
        self._on_state_changed()

    @Slot()
    def _on_values_changed(self) -> None:
        request, spec = outline(self._draft), self._draft.spec
        asked_for = (spec.id, request.values)
        if asked_for != self._asked_for:
            self._asked_for = asked_for
            self._in_the_way = self._readiness.problem(spec)
            ask = partial(self._session.readiness, spec, request)
            self._answer.ask(ask, self._on_readiness_known)
        self._show_estimate()
        note = run_note(spec, request, self._session.settings)
        self._memory.setText(note)
        self._memory.setVisible(bool(note))
        self._on_state_changed()

    def _on_readiness_known(self, problem: QieError | None) -> None:
        self._in_the_way = problem
        self._on_state_changed()

    @Slot()
    def _on_state_changed(self) -> None:
        draft = self._draft
        edits = draft.spec.kind is ModelKind.EDIT or draft.image_count > 0
        self._button.setText("Edit" if edits else "Generate")
        keys = QKeySequence("Ctrl+Return").toString(QKeySequence.SequenceFormat.NativeText)
        self._button.setToolTip(f"{self._button.text()} ({keys})")
        self._button.setAccessibleName(self._button.text())
        # What must be set up first comes first: no prompt helps where there is no token.
        unfit = self._in_the_way or picture_problem(draft, self._pictures)
        self._problem = unfit or draft.problem()
        waiting = self._intake.busy and self._in_the_way is None
        fix = self._fix_for(self._problem) if self._problem and not waiting else ""
        reason = "A picture is being opened." if waiting else _reason(self._problem, with_hint=not fix)
        coming = self._download_text()
        if coming:
            fix, reason = "Show…", coming
        self._button.setEnabled(not reason)
        self._button.setAccessibleDescription(reason)
        self._reason.setText(reason)
        self._reason.setToolTip(_in_detail(self._problem) if fix else "")
        self._reason.setVisible(bool(reason))
        # What is only not yet filled in is no warning.
        make_verdict(self._reason, "warning" if unfit and not waiting and not coming else "muted")
        # What names a file is long: the button stands under it.
        under = isinstance(self._problem, ImageSizeOutOfRange)
        self._row.setDirection(
            QHBoxLayout.Direction.TopToBottom if under else QHBoxLayout.Direction.LeftToRight
        )
        self._fix.setText(fix)
        self._fix.setAccessibleName(fix.rstrip("…"))
        self._fix.setVisible(bool(fix))

    def _download_text(self) -> str:
        """Return how far that is what the draft waits for; nothing where it waits for no download."""
        if not isinstance(self._problem, ModelNotInstalled):
            return ""
        spec, values = self._draft.spec, dict(outline(self._draft).values)
        text = self._readiness.download_text(spec, str(values.get("quantisation", "")))
        return f"{text[:1].upper()}{text[1:]}"

    def _fix_for(self, problem: QieError) -> str:
        """Return what the button says that mends a problem; nothing where there is none for it."""
        if not isinstance(problem, ImageSizeOutOfRange):
            return FIXES.get(problem.code, "")
        count = len(scalable(self._draft, self._pictures))
        return "" if not count else FIXES[problem.code] if count == 1 else f"Use {count} Scaled Copies"

    def _show_estimate(self) -> None:
        spec = self._draft.spec
        cost = estimated_cost_usd(outline(self._draft), spec, self._session.settings)
        past = self._past.seconds()
        price = f"≈ {money_text(cost)}" if spec.price is not None else "Free"
        time = duration_text(past) if past is not None else typical_time_text(spec)
        self._estimate.setText(f"{price} · {time}")
        seen = f"List price of {spec.price.seen_on}. " if spec.price is not None else ""
        source = "Time from your own runs." if past is not None else "Time as is typical."
        self._estimate.setToolTip(seen + source)
        self._estimate.setAccessibleName(f"Estimate: {self._estimate.text()}")


def _in_detail(problem: QieError | None) -> str:
    """Return what was said where it happened, with the files' names."""
    cause = problem.__cause__ if problem is not None else None
    return str(cause) if cause is not None else ""


def _reason(problem: QieError | None, *, with_hint: bool) -> str:
    if problem is None:
        return ""
    return f"{problem.message} {problem.hint}".strip() if with_hint else problem.message
