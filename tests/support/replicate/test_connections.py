"""The sockets under the server: kept alive, many at once, gone when they should be."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from tests.support.replicate import faults as f
from tests.support.replicate.asking import TIMEOUT_S, plain_client
from tests.support.replicate.lives import ENDLESS, Life
from tests.support.replicate.schemas import HUNYUAN
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer

ROOT = Path(__file__).resolve().parents[3]
PATH = f"/v1/models/{HUNYUAN}/predictions"
BODY = {"input": {"prompt": "a hat"}}
CONNECTIONS = 100

CREATE_AND_WAIT = """
import replicate
path = "/v1/models/tencent/hunyuan-image-3/predictions"
replicate.Client()._request("POST", path, json={"input": {"prompt": "a hat"}}, headers={"Prefer": "wait"})
"""


def bearer(server: ReplicateServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token}"}


def test_a_connection_is_kept_alive_past_errors(server: ReplicateServer) -> None:
    server.faults.on(Kind.ACCOUNT, f.broken(500), f.throttled(1))
    with plain_client(server) as client:
        assert [client.get("/v1/account").status_code for _ in range(3)] == [500, 429, 200]
    assert len({request.client_port for request in server.requests}) == 1


def test_a_body_may_come_in_chunks(server: ReplicateServer) -> None:
    chunks = (b'{"input": {"prompt"', b': "a hat"}}')
    answer = httpx.post(server.url + PATH, content=iter(chunks), headers=bearer(server))
    assert answer.status_code == 201
    assert server.requests[0].body == b"".join(chunks)


def test_a_hundred_connections_are_open_at_once(server: ReplicateServer) -> None:
    together = threading.Barrier(CONNECTIONS)

    def ask(_: int) -> int:
        # Not httpx, which takes a while for each client to be ready for TLS.
        connection = HTTPConnection("127.0.0.1", httpx.URL(server.url).port, timeout=TIMEOUT_S)
        with closing(connection):
            connection.request("GET", "/v1/account", headers=bearer(server))
            connection.getresponse().read()
            together.wait(TIMEOUT_S)
            connection.request("POST", PATH, json.dumps(BODY), bearer(server))
            return connection.getresponse().status

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        assert list(pool.map(ask, range(CONNECTIONS))) == [201] * CONNECTIONS
    assert len({request.client_port for request in server.requests}) == CONNECTIONS
    assert len(server.created) == CONNECTIONS


def test_closing_ends_held_answers_and_idle_connections() -> None:
    threads = set(threading.enumerate())
    with ReplicateServer(life=Life(processing=ENDLESS)) as server:
        server.faults.on(Kind.LIST, f.withheld())
        idle = socket.create_connection(("127.0.0.1", httpx.URL(server.url).port or 0))
        pool = ThreadPoolExecutor(2)
        headers = bearer(server)
        held = [
            pool.submit(httpx.post, server.url + PATH, json=BODY, headers=headers | {"Prefer": "wait"}),
            pool.submit(httpx.get, server.url + "/v1/predictions", headers=headers),
        ]
        server.wait_for(Kind.CREATE)
        server.wait_for(Kind.LIST)
    assert idle.recv(1) == b""
    idle.close()
    for answer in held:
        if not answer.exception(TIMEOUT_S):
            assert answer.result().json()["status"] in {"starting", "processing"}
    pool.shutdown()
    assert set(threading.enumerate()) == threads


def test_while_it_is_away_connections_are_refused_and_nothing_is_forgotten(server: ReplicateServer) -> None:
    with plain_client(server) as client:
        told = client.post(PATH, json=BODY).json()
        with server.away(), pytest.raises(httpx.ConnectError):
            client.get(told["urls"]["get"])
        assert client.get(told["urls"]["get"]).json()["id"] == told["id"]


def test_a_client_that_is_killed_leaves_the_server_as_it_was(server: ReplicateServer) -> None:
    server.next(Life(processing=ENDLESS))
    process = subprocess.Popen([sys.executable, "-c", CREATE_AND_WAIT], env=os.environ | server.environ)
    try:
        server.wait_for_created(1, TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    assert httpx.get(f"{server.url}/v1/account", headers=bearer(server)).status_code == 200


def test_a_request_that_breaks_off_is_none(server: ReplicateServer) -> None:
    address = ("127.0.0.1", httpx.URL(server.url).port or 0)
    for length in (b"Content-Length: 100", b"Transfer-Encoding: chunked"):
        with socket.create_connection(address) as connection:
            connection.sendall(b"POST /v1/files HTTP/1.1\r\n" + length + b"\r\n\r\n3\r\nabc\r\n")
    assert httpx.get(f"{server.url}/v1/account").status_code == 401
    assert [request.kind for request in server.requests] == [Kind.ACCOUNT]


def test_waiting_for_what_never_comes_ends(server: ReplicateServer) -> None:
    with pytest.raises(TimeoutError, match="not 1 of poll"):
        server.wait_for(Kind.POLL, timeout_s=0.01)
    with pytest.raises(TimeoutError, match="not 1 predictions"):
        server.wait_for_created(timeout_s=0.01)


def test_an_error_of_the_server_itself_is_not_lost() -> None:
    server = ReplicateServer()
    server.start()
    server.account["name"] = object()
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server.url}/v1/account", headers=bearer(server))
    with pytest.raises(RuntimeError, match="itself failed"):
        server.close()


def test_it_runs_by_hand_until_it_is_interrupted() -> None:
    command = (sys.executable, "-m", "tests.support.replicate_server", "--slow", "0.1", "--token", "r8_hand")
    # What a shell starts in the background ignores Ctrl+C, and so would all that is started from there.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        assert process.stdout
        lines = process.stdout.readline() + process.stdout.readline()
        told = dict(re.findall(r"export (\w+)=(\S+)", lines))
        headers = {"Authorization": f"Bearer {told['REPLICATE_API_TOKEN']}", "Prefer": "wait"}
        answer = httpx.post(told["REPLICATE_BASE_URL"] + PATH, json=BODY, headers=headers)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT_S)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    assert answer.json()["status"] == "succeeded"
    assert answer.json()["metrics"]["predict_time"] > 0.07
    assert "20/20" in answer.json()["logs"]
    assert (process.returncode, errors) == (0, "")
