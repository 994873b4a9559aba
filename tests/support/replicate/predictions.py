"""One prediction: what was asked for, how far it is, and what the API tells of it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from tests.support.replicate import pictures
from tests.support.replicate.lives import AT_ONCE, ENDLESS, Life, Span, Status

if TYPE_CHECKING:
    from PIL import Image

    from tests.support.replicate.faults import Fault
    from tests.support.replicate.wire import Json

_BAR_WIDTH = 10
_OWN_SEED = 42
"""What a model uses that is sent none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a create asks for."""

    model: str
    input: Json
    contents: tuple[bytes, ...] = ()
    """The files of the input pictures, in order, however they were sent."""
    wait_s: float | None = None
    """Of `Prefer: wait`."""
    cancel_after_s: float | None = None


class Prediction:
    """A prediction. It moves on when it is looked at; what moves it is called under the server's lock."""

    def __init__(self, identifier: str, asked: Asked, life: Life, *, area_px: int) -> None:
        self.id = identifier
        self.model = asked.model
        self.input = asked.input
        self.contents = asked.contents
        self.wait_s = asked.wait_s
        self.cancel_after_s = asked.cancel_after_s
        self.life = life
        self.status = Status.STARTING
        self.error: str | None = None
        self.cancel_requests = 0
        self.data_removed = False
        self.url_generation = 0
        self.poll_faults: deque[Fault] = deque(life.poll_faults)
        self.download_faults = {index: deque(faults) for index, faults in life.download_faults.items()}
        self.pictures: tuple[Image.Image, ...] = ()
        """The input pictures, decoded."""
        self.output_count = 0
        self._area_px = area_px
        self._refusal: str | None = None
        self._read_input()
        # Its clock starts when it is there, not before what was sent is read.
        self.created_at = datetime.now(UTC)
        self._created_s = self._began_s = time.monotonic()
        self._started_s: float | None = None
        self._ended_s: float | None = None
        self._polls = 0
        self._cancelled_s = 0.0
        self._cancel_polls = 0
        self._encoded: dict[int, bytes] = {}
        self._encoding = threading.Lock()

    @property
    def is_billed(self) -> bool:
        """Whether it ran, which is what may be paid for: succeeded, failed or canceled on the way."""
        return self._started_s is not None

    @property
    def extension(self) -> str:
        """The format of its outputs: webp, jpg or png."""
        return self.life.extension or pictures.output_format(self.model, self.input)

    @property
    def size_px(self) -> tuple[int, int]:
        """The size of its outputs."""
        asked = (self.model, self.input, self.pictures, self._area_px)
        return self.life.size_px or pictures.output_size(*asked)

    @property
    def logs(self) -> str:
        """What it has logged so far: its seed, and a bar for every step done."""
        if self._started_s is None:
            return ""
        seed = self.input.get("seed")
        lines = [f"Using seed: {_OWN_SEED if seed is None else seed}\n"]
        if self.life.steps:
            lines += [_bar(step, self.life.steps) for step in range(self._steps_done() + 1)]
        return "".join(lines)

    def advance(self) -> Status:
        """Bring it to where it is now, and return its status."""
        now_s = time.monotonic()
        while not self.status.is_final:
            at_s, status = min(self._moves(now_s), default=(now_s, None))
            if status is None:
                break
            self._move(at_s, status)
        return self.status

    def look(self) -> None:
        """Count a poll that has seen it as it is."""
        self._polls += 1
        self._cancel_polls += self.cancel_requests > 0

    def cancel(self) -> None:
        """Ask it to stop; when that shows is said by its life."""
        if not self.cancel_requests:
            self._cancelled_s = time.monotonic()
        self.cancel_requests += 1
        self.advance()

    def release(self) -> None:
        """End what would last for ever."""

        def short(span: Span) -> Span:
            return AT_ONCE if span == ENDLESS else span

        life = self.life
        self.life = replace(
            life,
            starting=short(life.starting),
            processing=short(life.processing),
            cancelling=short(life.cancelling),
        )
        self.advance()

    def remove_data(self) -> None:
        """Tell of input and output no more, as the API does after an hour."""
        self.data_removed = True

    def encoded(self, index: int) -> bytes:
        """Return the file of an output; made at the first call, from any thread."""
        with self._encoding:
            if index not in self._encoded:
                picture = pictures.render(self.input, self.pictures, self.size_px, index)
                quality = self.input.get("output_quality", 95)
                self._encoded[index] = pictures.encode(picture, self.extension, quality)
            return self._encoded[index]

    def to_json(self, api_url: str, delivery_url: str) -> Json:
        """Return what the API tells of it now."""
        content: Json = {
            "id": self.id,
            "model": self.model,
            "version": "hidden",
            "input": self._told_input(api_url),
            "logs": "" if self.data_removed else self.logs,
            "output": self._output(delivery_url),
            "data_removed": self.data_removed,
            "error": self.error,
            "status": str(self.status),
            "created_at": _stamp(self.created_at),
        }
        if self._started_s is not None:
            content["started_at"] = self._stamp_of(self._started_s)
        if self._ended_s is not None:
            content["completed_at"] = self._stamp_of(self._ended_s)
            content["metrics"] = self._metrics(self._ended_s)
        own = f"{api_url}/v1/predictions/{self.id}"
        urls = {"get": own, "cancel": f"{own}/cancel", "web": f"https://replicate.com/p/{self.id}"}
        if self.life.urls != "absent":
            content["urls"] = urls if self.life.urls == "told" else None
        return content

    def _read_input(self) -> None:
        try:
            self.pictures = tuple(pictures.decode(content) for content in self.contents)
            asked = pictures.output_count(self.model, self.input, len(self.pictures))
        except pictures.BadInput as error:
            self._refusal = str(error)
            return
        self.output_count = asked if self.life.outputs is None else self.life.outputs

    def _moves(self, now_s: float) -> list[tuple[float, Status]]:
        """Return what has become of it since the last move, and when; the earliest counts."""
        moves: list[tuple[float, Status]] = []
        if self.status is Status.STARTING:
            span, deadline_status = self.life.starting, Status.ABORTED
            after = Status.ABORTED if self.life.outcome is Status.ABORTED else Status.PROCESSING
        else:
            span, deadline_status = self.life.processing, Status.CANCELED
            after = Status.FAILED if self._refusal else self.life.outcome
        ended_s = span.ended_at(self._began_s, self._polls, now_s)
        if ended_s is not None:
            moves.append((ended_s, after))
        if self.cancel_requests:
            cancelled_s = self.life.cancelling.ended_at(self._cancelled_s, self._cancel_polls, now_s)
            if cancelled_s is not None:
                moves.append((cancelled_s, Status.CANCELED))
        if self.cancel_after_s is not None and self._created_s + self.cancel_after_s <= now_s:
            moves.append((self._created_s + self.cancel_after_s, deadline_status))
        return moves

    def _move(self, at_s: float, status: Status) -> None:
        self.status = status
        if status is Status.PROCESSING:
            self._started_s = self._began_s = at_s
            self._polls = 0
            return
        self._ended_s = at_s
        if status is Status.FAILED:
            self.error = self._refusal or self.life.error

    def _steps_done(self) -> int:
        if self.status is Status.SUCCEEDED:
            return self.life.steps
        end_s = time.monotonic() if self._ended_s is None else self._ended_s
        share = self.life.processing.share(end_s - (self._started_s or end_s), self._polls)
        return int(self.life.steps * min(share, 0.99))

    def _told_input(self, api_url: str) -> Json:
        if self.data_removed:
            return {}
        if self.life.data_uris:
            return self.input
        return {name: _without_data(value, api_url) for name, value in self.input.items()}

    def _output(self, delivery_url: str) -> Any:
        if self.status is not Status.SUCCEEDED or self.data_removed:
            return None
        if self.life.output is not ...:
            return self.life.output
        folder = f"{delivery_url}/delivery/{self.id}/{self.url_generation}"
        urls = [f"{folder}/output_{index}.{self.extension}" for index in range(self.output_count)]
        return urls[0] if self.life.bare_output else urls

    def _metrics(self, ended_s: float) -> Json:
        metrics: Json = {"total_time": ended_s - self._created_s}
        if self._started_s is not None:
            metrics["predict_time"] = ended_s - self._started_s
        if self.status is Status.SUCCEEDED:
            metrics["image_count"] = self.output_count
        return metrics

    def _stamp_of(self, at_s: float) -> str:
        return _stamp(self.created_at + timedelta(seconds=at_s - self._created_s))


def _without_data(value: Any, api_url: str) -> Any:
    if isinstance(value, list):
        return [_without_data(item, api_url) for item in cast("list[Any]", value)]
    if isinstance(value, str) and value.startswith("data:"):
        return f"{api_url}/v1/files/{hashlib.sha256(value.encode()).hexdigest()[:26]}"
    return value


def _bar(step: int, steps: int) -> str:
    """A line as tqdm draws it."""
    share = step / steps
    return f"{share:4.0%}|{'█' * int(share * _BAR_WIDTH):<{_BAR_WIDTH}}| {step}/{steps}\n"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
