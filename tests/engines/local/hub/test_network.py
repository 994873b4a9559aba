"""What is in the way of reaching the hub."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from qie_desktop.core.download import TaskPhase
from tests.engines.local.hub.conftest import (
    Run,
)
from tests.support.hub_server import HubServer
from tests.support.loopback_proxy import LoopbackProxy


def test_nobody_there_is_offline(download: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        state = download()
    assert state.error is not None
    assert state.error.code == "offline"


def test_an_unknown_name_is_offline(download: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    state = download()
    assert state.error is not None
    assert state.error.code == "offline"
    assert "hub.invalid" in state.error.message


def test_a_proxy_that_is_not_there_is_named(download: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.utils import close_session

    close_session()
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    try:
        state = download()
    finally:
        close_session()
    assert state.error is not None
    assert state.error.code in {"proxy_failed", "offline"}


def test_a_proxy_is_gone_through(download: Run, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.utils import close_session

    close_session()
    with LoopbackProxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        try:
            assert download().phase is TaskPhase.DONE
        finally:
            close_session()
        assert any("/resolve/" in request for request in proxy.requests)
        assert len(proxy.requests) == len(hub.asked)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="No `openssl` to make a certificate with.")
def test_another_certificate_is_a_captive_portal(
    download: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a network answers for every host until one has logged in."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=portal",
    ]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - the client hangs up
    with server.socket, context.wrap_socket(server.socket, server_side=True) as server.socket:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"https://127.0.0.1:{server.server_port}")
        state = download()
        server.shutdown()
        thread.join()
    assert state.error is not None
    assert state.error.code == "captive_portal"
    assert "certificate" in state.error.message
