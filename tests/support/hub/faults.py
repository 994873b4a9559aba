"""What goes wrong at the hub, or on the way from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from fnmatch import fnmatch


class Trouble(Enum):
    """Kinds of fault."""

    CUT = auto()
    """The connection breaks off, after so many bytes of the answer's body."""
    WRONG_BYTES = auto()
    """The byte after so many of the answer's body is another."""
    STATUS = auto()
    """Another status, with headers."""
    LOGIN_PAGE = auto()
    """A captive portal: a redirect to its login page."""
    IGNORES_RANGE = auto()
    """All of the file, whatever range is asked for."""
    STALL = auto()
    """Nothing more comes, and the connection stays, after so many bytes of the answer's body."""
    OTHER_SIZE = auto()
    """Another file under the same name."""


@dataclass
class Fault:
    """A trouble with what matches a pattern: a file's name, or `api` for the listing; so many times."""

    trouble: Trouble
    match: str = "*"
    times: int = 1
    after_bytes: int = 0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)

    def concerns(self, name: str) -> bool:
        return self.times > 0 and fnmatch(name, self.match)
