"""Tokens, money and proxies: what is in the way is told with what to do, and the token stands nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import save_picture
from tests.support.loopback_proxy import LoopbackProxy
from tests.support.replicate.faults import (
    FORBIDDEN,
    INSUFFICIENT_CREDIT,
    UNAUTHENTICATED,
    Truncated,
    broken,
    dropped,
    invalid_field,
    throttled,
)
from tests.support.replicate.lives import ENDLESS, Life, failing
from tests.support.replicate.wire import Kind

WAIT_S = 60
FOX = ("generate", "a fox", "--model", "qwen-image")


@pytest.fixture
def proxy():
    with LoopbackProxy() as proxy:
        yield proxy


@pytest.fixture
def spent(home):
    """Notes an amount as spent this month."""

    def spent(usd):
        home.mkdir(exist_ok=True)
        line = {"at": datetime.now(UTC).isoformat(), "job_id": f"of-{usd}", "model": "qwen-image", "usd": usd}
        with (home / "ledger.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    return spent


@pytest.mark.parametrize("large", [False, True], ids=["inline", "uploaded"])
def test_a_token_that_is_not_taken_is_something_to_set_up(qie, server, ledger, tmp_path, monkeypatch, large):
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_wrong")
    photo = tmp_path / "photo.bmp"
    save_picture(photo, (3000, 2000) if large else (90, 80))

    refused = qie("edit", photo, "warmer", "--model", "qwen-image-edit", "--json")

    assert refused.exit_code == 3
    assert refused.json["error"]["code"] == "credentials_refused"
    assert "replicate.com/account/api-tokens" in refused.json["error"]["hint"]
    assert not server.created
    assert ledger() == []


def test_a_token_that_may_not_run_a_model_is_something_to_set_up(qie, server):
    server.faults.on(Kind.CREATE, FORBIDDEN)

    assert qie(*FOX).exit_code == 3


def test_without_credit_it_fails_with_the_way_to_the_billing_page(qie, server, ledger):
    server.faults.on(Kind.CREATE, INSUFFICIENT_CREDIT)

    failed = qie(*FOX)

    assert failed.exit_code == 1
    assert "https://replicate.com/account/billing" in failed.stderr
    assert ledger() == []


def test_an_input_that_the_provider_does_not_accept_is_an_invalid_request(qie, server):
    server.faults.on(Kind.CREATE, invalid_field("prompt", "too poetic"))

    refused = qie(*FOX)

    assert refused.exit_code == 2
    assert "too poetic" in refused.stderr


def test_a_server_that_is_not_there_is_told(qie, server):
    with server.away():
        failed = qie(*FOX)

    assert failed.exit_code == 1
    assert "nothing was sent" in failed.stderr


def test_the_monthly_cap_stops_a_job_before_anything_is_sent(qie, home, server, spent):
    qie("config", "set", "cloud.monthly_cap_usd", 0.5)
    spent(0.49)

    refused = qie(*FOX, "--json")

    assert refused.exit_code == 1
    assert refused.json["error"]["code"] == "spending_cap"
    assert "--yes" in refused.json["error"]["hint"]
    assert not server.requests
    assert not (home / "jobs").exists()
    assert qie(*FOX, "--yes").exit_code == 0


@pytest.mark.parametrize("usd", [0.4, 0.475])
def test_what_stays_within_the_cap_runs(qie, server, spent, usd):
    qie("config", "set", "cloud.monthly_cap_usd", 0.5)
    spent(usd)

    assert qie(*FOX).exit_code == 0


def test_edit_and_retry_keep_to_the_cap_too_and_resume_is_free(qie, server, spent, tmp_path):
    photo = save_picture(tmp_path / "photo.png", (400, 400))
    done = qie(*FOX, "--json").json["job_id"]
    server.next(Life(processing=ENDLESS))
    server.faults.on(Kind.POLL, UNAUTHENTICATED)
    cut_off = qie(*FOX, "--json").json["job_id"]
    qie("config", "set", "cloud.monthly_cap_usd", 0.5)
    spent(3)
    before = len(server.created)

    for words in (["edit", photo, "warmer", "--model", "qwen-image-edit"], ["jobs", "retry", done]):
        assert qie(*words).exit_code == 1
        assert len(server.created) == before
        assert qie(*words, "--yes").exit_code == 0
        before += 1
    server.release(server.created[1])
    assert qie("jobs", "retry", cut_off).exit_code == 0
    assert len(server.created) == before


def test_what_is_on_the_way_counts_as_spent(qie, start, server, spent):
    qie("config", "set", "cloud.monthly_cap_usd", 0.04)
    server.next(Life(processing=ENDLESS))
    process = start(*FOX)
    server.wait_for(Kind.POLL, 2, WAIT_S)

    refused = qie(*FOX)

    assert refused.exit_code == 1
    assert "$0.05" in refused.stderr
    server.release(server.created[0])
    assert process.wait(WAIT_S) == 0


def test_the_list_tells_what_the_month_has_cost(qie, server, spent):
    assert "This month: ≈ $0.00\n" in qie("jobs", "list").stdout
    spent(0.3)
    qie(*FOX)
    assert "This month: ≈ $0.33\n" in qie("jobs", "list").stdout
    qie("config", "set", "cloud.monthly_cap_usd", 5)
    assert "This month: ≈ $0.33 of $5.00\n" in qie("jobs", "list").stdout
    assert isinstance(qie("jobs", "list", "--json").json, list)


def test_a_ledger_that_cannot_be_read_hides_no_jobs(qie, home):
    (home / "ledger.jsonl").mkdir(parents=True)

    listed = qie("jobs", "list")

    assert listed.exit_code == 0
    assert "ledger.jsonl cannot be read" in listed.stderr


def found_by(doctor, name):
    return next(each for each in doctor.json if each["name"] == name)


def test_doctor_tells_of_the_token_and_asks_only_when_it_may(qie, server, monkeypatch):
    assert "Replicate account" not in [each["name"] for each in qie("doctor", "--json").json]
    assert not server.requests

    account = found_by(qie("doctor", "--online", "--json"), "Replicate account")
    assert (account["value"], account["verdict"]) == ("u", "good")

    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_wrong")
    refused = qie("doctor", "--online", "--json")
    account = found_by(refused, "Replicate account")
    assert (refused.exit_code, account["verdict"]) == (1, "bad")
    assert "api-tokens" in account["hint"]

    monkeypatch.delenv("REPLICATE_API_TOKEN")
    account = found_by(qie("doctor", "--online", "--json"), "Replicate account")
    assert account["verdict"] == "note"


def test_doctor_tells_of_proxies_without_their_passwords(qie, monkeypatch):
    assert found_by(qie("doctor", "--json"), "Proxy")["value"] == "none"
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:8080")
    monkeypatch.setenv("NO_PROXY", "localhost")

    told = found_by(qie("doctor", "--json"), "Proxy")["value"]

    assert told == "http://proxy.example:8080 for https; not for localhost"


def test_the_api_is_reached_through_a_proxy(qie, server, proxy, monkeypatch):
    monkeypatch.setenv("http_proxy", proxy.url)

    assert qie(*FOX).exit_code == 0

    assert len(proxy.requests) == len(server.requests)
    assert any(line.startswith(f"POST {server.url}/v1/models/") for line in proxy.requests)
    assert any("/delivery/" in line for line in proxy.requests)


def test_no_proxy_is_gone_through_where_none_is_wanted(qie, server, proxy, monkeypatch):
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")

    assert qie(*FOX).exit_code == 0

    assert proxy.requests == []


def test_https_goes_through_a_tunnel_of_its_proxy(qie, server, proxy, monkeypatch):
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("REPLICATE_BASE_URL", "https://api.replicate.example")

    failed = qie(*FOX)

    assert failed.exit_code == 1
    assert "nothing was sent" in failed.stderr
    assert set(proxy.requests) == {"CONNECT api.replicate.example:443"}


def test_the_token_stands_nowhere(qie, start, server, home, tmp_path):
    """Whatever goes wrong: not in a file, not in what is said, not in a command line."""
    photo = save_picture(tmp_path / "photo.bmp", (900, 800))
    said = []
    server.faults.on(Kind.CREATE, throttled(1), broken(502, after=True))
    server.faults.on(Kind.POLL, broken(500), dropped())
    server.faults.on(Kind.DOWNLOAD, Truncated(), dropped())
    process = start("edit", photo, "warmer", "--model", "qwen-image-edit", "--json")
    server.wait_for(Kind.CREATE, 1, WAIT_S)
    command_line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert b"qwen-image-edit" in command_line
    said += [command_line.decode(), *process.communicate(timeout=WAIT_S)]
    assert process.returncode == 0

    server.next(failing("E005"))
    for kind, fault in (
        (Kind.UPLOAD, UNAUTHENTICATED),
        (Kind.CREATE, INSUFFICIENT_CREDIT),
        (Kind.CREATE, invalid_field("prompt", "no")),
        (Kind.POLL, UNAUTHENTICATED),
    ):
        server.faults.on(kind, fault)
        failed = qie("edit", photo, "warmer", "--model", "qwen-image-edit")
        assert failed.exit_code in {1, 2, 3}
        said += [failed.stdout, failed.stderr]
    for words in (
        ["doctor", "--online"],
        ["jobs", "list"],
        ["jobs", "resume"],
        ["config", "get"],
        ["models"],
    ):
        told = qie(*words)
        said += [told.stdout, told.stderr]

    files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert any("logs" in path.parts for path in files)
    assert [path for path, content in files.items() if server.token.encode() in content] == []
    assert not any(server.token in text for text in said)


def test_listing_models_imports_no_client():
    program = (
        "import sys; sys.argv = ['qie', 'models']; from qie_desktop.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'httpx', 'replicate', 'torch', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )

    assert done.stdout.splitlines()[-1] == "[]"
