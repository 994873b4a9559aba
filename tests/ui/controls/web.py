"""A web server on loopback; what it does is chosen by the path."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = b"x" * 10_000


class Web(ThreadingHTTPServer):
    """Serves until `stop`. `released` lets those that hang go."""

    daemon_threads = False

    def __init__(self, picture: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.picture = picture
        self.released = threading.Event()
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"

    def stop(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.server.asked.append(path)
        name, _, rest = path.partition("/")
        try:
            getattr(self, f"_serve_{name}", self._serve_missing)(rest)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        del args

    def _head(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()

    def _serve_ok(self, _rest: str) -> None:
        self._head(Content_Type="image/png", Content_Length=str(len(self.server.picture)))
        self.wfile.write(self.server.picture)

    def _serve_page(self, _rest: str) -> None:
        self._head(Content_Type="text/html; charset=utf-8")
        self.wfile.write(b"<html></html>")

    def _serve_missing(self, _rest: str) -> None:
        self._head(404, Content_Length="0")

    def _serve_announced(self, rest: str) -> None:
        self._head(Content_Type="image/png", Content_Length=rest)

    def _serve_endless(self, _rest: str) -> None:
        self._head(Content_Type="image/png")
        while not self.server.released.is_set():
            self.wfile.write(CHUNK)

    def _serve_drip(self, _rest: str) -> None:
        self._head(Content_Type="image/png")
        while not self.server.released.is_set():
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.02)

    def _serve_hang(self, _rest: str) -> None:
        self.server.released.wait(30)
        self.close_connection = True

    def _serve_to(self, rest: str) -> None:
        self._head(302, Location=rest, Content_Length="0")

    def _serve_circle(self, _rest: str) -> None:
        self._head(302, Location="/circle", Content_Length="0")
