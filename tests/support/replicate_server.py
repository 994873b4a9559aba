"""A loopback server that speaks Replicate's wire for the five models, and fails as it is told to.

    with ReplicateServer() as server:
        server.faults.on(Kind.CREATE, throttled(1), broken(502, after=True))
        server.next(Life(starting=Span(seconds=2)), failing("E004"))
        …a client with server.url and server.token, or a subprocess with server.environ…
        assert len(server.created) == 2

By hand, at the pace of the real models: `python -m tests.support.replicate_server --slow 10`.
"""

from __future__ import annotations

import argparse
import sys
import threading
from typing import TYPE_CHECKING

from tests.support.loopback_server import LoopbackServer
from tests.support.replicate.api import Api, CreateLimit
from tests.support.replicate.connections import Connections
from tests.support.replicate.faults import API_HOST, DELIVERY_HOST, Faults
from tests.support.replicate.lives import Life, Span
from tests.support.replicate.pictures import AREA_PX
from tests.support.replicate.wire import Json, Kind, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.replicate.predictions import Prediction

TOKEN = "r8_test_0123456789abcdefghijklmnopqrstu"
STARTING_SHARE = 0.2
HUMAN_STEPS = 20


class ReplicateServer(LoopbackServer):
    """The server, from `start` to `close`. Every method may be called from any thread.

    `life` is how predictions go for which `next` says nothing, `limit` how many may be created in a time,
    `area_px` what the models mean by a megapixel: a small one makes many jobs quick. Outputs are delivered
    from `delivery_host`, which is another host than the API's to whoever compares names.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        life: Life | None = None,
        faults: Faults | None = None,
        limit: CreateLimit | None = None,
        area_px: int = AREA_PX,
        delivery_host: str = DELIVERY_HOST,
        port: int = 0,
    ) -> None:
        self.token = token
        self.faults = faults or Faults()
        self._api = Api(token, life or Life(), self.faults, limit=limit, area_px=area_px)
        self._delivery_host = delivery_host
        self._port = port
        self._connections: Connections | None = None

    def start(self) -> None:
        """Listen, on the same port as before if it did. Raises OSError where that port is taken."""
        self._api.closing.clear()
        self._connections = Connections(self._api, self._port)
        self._port = self._connections.port
        self._api.api_url = self.url
        self._api.delivery_url = f"http://{self._delivery_host}:{self._port}"

    def close(self) -> None:
        """Drop every connection and end every thread. Raises what went wrong in the server itself."""
        connections, self._connections = self._connections, None
        if connections is None:
            return
        connections.close()
        if connections.errors:
            raise RuntimeError("the loopback server itself failed") from connections.errors[0]

    @property
    def url(self) -> str:
        """The base URL of the API, without a path."""
        return f"http://{API_HOST}:{self._port}"

    @property
    def environ(self) -> dict[str, str]:
        """The variables that lead a process to this server."""
        return {"REPLICATE_BASE_URL": self.url, "REPLICATE_API_TOKEN": self.token}

    @property
    def account(self) -> Json:
        """What `GET /v1/account` tells; to be changed in place."""
        return self._api.account

    def input_schema(self, model: str) -> Json:
        """Return the schema of a model's input; to be changed in place, as Replicate does now and then."""
        return self._api.schemas[model]["Input"]

    def next(self, *lives: Life) -> None:
        """Say how the next predictions go, in order, after those said before."""
        with self._api.lock:
            self._api.lives.extend(lives)

    @property
    def created(self) -> list[Prediction]:
        """Every prediction, in order, as far as it is now."""
        with self._api.lock:
            predictions = list(self._api.predictions.values())
            for prediction in predictions:
                prediction.advance()
            return predictions

    @property
    def billed(self) -> list[Prediction]:
        """Those that ran, and so may have to be paid for."""
        return [prediction for prediction in self.created if prediction.is_billed]

    def release(self, prediction: Prediction) -> None:
        """End what would last for ever in a prediction."""
        with self._api.lock:
            prediction.release()

    def remove_data(self, prediction: Prediction) -> None:
        """Let an hour pass for a prediction: its data are removed and its files are gone."""
        with self._api.lock:
            prediction.remove_data()

    @property
    def requests(self) -> list[Request]:
        """Every request, in the order in which they came, those without a right token too."""
        with self._api.lock:
            return list(self._api.requests)

    def requests_to(self, *kinds: Kind) -> list[Request]:
        """Return the requests of some kinds."""
        return [request for request in self.requests if request.kind in kinds]

    @property
    def leaked_tokens(self) -> list[Request]:
        """The downloads to which a token was sent."""
        return [request for request in self.requests_to(Kind.DOWNLOAD) if "authorization" in request.headers]

    def wait_for(self, kind: Kind, count: int = 1, timeout_s: float = 10) -> list[Request]:
        """Wait until so many requests of a kind have come, and return them. Raises TimeoutError.

        A request has come when all of it was read: before anything is done about it.
        """
        with self._api.changed:
            if not self._api.changed.wait_for(lambda: len(self.requests_to(kind)) >= count, timeout_s):
                raise TimeoutError(f"not {count} of {kind} within {timeout_s:g} s")
            return self.requests_to(kind)

    def wait_for_created(self, count: int = 1, timeout_s: float = 10) -> list[Prediction]:
        """Wait until so many predictions are there, and return all. Raises TimeoutError."""
        with self._api.changed:
            if not self._api.changed.wait_for(lambda: len(self._api.predictions) >= count, timeout_s):
                raise TimeoutError(f"not {count} predictions within {timeout_s:g} s")
            return self.created


def human_paced(seconds: float) -> Life:
    """Return a life of about so many seconds, with a step every now and then."""
    starting_s = seconds * STARTING_SHARE
    return Life(
        starting=Span(seconds=starting_s), processing=Span(seconds=seconds - starting_s), steps=HUMAN_STEPS
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl+C."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.replicate_server")
    parser.add_argument("--port", type=int, default=0, help="the port; a free one if not given")
    parser.add_argument("--token", default=TOKEN, help="the token that is taken")
    parser.add_argument("--slow", type=float, metavar="SECONDS", help="how long a prediction takes")
    parser.add_argument("--faults", type=int, metavar="SEED", help="let things go wrong now and then")
    asked = parser.parse_args(arguments)
    life = human_paced(asked.slow) if asked.slow else None
    faults = None if asked.faults is None else Faults.random(asked.faults)
    with ReplicateServer(token=asked.token, life=life, faults=faults, port=asked.port) as server:
        for name, value in server.environ.items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
