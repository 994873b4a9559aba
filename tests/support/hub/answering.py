"""The hub's answers over HTTP, as `huggingface_hub` asks for them."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.hub.faults import Fault, Trouble
from tests.support.hub.repositories import HubFile, HubRepository

PIECE = 16 * 1024
LOGIN_PAGE = b"<!doctype html><html><body><form>Please log in to the airport's network</form></body></html>"
_MODEL = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?")
_TREE = re.compile(r"/api/models/([^/]+/[^/]+)/(tree|paths-info)/([^/]+)(?:/.*)?")
_RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_CDN = re.compile(r"/cdn/([0-9a-f]{64})")


@dataclass(frozen=True)
class Asked:
    """A request: `range` is the first byte that was asked for, None for all."""

    method: str
    path: str
    host: str
    headers: dict[str, str]
    range: int | None = None


@dataclass
class Served:
    """Bytes of a file that were sent: from `start` on, `count` of them so far."""

    name: str
    start: int
    count: int = 0


@dataclass
class HubState:
    """What the server is about, shared by its threads."""

    repositories: dict[str, HubRepository]
    token: str
    cdn_url: str = ""
    bytes_per_second: float | None = None
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)
    errors: list[BaseException] = field(default_factory=list)

    def take_fault(self, name: str, *kinds: Trouble) -> Fault | None:
        """Return the first fault that concerns a name, which thereby has come to pass once."""
        with self.lock:
            for fault in self.faults:
                if fault.concerns(name) and fault.trouble in kinds:
                    fault.times -= 1
                    return fault
        return None

    def file_of(self, sha256: str) -> HubFile | None:
        """Find large contents by their hash."""
        for repository in self.repositories.values():
            for files in repository.commits.values():
                for file in files.values():
                    if file.is_lfs and file.sha256 == sha256:
                        return file
        return None


class HubHandler(BaseHTTPRequestHandler):
    """Answers one connection's requests. `state` is set by the server."""

    state: HubState
    protocol_version = "HTTP/1.1"
    # Without it small answers wait for each other's acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class calls it
        pass

    def _answer(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.state.lock:
            self.state.asked.append(
                Asked(
                    self.command, url.path, headers.get("host", ""), headers, int(start[1]) if start else None
                )
            )
        path = unquote(url.path)
        if path == "/login":
            self._send(200, LOGIN_PAGE, {"Content-Type": "text/html; charset=utf-8"})
        elif found := _CDN.fullmatch(path):
            self._cdn(found[1])
        elif found := _TREE.fullmatch(path):
            self._tree(found[1], found[2], found[3], parse_qs(body.decode()))
        elif found := _MODEL.fullmatch(path):
            self._model(found[1], found[2] or "main")
        elif found := _RESOLVE.fullmatch(path):
            self._resolve(found[1], found[2], found[3])
        else:
            self._refuse(404, "", "Not found")

    def _repository(self, name: str, revision: str) -> tuple[HubRepository, str] | None:
        """Find what is asked for, or refuse as the hub does."""
        repository = self.state.repositories.get(name)
        known = self.headers.get("Authorization") == f"Bearer {self.state.token}"
        if repository is None:
            # The hub does not tell strangers what there is.
            self._refuse(404 if known else 401, "RepoNotFound", "Repository not found")
        elif repository.gated and not known:
            self._refuse(401, "GatedRepo", f"Access to model {name} is restricted.")
        elif (commit := repository.resolve(revision)) is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            return repository, commit
        return None

    def _model(self, name: str, revision: str) -> None:
        if self._troubled("api") or (found := self._repository(name, revision)) is None:
            return
        repository, commit = found
        siblings = [file.sibling() for file in repository.commits[commit].values()]
        self._send_json({"id": name, "modelId": name, "sha": commit, "private": False, "siblings": siblings})

    def _tree(self, name: str, kind: str, revision: str, form: dict[str, list[str]]) -> None:
        if self._troubled("api") or (found := self._repository(name, revision)) is None:
            return
        repository, commit = found
        files = repository.commits[commit]
        wanted = form.get("paths", []) if kind == "paths-info" else list(files)
        self._send_json([files[path].tree_entry() for path in wanted if path in files])

    def _resolve(self, name: str, revision: str, path: str) -> None:
        if self._troubled(path) or (found := self._repository(name, revision)) is None:
            return
        repository, commit = found
        file = repository.commits[commit].get(path)
        headers = {"X-Repo-Commit": commit}
        if file is None:
            self._refuse(404, "EntryNotFound", "Entry not found", headers)
        elif file.is_lfs:
            headers |= {
                "Location": f"{self.state.cdn_url}/cdn/{file.sha256}",
                "X-Linked-Etag": f'"{file.sha256}"',
                "X-Linked-Size": str(file.size),
            }
            self._send(302, b"", headers)
        else:
            self._send_file(file, headers | {"ETag": f'"{file.git_sha1}"'})

    def _cdn(self, sha256: str) -> None:
        file = self.state.file_of(sha256)
        if file is None:
            self._refuse(404, "", "Not found")
        else:
            self._send_file(file, {"ETag": f'"{sha256}"', "Content-Type": "binary/octet-stream"})

    def _send_file(self, file: HubFile, headers: dict[str, str]) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = 0, file.size
        if wanted and not self.state.take_fault(file.name, Trouble.IGNORES_RANGE):
            start = int(wanted[1])
            end = min(int(wanted[2]) + 1, file.size) if wanted[2] else file.size
            if start >= file.size:
                self._send(416, b"", {"Content-Range": f"bytes */{file.size}"})
                return
            headers |= {"Content-Range": f"bytes {start}-{end - 1}/{file.size}"}
        if self.state.take_fault(file.name, Trouble.OTHER_SIZE):
            self._send(200, b"another file", headers | {"Accept-Ranges": "bytes"})
            return
        self.send_response(206 if "Content-Range" in headers else 200)
        for name, value in (headers | {"Accept-Ranges": "bytes", "Content-Length": str(end - start)}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(file, start, end)

    def _send_body(self, file: HubFile, start: int, end: int) -> None:
        served = Served(file.name, start)
        with self.state.lock:
            self.state.served.append(served)
        wrong = self.state.take_fault(file.name, Trouble.WRONG_BYTES)
        cut = self.state.take_fault(file.name, Trouble.CUT, Trouble.STALL)
        begun = time.monotonic()
        while (at := start + served.count) < end and not self.state.closing.is_set():
            piece = file.read(at, min(PIECE, end - at))
            if cut and served.count + len(piece) > cut.after_bytes:
                piece = piece[: cut.after_bytes - served.count]
            if wrong and served.count <= wrong.after_bytes < served.count + len(piece):
                place = wrong.after_bytes - served.count
                piece = piece[:place] + bytes([piece[place] ^ 1]) + piece[place + 1 :]
            self.wfile.write(piece)
            served.count += len(piece)
            if cut and served.count >= cut.after_bytes:
                if cut.trouble is Trouble.STALL:
                    self.state.closing.wait()
                self._break_off()
                return
            self._keep_pace(begun, served.count)

    def _keep_pace(self, begun: float, count: int) -> None:
        rate = self.state.bytes_per_second
        if rate:
            self.state.closing.wait(max(0.0, begun + count / rate - time.monotonic()))

    def _break_off(self) -> None:
        """End the connection as a network that goes away does: with a reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def _troubled(self, name: str) -> bool:
        fault = self.state.take_fault(name, Trouble.STATUS, Trouble.LOGIN_PAGE)
        if fault is None:
            return False
        if fault.trouble is Trouble.LOGIN_PAGE:
            self._send(302, b"", {"Location": f"{self.state.cdn_url}/login"})
        else:
            self._refuse(fault.status, "", "Trouble", fault.headers)
        return True

    def _refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        told = {"X-Error-Code": code, "X-Error-Message": message} if code else {}
        body = json.dumps({"error": message}).encode()
        self._send(status, body, {"Content-Type": "application/json"} | told | (headers or {}))

    def _send_json(self, data: object) -> None:
        self._send(200, json.dumps(data).encode(), {"Content-Type": "application/json; charset=utf-8"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
