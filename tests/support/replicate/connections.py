"""HTTP over real sockets: a thread for each connection, all of them gone when it is closed."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.replicate.api import route
from tests.support.replicate.wire import Reply, Request, Silence

if TYPE_CHECKING:
    from tests.support.replicate.api import Api

_TICK_S = 0.02
_SLICES = 10
_GRACE_S = 10
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no time, so that closing sends a reset."""


class Connections(TCPServer):
    """Serves an `Api` on a port of 127.0.0.1 from when it is made until `close`."""

    # Not HTTPServer, which asks the network for the name of this machine; that can take seconds.
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, api: Api, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.api = api
        self.errors: list[Exception] = []
        """What went wrong in the server itself."""
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._serving: list[threading.Thread] = []
        self._accepting = threading.Thread(
            target=self.serve_forever, args=(_TICK_S,), name=f"loopback server {self.port}", daemon=True
        )
        self._accepting.start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def close(self) -> None:
        """Stop listening, drop every connection, and wait until each thread has ended."""
        self.api.closing.set()
        self.shutdown()
        self._accepting.join(_GRACE_S)
        self.server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._serving:
            thread.join(_GRACE_S)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection."""
        name = f"loopback server {self.port}, connection {client_address[1]}"
        arguments = (request, client_address)
        thread = threading.Thread(target=self._serve, args=arguments, name=name, daemon=True)
        with self._lock:
            self._open.add(request)
        thread.start()
        self._serving = [*(other for other in self._serving if other.is_alive()), thread]

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client is gone, killed perhaps
        except Exception as error:  # noqa: BLE001 - told by whoever closes the server
            self.errors.append(error)
        finally:
            with self._lock:
                self._open.discard(request)
            self.shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    """One connection, over which requests come one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Connections  # pyright: ignore[reportIncompatibleVariableOverride]

    def _exchange(self) -> None:
        request = self._receive()
        try:
            outcome = self.server.api.exchange(request)
        except OSError as error:  # of a picture perhaps: not to be taken for a lost connection
            raise RuntimeError(f"could not answer {request}") from error
        if isinstance(outcome, Silence):
            self._pause(outcome.held_s)
            self._end(reset=outcome.reset)
        elif self._pause(outcome.delay_s):
            request.status = outcome.status
            self._send(outcome)

    do_GET = do_POST = do_DELETE = _exchange  # noqa: N815 - the names are the base class's

    def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Say nothing: what came is recorded."""

    def _receive(self) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        kind, names = route(self.command, url.path)
        return Request(
            kind,
            self.command,
            url.path,
            dict(parse_qsl(url.query)),
            headers,
            self._receive_body(headers),
            self.client_address[1],
            names,
        )

    def _receive_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self._read(int(headers.get("content-length", 0)))
        chunks: list[bytes] = []
        while size := int(self._read_line().partition(b";")[0], 16):
            chunks.append(self._read(size))
            self._read_line()
        self._read_line()
        return b"".join(chunks)

    def _read_line(self) -> bytes:
        line = self.rfile.readline()
        if not line:
            raise ConnectionResetError("the client went in the middle of a request")
        return line

    def _read(self, size: int) -> bytes:
        content = self.rfile.read(size)
        if len(content) < size:
            raise ConnectionResetError("the client went in the middle of a request")
        return content

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        body = reply.body if reply.cut_at is None else reply.body[: reply.cut_at]
        slices = _SLICES if reply.spread_s else 1
        length = max(1, -(-len(body) // slices))
        for start in range(0, len(body), length):
            if not self._pause(reply.spread_s / slices):
                return
            self.wfile.write(body[start : start + length])
            self.wfile.flush()
        if reply.cut_at is not None:
            self._end(reset=False)

    def _pause(self, seconds: float | None) -> bool:
        """Wait; return whether there is still someone to answer. None: until there is not."""
        until_s = float("inf") if seconds is None else time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            if self.server.api.closing.wait(min(left_s, _TICK_S)) or self._is_left():
                self.close_connection = True
                return False
        return True

    def _is_left(self) -> bool:
        """Whether the client has closed its end."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _end(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            # The descriptor itself is closed when the handler has closed its two files over it.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()
