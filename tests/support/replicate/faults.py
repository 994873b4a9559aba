"""What can go wrong with a request, as data, and which request it happens to.

A fault is met by one request of a kind. Those of `Faults.on` come in order, one a request; one of
`Faults.always` meets every request until it is cleared; those of `Faults.random` are drawn.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import TYPE_CHECKING, Protocol

from tests.support.replicate import wire
from tests.support.replicate.wire import Json, Kind, Outcome, Reply, Request, Silence

if TYPE_CHECKING:
    from collections.abc import Callable

API_HOST = "127.0.0.1"
DELIVERY_HOST = "localhost"
"""Two names of one machine, which a client must take for two machines."""

_GATEWAYS = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that something happens to."""

    request: Request
    carry_out: Callable[[], Reply]
    """Does what the request asks for, and returns the right answer; may be left out."""


class Fault(Protocol):
    """What becomes of a request."""

    def meet(self, exchange: Exchange) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """Another answer than the right one; with `after`, what was asked for is done all the same."""

    reply: Reply
    after: bool = False

    def meet(self, exchange: Exchange) -> Outcome:
        if self.after:
            exchange.carry_out()
        return self.reply


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The connection ends without an answer, as `silence` says; `after` as with `Answer`."""

    silence: Silence = field(default_factory=Silence)
    after: bool = False

    def meet(self, exchange: Exchange) -> Outcome:
        if self.after:
            exchange.carry_out()
        return self.silence


@dataclass(frozen=True, slots=True)
class Changed:
    """The right answer, sent otherwise: how is told by fields of `Reply`."""

    delay_s: float = 0.0
    spread_s: float = 0.0

    def meet(self, exchange: Exchange) -> Outcome:
        return replace(exchange.carry_out(), delay_s=self.delay_s, spread_s=self.spread_s)


@dataclass(frozen=True, slots=True)
class Truncated:
    """The right answer, of which only so much of the body comes; the length told is that of all of it."""

    share: float = 0.5

    def meet(self, exchange: Exchange) -> Outcome:
        reply = exchange.carry_out()
        return replace(reply, cut_at=int(len(reply.body) * self.share))


@dataclass(frozen=True, slots=True)
class Redirected:
    """A 302 to the same thing on the same host or, with `elsewhere`, on the other; or to any `url`."""

    url: str | None = None
    elsewhere: bool = False
    status: int = 302

    def meet(self, exchange: Exchange) -> Outcome:
        host, _, port = exchange.request.headers.get("host", API_HOST).partition(":")
        if self.elsewhere:
            host = API_HOST if host == DELIVERY_HOST else DELIVERY_HOST
        url = self.url or f"http://{host}:{port}{exchange.request.path}"
        return Reply(status=self.status, headers=(("Location", url),))


@dataclass(frozen=True, slots=True)
class AsUsual:
    """Nothing goes wrong: to let a request through between two faults."""

    def meet(self, exchange: Exchange) -> Outcome:
        return exchange.carry_out()


class Tell(Flag):
    """Where a 429 says how long to wait."""

    HEADER = auto()
    BODY = auto()
    DETAIL = auto()
    RESET = auto()


def throttled(wait_s: int = 1, tell: Tell = Tell.HEADER | Tell.BODY | Tell.DETAIL) -> Answer:
    """A 429; with `Tell(0)` it does not say how long."""
    detail = "Request was throttled."
    if Tell.DETAIL in tell:
        detail += (
            " Your rate limit for creating predictions is reduced to 6 requests per minute with a burst of 1"
            " requests while you have less than $5.0 in credit."
            f" Your rate limit resets in ~{wait_s}s."
        )
    more: Json = {"retry_after": wait_s} if Tell.BODY in tell else {}
    headers = (("Retry-After", Tell.HEADER), ("ratelimit-reset", Tell.RESET))
    told = tuple((name, str(wait_s)) for name, place in headers if place in tell)
    return Answer(replace(wire.problem(429, detail, **more), headers=told))


def broken(status: int = 500, *, after: bool = False) -> Answer:
    """A 500 of the API, or a page of the gateway before it: 502, 503, 504."""
    if status not in _GATEWAYS:
        return Answer(wire.problem(status, "An unexpected error occurred.", "Internal server error"), after)
    page = f"<html><head><title>{status} {_GATEWAYS[status]}</title></head></html>\r\n"
    return Answer(Reply(status=status, body=page.encode(), content_type="text/html"), after)


def dropped(*, after: bool = False, reset: bool = True) -> NoAnswer:
    """The connection is lost, at once, before or after what was asked for was done."""
    return NoAnswer(Silence(reset=reset), after)


def withheld(held_s: float | None = None, *, after: bool = True) -> NoAnswer:
    """No answer comes, for so long or until the client gives up."""
    return NoAnswer(Silence(held_s), after)


def delayed(delay_s: float) -> Changed:
    """The right answer comes late."""
    return Changed(delay_s=delay_s)


def trickled(spread_s: float) -> Changed:
    """The right answer comes slowly."""
    return Changed(spread_s=spread_s)


def web_page(status: int = 200) -> Answer:
    """A page where a picture or JSON should be, as a captive portal sends."""
    page = b"<!DOCTYPE html><html><body>Please log in to this network.</body></html>"
    return Answer(Reply(status=status, body=page, content_type="text/html"))


UNAUTHENTICATED = Answer(wire.unauthenticated())
INSUFFICIENT_CREDIT = Answer(
    wire.problem(
        402,
        "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing"
        " to purchase credit. Once you purchase credit, please wait a few minutes before trying again.",
        "Insufficient credit",
    )
)
FORBIDDEN = Answer(wire.problem(403, "You do not have permission to perform this action.", "Forbidden"))
NOT_FOUND = Answer(wire.not_found())


def invalid_field(name: str, description: str, kind: str = "invalid_type") -> Answer:
    """A 422 over a field of the input."""
    return Answer(wire.invalid([{"type": kind, "field": f"input.{name}", "description": description}]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often requests meet what, from 0 to 1; a request meets one fault at most."""

    throttled: float = 0.0
    broken_before: float = 0.0
    broken_after: float = 0.0
    dropped_before: float = 0.0
    dropped_after: float = 0.0
    broken_polls: float = 0.0
    dropped_polls: float = 0.0
    short_downloads: float = 0.0
    dropped_downloads: float = 0.0
    throttled_s: int = 1
    times_each: int = 1
    """How often the same request meets any: of a poll or a download its path, of a create its body."""

    def of(self, kind: Kind) -> tuple[tuple[float, Fault], ...]:
        """Return what requests of a kind may meet."""
        table: dict[Kind, tuple[tuple[float, Fault], ...]] = {
            Kind.CREATE: (
                (self.throttled, throttled(self.throttled_s)),
                (self.broken_before, broken(502)),
                (self.broken_after, broken(502, after=True)),
                (self.dropped_before, dropped()),
                (self.dropped_after, dropped(after=True)),
            ),
            Kind.POLL: ((self.broken_polls, broken(500)), (self.dropped_polls, dropped())),
            Kind.DOWNLOAD: ((self.short_downloads, Truncated()), (self.dropped_downloads, dropped())),
        }
        return table.get(kind, ())


ROUGH_DAY = Rates(
    throttled=0.1,
    broken_after=0.05,
    dropped_after=0.05,
    broken_polls=0.1,
    dropped_polls=0.05,
    short_downloads=0.1,
    dropped_downloads=0.05,
)
"""Nothing of this needs a person: every create that fails was refused, or can be found in the list."""


@dataclass(eq=False)
class Faults:
    """Which requests meet which faults. Safe to change from any thread, at any time.

    Nothing goes wrong unless told. What was said with `on` comes first, then `always`, then what is drawn.
    """

    rates: Rates | None = None
    seed: int = 0
    _queues: defaultdict[Kind, deque[Fault]] = field(default_factory=lambda: defaultdict(deque), init=False)
    _standing: dict[Kind, Fault] = field(default_factory=dict[Kind, Fault], init=False)
    _dice: dict[Kind, random.Random] = field(default_factory=dict[Kind, random.Random], init=False)
    _met: Counter[str] = field(default_factory=Counter[str], init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @classmethod
    def random(cls, seed: int, rates: Rates = ROUGH_DAY) -> Faults:
        """Draw faults: the n-th request of a kind meets the same whenever the seed is the same."""
        return cls(rates, seed)

    def on(self, kind: Kind, *faults: Fault) -> None:
        """Let the next requests of a kind meet these, in order, after what was told before."""
        with self._lock:
            self._queues[kind].extend(faults)

    def always(self, kind: Kind, fault: Fault) -> None:
        """Let every request of a kind meet this, until `clear`."""
        with self._lock:
            self._standing[kind] = fault

    def clear(self) -> None:
        """Let nothing go wrong from now on."""
        with self._lock:
            self._queues.clear()
            self._standing.clear()
            self.rates = None

    def next_for(self, request: Request) -> Fault | None:
        """Return what a request meets; it is used up by that."""
        with self._lock:
            if self._queues[request.kind]:
                return self._queues[request.kind].popleft()
            return self._standing.get(request.kind) or self._draw(request)

    def _draw(self, request: Request) -> Fault | None:
        if self.rates is None:
            return None
        kind = request.kind
        dice = self._dice.setdefault(kind, random.Random(f"{self.seed}/{kind}"))
        cast = dice.random()
        subject = f"{kind} {request.path} {hashlib.sha256(request.body).hexdigest()}"
        for rate, fault in self.rates.of(kind):
            if cast < rate:
                if self._met[subject] >= self.rates.times_each:
                    return None
                self._met[subject] += 1
                return fault
            cast -= rate
        return None
