"""Questions to the background of which only the latest answer counts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import shiboken6
from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.core.errors import QieError
    from qie_desktop.ui.session import Background

T = TypeVar("T")


class LatestAnswer(QObject):
    """Asks in the background. An answer is dropped when something newer was asked, or the owner is gone."""

    def __init__(self, background: Background, owner: QObject) -> None:
        super().__init__(owner)
        self._background = background
        self._serial = 0

    def ask(
        self,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[QieError], None] | None = None,
    ) -> None:
        """Call `work` off the GUI thread, and then `done` or `failed` on it, unless asked anew by then.

        A failure that nobody waits for is left to the background to tell.
        """
        self._serial += 1
        self._background.run(
            work,
            partial(self._pass_on, self._serial, done),
            partial(self._pass_on, self._serial, failed) if failed is not None else None,
        )

    def _pass_on(self, serial: int, then: Callable[[T], None], answer: T) -> None:
        if shiboken6.isValid(self) and serial == self._serial:
            then(answer)
