"""What goes over the wire: a request as it was received, and an answer, or none, as it is sent."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any

Json = dict[str, Any]

PROBLEM = "application/problem+json"
_LONGEST_WAIT_S = 60
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600}


class Kind(StrEnum):
    """What a request asks for; faults and counts go by it."""

    ACCOUNT = auto()
    UPLOAD = auto()
    FILE = auto()
    MODEL = auto()
    CREATE = auto()
    POLL = auto()
    LIST = auto()
    CANCEL = auto()
    DOWNLOAD = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body."""

    filename: str | None
    content_type: str
    content: bytes


@dataclass(slots=True, eq=False)
class Request:
    """A request as it came in, with its whole body."""

    kind: Kind
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes = field(repr=False)
    client_port: int
    """Tells connections apart: requests over one connection have the same."""
    names: dict[str, str] = field(default_factory=dict[str, str])
    """What the path names: the model, the prediction."""
    arrived_s: float = field(default_factory=time.monotonic)
    status: int | None = None
    """What was answered; None as long as, or if, nothing was."""

    @property
    def token(self) -> str | None:
        """The token that was sent, if any."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else None

    @property
    def wait_s(self) -> float | None:
        """How long `Prefer: wait` lets the answer to a create be held; None where it does not."""
        match = re.search(r"\bwait(?:=(\d+))?", self.headers.get("prefer", ""))
        if not match:
            return None
        return min(_LONGEST_WAIT_S, int(match[1])) if match[1] else _LONGEST_WAIT_S

    @property
    def cancel_after_s(self) -> float | None:
        """`Cancel-After`, as 90s, 5m or 1h30m. The API asks for 5 s at least; a test may ask for less."""
        parts = re.findall(r"([\d.]+)([smh]?)", self.headers.get("cancel-after", ""))
        return sum(float(number) * _UNITS_S[unit] for number, unit in parts) if parts else None

    @property
    def json(self) -> Any:
        """The body read as JSON. Raises ValueError where it is none."""
        return json.loads(self.body)

    @property
    def parts(self) -> dict[str, Part]:
        """The parts of a multipart body by their names; none where it is no such body."""
        boundary = re.search(r'boundary="?([^";]+)', self.headers.get("content-type", ""))
        if not boundary:
            return {}
        # Between two boundaries: a line end, the head, an empty line, the content, a line end.
        blocks = (b"\r\n" + self.body).split(f"\r\n--{boundary[1]}".encode())[1:-1]
        return dict(_read_part(block) for block in blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, and how it is sent."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0
    """How long after it is ready it is sent."""
    spread_s: float = 0.0
    """Over how long its body is spread."""
    cut_at: int | None = None
    """So many bytes of the body are sent, then the connection ends; Content-Length tells of all of them."""


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer: the connection ends without one."""

    held_s: float | None = 0.0
    """After so long; None: when the client or the server goes."""
    reset: bool = True
    """With a reset, as when a machine goes away; otherwise in good order, as a proxy does."""


Outcome = Reply | Silence


def json_reply(content: Any, status: int = 200) -> Reply:
    return Reply(status=status, body=json.dumps(content).encode())


def problem(status: int, detail: str, title: str | None = None, **more: Any) -> Reply:
    """An error as the API words it: not each has a title."""
    content: Json = {"title": title} if title else {}
    content |= {"detail": detail, "status": status} | more
    return Reply(status=status, body=json.dumps(content).encode() + b"\n", content_type=PROBLEM)


def not_found() -> Reply:
    return problem(404, "The requested resource could not be found.")


def unauthenticated() -> Reply:
    return problem(401, "You did not pass a valid authentication token", "Unauthenticated")


def invalid(fields: list[dict[str, str]]) -> Reply:
    """What is wrong with a request: each field has a `type`, a `field` and a `description`."""
    lines = [
        f"- {item['field']}: {item['description']}" if item["field"] else f"- {item['description']}"
        for item in fields
    ]
    detail = "".join(f"{line}\n" for line in lines)
    return problem(422, detail, "Input validation failed", invalid_fields=fields)


def _read_part(block: bytes) -> tuple[str, Part]:
    head, _, content = block.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    lines = (line.partition(":") for line in head.decode().split("\r\n"))
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    options = dict(re.findall(r'(\w+)="([^"]*)"', headers.get("content-disposition", "")))
    content_type = headers.get("content-type", "text/plain")
    return options.get("name", ""), Part(options.get("filename"), content_type, content)
