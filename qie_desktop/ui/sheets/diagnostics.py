"""Diagnostics: what `qie doctor` tells, line by line, with Copy. torch stays out of the window's process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QWidget

from qie_desktop.core.errors import EngineError, QieError
from qie_desktop.core.machine import this_machine
from qie_desktop.services.diagnostics import Finding, Subject, Verdict, diagnose
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.icon_label import IconLabel
from qie_desktop.ui.look.icons import Tone
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.doctor_process import DoctorProcess
from qie_desktop.ui.sheets.sheet import Sheet, muted_label
from qie_desktop.ui.sheets.wording import capitalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.engines.local.self_test import SelfTest
    from qie_desktop.ui.session import Session

DEVICE = "Device"
"""The finding that takes a computation: the process tells it."""

_TESTING = "Testing it…"
_MARKS = {
    Verdict.GOOD: ("success", Tone.SUCCESS, "Good"),
    Verdict.NOTE: ("info", Tone.MUTED, "Note"),
    Verdict.BAD: ("warning", Tone.DANGER, "Amiss"),
}
_MARK_PX = 16
_FILLED = Qt.AlignmentFlag(0)
_SIZE = (680, 520)


class DiagnosticsDialog(Sheet):
    """The report. Most of it is there at once; the device's own test follows from a process of its own."""

    def __init__(
        self, session: Session, parent: QWidget | None = None, command: Sequence[str] | None = None
    ) -> None:
        super().__init__("diagnostics", "Diagnostics", parent)
        self.resize(*_SIZE)
        self._findings: list[Finding] = []
        self._tested: dict[str, Finding] = {}
        self._labels: list[QWidget] = []
        self._grid = QGridLayout()
        self._lay_out()
        self._process = DoctorProcess(session.folder, self, command)
        self._process.reported.connect(self._on_reported)
        self._process.failed.connect(self._on_process_failed)
        self.finished.connect(self._on_finished)
        session.background.run(partial(_look, session), self._on_looked, self._on_look_failed)
        self._process.start()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What has been found by now, with the device's line saying that it is being tested."""
        return tuple(self._findings)

    @Slot()
    def copy(self) -> None:
        """Put the report on the clipboard, a line for each finding."""
        QGuiApplication.clipboard().setText(as_text(self._findings))
        self._status.setText("Copied.")

    def _lay_out(self) -> None:
        page = QWidget()
        self._grid.setContentsMargins(0, 0, Spacing.m, 0)
        self._grid.setHorizontalSpacing(Spacing.m)
        self._grid.setVerticalSpacing(Spacing.s)
        self._grid.setColumnStretch(2, 1)
        page.setLayout(self._grid)
        area = QScrollArea()
        area.setObjectName("findings")
        area.setAccessibleName("Findings")
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        self.body.addWidget(area, 1)
        self._status = muted_label(f"Looking at {this_machine()}…")
        self._status.setObjectName("diagnostics_status")
        self.buttons.addWidget(self._status, 1)
        copy = self.add_button("Copy", "copy_diagnostics_button")
        copy.clicked.connect(self.copy)
        self.add_button("Done", "close_diagnostics_button", primary=True).clicked.connect(self.accept)

    def _show(self) -> None:
        for label in self._labels:
            self._grid.removeWidget(label)
            label.deleteLater()
        self._labels.clear()
        for row, finding in enumerate(self._findings):
            labels = (_mark(finding.verdict), _plain(finding.name), _value(finding))
            for column, label in enumerate(labels):
                self._grid.addWidget(
                    label, row, column, Qt.AlignmentFlag.AlignTop if column == 0 else _FILLED
                )
            self._labels += labels
        self._grid.setRowStretch(len(self._findings), 1)
        amiss = sum(finding.verdict is Verdict.BAD for finding in self._findings)
        if not self._tested:
            self._status.setText("Testing the device; this takes some seconds…")
        else:
            self._status.setText(f"{amiss} amiss." if amiss else "All is well.")

    def _on_looked(self, findings: list[Finding]) -> None:
        self._findings = findings
        self._merge()

    def _on_look_failed(self, error: QieError) -> None:
        self._findings.append(Finding("Diagnostics", error.message, Verdict.BAD, error.hint))
        self._show()

    @Slot(object)
    def _on_reported(self, findings: tuple[Finding, ...]) -> None:
        self._tested = {each.name: each for each in findings if each.name == DEVICE}
        self._merge()

    @Slot(object)
    def _on_process_failed(self, error: object) -> None:
        if isinstance(error, QieError):
            self._tested = {DEVICE: Finding(DEVICE, error.message, Verdict.BAD, error.hint)}
            self._merge()

    @Slot()
    def _on_finished(self) -> None:
        self._process.stop()

    def _merge(self) -> None:
        """Put what the process has told into its line; where it did not come so far, that one goes."""
        if self._tested:
            told = (self._tested.get(each.name, each) for each in self._findings)
            self._findings = [each for each in told if each.value != _TESTING]
        self._show()


def as_text(findings: Sequence[Finding]) -> str:
    """Return a report as text, as it is copied."""
    lines = [f"{each.name}: {each.value}{f' ({each.hint})' if each.hint else ''}" for each in findings]
    return "\n".join(lines)


def _look(session: Session) -> list[Finding]:
    """Return the findings, with the device said to be tested."""

    def readiness(spec: ModelSpec) -> QieError | None:
        return session.readiness(spec, None)

    subject = Subject(session.folder, session.settings, session.token, readiness, _not_here)
    return [
        Finding(each.name, _TESTING, Verdict.NOTE) if each.name == DEVICE else each
        for each in diagnose(subject)
    ]


def _not_here() -> SelfTest:
    raise EngineError("The device is tested by a process of its own.")


def _mark(verdict: Verdict) -> IconLabel:
    name, tone, words = _MARKS[verdict]
    mark = IconLabel(_MARK_PX, name, tone)
    mark.setAccessibleName(words)
    mark.setToolTip(words)
    return mark


def _plain(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    return label


def _value(finding: Finding) -> QLabel:
    shows_hint = bool(finding.hint) and finding.verdict is not Verdict.GOOD
    said = capitalised(finding.value)
    value = muted_label(f"{said}\n{finding.hint}" if shows_hint else said, small=False)
    value.setTextFormat(Qt.TextFormat.PlainText)
    value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    classes.make_verdict(value, "danger" if finding.verdict is Verdict.BAD else "muted")
    value.setAccessibleName(f"{finding.name}: {finding.value}")
    return value
