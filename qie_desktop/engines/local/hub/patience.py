"""When to try again, and who is told what happens meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.local.hub.failures import TryAgain

_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""One after another while nothing comes; a minute in all."""
_LONGEST_ASKED_S = 300.0


class Notices(Protocol):
    """What a transfer tells, from its own thread. Any of them may raise to end it."""

    def fetching(self, name: str) -> None:
        """Bytes of a file are asked for."""

    def checking(self, name: str) -> None:
        """What is there of a file is read."""

    def waiting(self, why: str) -> None:
        """Nothing comes for a while."""

    def came(self, count: int, *, received: bool = True) -> None:
        """So many bytes are on the disk; negative: had to go."""


class Patience:
    """Waits longer each time, and no more than a minute in all without anything coming."""

    def __init__(self, cancel: CancelToken, notices: Notices, tries: int = len(_WAITS_S)) -> None:
        self._cancel = cancel
        self._notices = notices
        self._waits_s = _WAITS_S[:tries]
        self._used = 0

    def renew(self) -> None:
        """Something has come: patience is whole again."""
        self._used = 0

    def wait(self, trouble: TryAgain) -> None:
        """Wait before another try, as long as the server asked. Raises its error when patience ends."""
        if self._used >= len(self._waits_s):
            raise trouble.error from trouble
        wait_s = self._waits_s[self._used]
        if trouble.wait_s is not None:
            wait_s = min(max(wait_s, trouble.wait_s), _LONGEST_ASKED_S)
        self._used += 1
        self._notices.waiting(trouble.error.message)
        self._cancel.wait(wait_s)
        self._cancel.raise_if_cancelled()
