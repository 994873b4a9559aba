"""The classes of the style sheet, put on widgets: what a button or a label is, not how it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.ui.look.tokens import TextSize

if TYPE_CHECKING:
    from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QToolButton, QWidget


def make_primary(button: QPushButton, *, large: bool = False) -> None:
    """Make a button the one that the surface is for; higher than the others only where it stands alone."""
    _set_class(button, "primary large" if large else "primary")


def make_quiet(button: QToolButton) -> None:
    """Make a tool button plain until the pointer or the focus is on it."""
    button.setAutoRaise(True)
    _set_class(button, "quiet")


def make_muted(label: QLabel, *, small: bool = True) -> None:
    """Make a label secondary text, in the small size unless told otherwise."""
    if small:
        label.setFont(TextSize.small())
    _set_class(label, "muted")


def make_title(label: QLabel) -> None:
    """Make a label a title."""
    label.setFont(TextSize.title())


def make_headline(label: QLabel) -> None:
    """Make a label the headline of a sheet."""
    label.setFont(TextSize.headline())


def make_verdict(label: QLabel, verdict: str) -> None:
    """Colour a label by what it says: `danger`, `warning`, `success`, `muted`, or nothing for plain text."""
    _set_class(label, verdict)


def make_card(frame: QFrame) -> None:
    """Make a frame a card: a rounded panel with a fine border."""
    _set_class(frame, "card")


def _set_class(widget: QWidget, name: str) -> None:
    if widget.property("class") == name:
        return
    widget.setProperty("class", name)
    # A style sheet looks at properties when a widget is polished, not when they change.
    widget.style().unpolish(widget)
    widget.style().polish(widget)
