"""What the servers on loopback have in common: they run from `start` to `close`, or within `with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Generator


class LoopbackServer(ABC):
    """A server that can be closed and started again, on the same port."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def start(self) -> None:
        """Listen, on the same port as before if it did. Raises OSError where that port is taken."""

    @abstractmethod
    def close(self) -> None:
        """Drop every connection and end every thread. Raises what went wrong in the server itself."""

    @contextmanager
    def away(self) -> Generator[None]:
        """Be gone for a while: connections drop and new ones are refused. What it keeps, it keeps."""
        self.close()
        try:
            yield
        finally:
            self.start()
