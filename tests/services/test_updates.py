"""Looking for updates, at a real server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from qie_desktop.core.update_errors import UpdateCheckFailed
from qie_desktop.services.updates import RELEASES, Release, newest_release

PAGE = "https://github.com/someone/something/releases/tag/v0.2.0"
RELEASE = {"tag_name": "v0.2.0", "html_url": PAGE, "body": "What is new.", "assets": []}


class Releases(ThreadingHTTPServer):
    """Answers with `status` and `body`, whatever is asked for."""

    status = 200
    body = json.dumps(RELEASE).encode()
    asked: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/repos/someone/something/releases/latest"


class Answer(BaseHTTPRequestHandler):
    server: Releases

    def do_GET(self) -> None:
        self.server.asked.append(self.headers["User-Agent"])
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def server() -> Iterator[Releases]:
    server = Releases(("127.0.0.1", 0), Answer)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_updates_are_not_looked_for_unless_the_address_is_filled_in() -> None:
    assert RELEASES == "" or RELEASES.startswith("https://api.github.com/repos/")


def test_newest_release_is_told(server: Releases) -> None:
    assert newest_release(server.address) == Release("0.2.0", PAGE)
    assert server.asked[0].startswith("QwenImageEditor/")


def test_project_without_releases_has_none(server: Releases) -> None:
    server.status = 404
    assert newest_release(server.address) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (200, b"<html>Log in to the hotel</html>"),
        (200, b"[]"),
        (200, json.dumps(RELEASE | {"tag_name": "nightly"}).encode()),
        (200, json.dumps(RELEASE | {"html_url": "file:///etc/passwd"}).encode()),
        (200, json.dumps(RELEASE | {"html_url": "http://example.org"}).encode()),
        (200, b" " * 2_000_000),
    ],
)
def test_other_answers_are_a_named_error(server: Releases, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    with pytest.raises(UpdateCheckFailed) as raised:
        newest_release(server.address)
    assert raised.value.hint


def test_no_connection_is_a_named_error(server: Releases) -> None:
    server.server_close()
    for address in (server.address, "http://[", "nonsense"):
        with pytest.raises(UpdateCheckFailed):
            newest_release(address)


@pytest.mark.parametrize(
    ("newest", "here", "newer"),
    [
        ("0.2.0", "0.1.0", True),
        ("0.10.0", "0.9.9", True),
        ("1.0", "1.0.0", False),
        ("0.1.0", "0.1.0", False),
        ("0.1.0", "0.2.0", False),
        ("1.0.0rc1", "1.0.0", False),
        ("1.0.0", "1.0.0rc1", True),
    ],
)
def test_versions_are_compared_by_number(newest: str, here: str, newer: bool) -> None:
    assert Release(newest, PAGE).is_newer_than(here) is newer
