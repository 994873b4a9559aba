"""What the API does with a request: its endpoints, and what it keeps."""

from __future__ import annotations

import math
import re
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.support.replicate import schemas, wire
from tests.support.replicate.faults import Exchange, Faults, throttled
from tests.support.replicate.lives import Life, Status
from tests.support.replicate.pictures import AREA_PX
from tests.support.replicate.predictions import Asked, Prediction
from tests.support.replicate.uploads import Uploads
from tests.support.replicate.validation import check_body
from tests.support.replicate.wire import Json, Kind, Outcome, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.replicate.faults import Fault

PAGE_SIZE = 100
_HELD_LOOK_S = 0.01
_STALE = wire.problem(403, "Request has expired")

_ROUTES = tuple(
    (method, re.compile(path), kind)
    for method, path, kind in (
        ("GET", r"/v1/account", Kind.ACCOUNT),
        ("POST", r"/v1/files", Kind.UPLOAD),
        ("GET|DELETE", r"/v1/files/(?P<file_id>\w+)", Kind.FILE),
        ("GET", r"/v1/models/(?P<model>[^/]+/[^/]+)", Kind.MODEL),
        ("POST", r"/v1/models/(?P<model>[^/]+/[^/]+)/predictions", Kind.CREATE),
        ("GET", r"/v1/predictions", Kind.LIST),
        ("GET", r"/v1/predictions/(?P<prediction_id>\w+)", Kind.POLL),
        ("POST", r"/v1/predictions/(?P<prediction_id>\w+)/cancel", Kind.CANCEL),
        (
            "GET",
            r"/delivery/(?P<prediction_id>\w+)/(?P<generation>\d+)/output_(?P<index>\d+)\.\w+",
            Kind.DOWNLOAD,
        ),
    )
)


@dataclass(frozen=True, slots=True)
class CreateLimit:
    """How many predictions may be created within how long; what is above meets a 429."""

    count: int = 6
    window_s: float = 60.0


def route(method: str, path: str) -> tuple[Kind, dict[str, str]]:
    """Return what a request asks for, and the names in its path."""
    for methods, pattern, kind in _ROUTES:
        match = pattern.fullmatch(path)
        if match and method in methods.split("|"):
            return kind, match.groupdict()
    return Kind.OTHER, {}


class Api:
    """The API of one account. `exchange` is called from many threads; `lock` guards all that is kept."""

    def __init__(
        self, token: str, life: Life, faults: Faults, *, limit: CreateLimit | None, area_px: int = AREA_PX
    ) -> None:
        self.token = token
        self.life = life
        self.faults = faults
        self.limit = limit
        self.area_px = area_px
        self.api_url = self.delivery_url = ""
        self.closing = threading.Event()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        """Tells of each request that comes and each prediction that is created."""
        self.lives: deque[Life] = deque()
        self.requests: list[Request] = []
        self.predictions: dict[str, Prediction] = {}
        self.uploads = Uploads()
        self.schemas = {model: schemas.components(model) for model in schemas.FIELDS}
        self.account: Json = {"type": "user", "username": "u", "name": "U", "github_url": None}
        self._creates: deque[float] = deque()
        self._endpoints: dict[Kind, Callable[[Request], Reply]] = {
            Kind.ACCOUNT: lambda _: wire.json_reply(self.account),
            Kind.UPLOAD: self._upload,
            Kind.FILE: self._file,
            Kind.MODEL: self._model,
            Kind.CREATE: self._create,
            Kind.LIST: self._list,
            Kind.POLL: self._poll,
            Kind.CANCEL: self._cancel,
            Kind.DOWNLOAD: self._download,
        }

    def exchange(self, request: Request) -> Outcome:
        """Record a request, and answer it or say why it gets no answer."""
        with self.lock:
            self.requests.append(request)
            self.changed.notify_all()
        if request.kind is not Kind.DOWNLOAD and request.token != self.token:
            return wire.unauthenticated()
        fault = self._fault_for(request)
        if fault is None:
            return self._carry_out(request)
        return fault.meet(Exchange(request, lambda: self._carry_out(request)))

    def _fault_for(self, request: Request) -> Fault | None:
        own: deque[Fault] | None = None
        with self.lock:
            prediction = self.predictions.get(request.names.get("prediction_id", ""))
            if prediction and request.kind is Kind.POLL:
                own = prediction.poll_faults
            if prediction and request.kind is Kind.DOWNLOAD:
                own = prediction.download_faults.get(int(request.names["index"]))
            if own:
                return own.popleft()
        return self.faults.next_for(request)

    def _carry_out(self, request: Request) -> Reply:
        endpoint = self._endpoints.get(request.kind)
        return endpoint(request) if endpoint else wire.not_found()

    def _upload(self, request: Request) -> Reply:
        part = request.parts.get("content")
        if part is None:
            return wire.problem(400, "Missing content", "Bad request")
        return wire.json_reply(self.uploads.add(part, self.api_url), 201)

    def _file(self, request: Request) -> Reply:
        file_id = request.names["file_id"]
        described = self.uploads.get(file_id)
        if described is None:
            return wire.not_found()
        if request.method == "DELETE":
            self.uploads.delete(file_id)
            return Reply(status=204)
        return wire.json_reply(described)

    def _model(self, request: Request) -> Reply:
        model = request.names["model"]
        if model not in self.schemas:
            return wire.not_found()
        with self.lock:
            return wire.json_reply(schemas.describe(model, self.schemas[model]))

    def _create(self, request: Request) -> Reply:
        model = request.names["model"]
        if model not in self.schemas:
            return wire.not_found()
        wait_s = self._take_turn()
        if wait_s:
            return throttled(wait_s).reply
        try:
            body = request.json
        except ValueError as error:
            return wire.problem(400, str(error), "Bad request")
        with self.lock:
            wrong = check_body(body, self.schemas[model])
        if wrong:
            return wire.invalid(wrong)
        asked = Asked(
            model,
            body["input"],
            self.uploads.contents(body["input"]),
            request.wait_s,
            request.cancel_after_s,
        )
        with self.lock:
            life = self.lives.popleft() if self.lives else self.life
        prediction = Prediction(secrets.token_hex(13), asked, life, area_px=self.area_px)
        with self.lock:
            self.predictions[prediction.id] = prediction
            self.changed.notify_all()
        self._hold(prediction)
        with self.lock:
            return wire.json_reply(prediction.to_json(self.api_url, self.delivery_url), 201)

    def _list(self, request: Request) -> Reply:
        with self.lock:
            found = list(reversed(self.predictions.values()))
            for prediction in found:
                prediction.advance()
            # The cursor is the last one that was told: new ones move nothing.
            cursor = request.query.get("cursor")
            if cursor is not None:
                ids = [prediction.id for prediction in found]
                found = found[ids.index(cursor) + 1 :] if cursor in ids else []
            page = found[:PAGE_SIZE]
            rest = f"?{urlencode({'cursor': page[-1].id})}" if len(found) > PAGE_SIZE else None
            results = [prediction.to_json(self.api_url, self.delivery_url) for prediction in page]
        for result in results:
            del result["logs"]
            result["source"] = "api"
        own = f"{self.api_url}/v1/predictions"
        return wire.json_reply({"previous": None, "next": rest and own + rest, "results": results})

    def _poll(self, request: Request) -> Reply:
        with self.lock:
            prediction = self.predictions.get(request.names["prediction_id"])
            if prediction is None:
                return wire.not_found()
            prediction.advance()
            content = prediction.to_json(self.api_url, self.delivery_url)
            prediction.look()
            return wire.json_reply(content)

    def _cancel(self, request: Request) -> Reply:
        with self.lock:
            prediction = self.predictions.get(request.names["prediction_id"])
            if prediction is None:
                return wire.not_found()
            prediction.cancel()
            return wire.json_reply(prediction.to_json(self.api_url, self.delivery_url))

    def _download(self, request: Request) -> Reply:
        index, generation = int(request.names["index"]), int(request.names["generation"])
        with self.lock:
            prediction = self.predictions.get(request.names["prediction_id"])
            if prediction is None or prediction.advance() is not Status.SUCCEEDED:
                return wire.not_found()
            if prediction.life.data_removed:
                prediction.remove_data()
            if prediction.data_removed or index >= prediction.output_count:
                return wire.not_found()
            if generation < prediction.life.stale_urls:
                prediction.url_generation = generation + 1
                return _STALE
        extension = prediction.extension.replace("jpg", "jpeg")
        return Reply(body=prediction.encoded(index), content_type=f"image/{extension}")

    def _take_turn(self) -> int:
        """Count a create against the limit; return how many seconds to wait, 0 when there is a turn."""
        if self.limit is None:
            return 0
        now_s = time.monotonic()
        with self.lock:
            while self._creates and self._creates[0] + self.limit.window_s <= now_s:
                self._creates.popleft()
            if len(self._creates) >= self.limit.count:
                return max(1, math.ceil(self._creates[0] + self.limit.window_s - now_s))
            self._creates.append(now_s)
            return 0

    def _hold(self, prediction: Prediction) -> None:
        """Wait as the client prefers; what lasts for so many polls lasts for so many looks here."""
        if prediction.wait_s is None:
            return
        deadline_s = time.monotonic() + prediction.wait_s
        while time.monotonic() < deadline_s and not self.closing.wait(_HELD_LOOK_S):
            with self.lock:
                if prediction.advance().is_final:
                    return
                prediction.look()
