"""A proxy on 127.0.0.1 that passes plain requests on, refuses tunnels, and records both.

with LoopbackProxy() as proxy:
    …a process with http_proxy=proxy.url…
    assert proxy.requests
"""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

TIMEOUT_S = 20
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding"})


class LoopbackProxy:
    """The proxy, within a `with`."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        """The request lines that came, without the version: `GET http://127.0.0.1:8000/v1/account`."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """What `http_proxy` and its like are set to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                requests.append(f"{self.command} {self.path}")
                if self.command == "CONNECT":
                    self.send_error(502)
                    return
                to = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                kept = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in _OF_THE_CONNECTION
                }
                onward = http.client.HTTPConnection(to.hostname or "", to.port, timeout=TIMEOUT_S)
                try:
                    onward.request(self.command, to.path + (f"?{to.query}" if to.query else ""), body, kept)
                    self._pass_back(onward.getresponse())
                finally:
                    onward.close()

            def _pass_back(self, answer: http.client.HTTPResponse) -> None:
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {*_OF_THE_CONNECTION, "content-length", "server", "date"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing on standard error."""

            do_GET = do_POST = do_CONNECT = handle_any  # noqa: N815 - the names that http.server looks for

        return Handler
