"""Each fault over real sockets, seen by a plain HTTP client."""

from __future__ import annotations

import base64
import io
import time
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.replicate import faults as f
from tests.support.replicate.asking import WAIT, plain_client
from tests.support.replicate.lives import ERRORS, Life, Status, failing
from tests.support.replicate.schemas import EDIT, HUNYUAN
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer

PATH = f"/v1/models/{HUNYUAN}/predictions"
BODY = {"input": {"prompt": "a hat"}}


def finished(client: httpx.Client) -> dict[str, Any]:
    return client.post(PATH, json=BODY, headers=WAIT).raise_for_status().json()


def is_picture(content: bytes) -> bool:
    return Image.open(io.BytesIO(content)).format == "WEBP"


@pytest.mark.parametrize(
    ("fault", "status", "told"),
    [
        (f.UNAUTHENTICATED, 401, "did not pass a valid authentication token"),
        (f.INSUFFICIENT_CREDIT, 402, "https://replicate.com/account/billing#billing"),
        (f.FORBIDDEN, 403, "do not have permission"),
        (f.NOT_FOUND, 404, "could not be found"),
        (f.invalid_field("image", "Does not match format 'uri'", "format"), 422, '"input.image"'),
        (f.broken(500), 500, "Internal server error"),
        (f.broken(502), 502, "Bad Gateway"),
        (f.broken(503), 503, "Service Unavailable"),
        (f.broken(504), 504, "Gateway Timeout"),
        (f.web_page(), 200, "log in to this network"),
    ],
)
def test_a_refused_create_creates_nothing_and_the_next_is_as_usual(
    server: ReplicateServer, client: httpx.Client, fault: f.Answer, status: int, told: str
) -> None:
    server.faults.on(Kind.CREATE, fault)
    answer = client.post(PATH, json=BODY)
    assert answer.status_code == status
    assert told in answer.text
    assert not server.created
    assert client.post(PATH, json=BODY).status_code == 201


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_may_hide_that_the_prediction_was_created(
    server: ReplicateServer, client: httpx.Client, status: int
) -> None:
    server.faults.on(Kind.CREATE, f.broken(status, after=True))
    assert client.post(PATH, json=BODY).status_code == status
    [listed] = client.get("/v1/predictions").json()["results"]
    assert listed["id"] == server.created[0].id


@pytest.mark.parametrize(
    ("tell", "header", "reset", "in_body", "in_detail"),
    [
        (f.Tell.HEADER, "7", None, None, False),
        (f.Tell.BODY, None, None, 7, False),
        (f.Tell.DETAIL, None, None, None, True),
        (f.Tell.RESET, None, "7", None, False),
        (f.Tell(0), None, None, None, False),
    ],
)
def test_a_429_says_how_long_to_wait_where_it_is_asked_to(
    server: ReplicateServer,
    client: httpx.Client,
    tell: f.Tell,
    header: str | None,
    reset: str | None,
    in_body: int | None,
    in_detail: bool,
) -> None:
    server.faults.on(Kind.CREATE, f.throttled(7, tell))
    answer = client.post(PATH, json=BODY)
    assert answer.status_code == 429
    assert answer.headers.get("retry-after") == header
    assert answer.headers.get("ratelimit-reset") == reset
    assert answer.json().get("retry_after") == in_body
    assert ("resets in ~7s." in answer.json()["detail"]) == in_detail


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("reset", "error"), [(True, httpx.ReadError), (False, httpx.RemoteProtocolError)], ids=["reset", "closed"]
)
def test_a_connection_drops_before_or_after_the_prediction_is_created(
    server: ReplicateServer, client: httpx.Client, after: bool, reset: bool, error: type[Exception]
) -> None:
    server.faults.on(Kind.CREATE, f.dropped(after=after, reset=reset))
    with pytest.raises(error):
        client.post(PATH, json=BODY)
    assert len(server.created) == after
    assert server.requests_to(Kind.CREATE)[0].status is None


def test_an_answer_is_withheld_until_the_client_gives_up(
    server: ReplicateServer, client: httpx.Client
) -> None:
    server.faults.on(Kind.CREATE, f.withheld())
    with pytest.raises(httpx.ReadTimeout):
        client.post(PATH, json=BODY, timeout=0.1)
    assert len(server.created) == 1


def test_an_answer_comes_late_or_slowly(server: ReplicateServer, client: httpx.Client) -> None:
    server.faults.on(Kind.ACCOUNT, f.delayed(0.1), f.trickled(0.1))
    assert client.get("/v1/account").elapsed.total_seconds() >= 0.1
    began_s = time.monotonic()
    assert client.get("/v1/account").json()["username"] == "u"
    assert time.monotonic() - began_s >= 0.1


def test_faults_come_in_order_for_their_kind_and_can_be_cleared(
    server: ReplicateServer, client: httpx.Client
) -> None:
    server.faults.on(Kind.LIST, f.broken(500), f.AsUsual(), f.broken(503))
    server.faults.always(Kind.ACCOUNT, f.broken(504))
    found = [client.get("/v1/predictions").status_code for _ in range(4)]
    assert found == [500, 200, 503, 200]
    assert [client.get("/v1/account").status_code for _ in range(3)] == [504] * 3
    server.faults.clear()
    assert client.get("/v1/account").status_code == 200


def test_polls_of_one_prediction_meet_faults(server: ReplicateServer, client: httpx.Client) -> None:
    server.next(Life(poll_faults=(f.broken(500), f.NOT_FOUND)), Life())
    first, second = (client.post(PATH, json=BODY).json()["urls"]["get"] for _ in range(2))
    assert client.get(second).status_code == 200
    assert [client.get(first).status_code for _ in range(3)] == [500, 404, 200]


def test_one_output_of_several_fails_to_download(server: ReplicateServer, client: httpx.Client) -> None:
    server.next(Life(outputs=3, download_faults={1: (f.Truncated(), f.broken(503))}))
    urls = finished(client)["output"]
    assert is_picture(httpx.get(urls[0]).content)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        httpx.get(urls[1])
    assert httpx.get(urls[1]).status_code == 503
    assert is_picture(httpx.get(urls[1]).content)


def test_a_download_may_be_something_else(server: ReplicateServer, client: httpx.Client) -> None:
    server.faults.on(Kind.DOWNLOAD, f.web_page())
    [url] = finished(client)["output"]
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")


def test_a_download_is_redirected_to_the_same_host_another_or_a_file(
    server: ReplicateServer, client: httpx.Client
) -> None:
    redirections = (f.Redirected(), f.Redirected(elsewhere=True), f.Redirected("file:///etc/hosts"))
    server.faults.on(
        Kind.DOWNLOAD, redirections[0], f.AsUsual(), redirections[1], f.AsUsual(), redirections[2]
    )
    [url] = finished(client)["output"]
    same, other = (httpx.get(url, follow_redirects=True) for _ in range(2))
    assert is_picture(same.content)
    assert is_picture(other.content)
    assert (same.url.host, other.url.host) == ("localhost", "127.0.0.1")
    assert httpx.get(url).headers["location"] == "file:///etc/hosts"


def test_a_token_sent_to_the_delivery_host_is_noticed(server: ReplicateServer, client: httpx.Client) -> None:
    [url] = finished(client)["output"]
    assert httpx.URL(url).host != httpx.URL(server.url).host
    httpx.get(url)
    assert not server.leaked_tokens
    client.get(url)
    assert len(server.leaked_tokens) == 1


def test_a_stale_url_is_told_anew_after_it_was_refused(server: ReplicateServer, client: httpx.Client) -> None:
    server.next(Life(stale_urls=1))
    told = finished(client)
    [stale] = told["output"]
    assert client.get(told["urls"]["get"]).json()["output"] == [stale]
    assert httpx.get(stale).status_code == 403
    [fresh] = client.get(told["urls"]["get"]).json()["output"]
    assert is_picture(httpx.get(fresh).content)
    assert httpx.get(stale).status_code == 403


def test_data_may_be_removed_before_they_are_downloaded(
    server: ReplicateServer, client: httpx.Client
) -> None:
    server.next(Life(data_removed=True))
    told = finished(client)
    assert httpx.get(told["output"][0]).status_code == 404
    after = client.get(told["urls"]["get"]).json()
    assert (after["status"], after["data_removed"], after["output"]) == ("succeeded", True, None)


@pytest.mark.parametrize("code", ERRORS)
def test_a_prediction_fails_in_the_words_of_replicate(
    server: ReplicateServer, client: httpx.Client, code: str
) -> None:
    server.next(failing(code))
    told = finished(client)
    assert (told["status"], told["output"]) == ("failed", None)
    assert code in told["error"]
    assert server.created[0].is_billed


@pytest.mark.parametrize(("status", "billed"), [(Status.ABORTED, False), (Status.CANCELED, True)])
def test_a_prediction_is_ended_by_the_provider(
    server: ReplicateServer, client: httpx.Client, status: Status, billed: bool
) -> None:
    server.next(Life(outcome=status))
    assert finished(client)["status"] == status
    assert bool(server.billed) == billed


def test_what_is_told_may_have_another_form(server: ReplicateServer, client: httpx.Client) -> None:
    server.next(
        Life(bare_output=True),
        Life(urls="null"),
        Life(urls="absent"),
        Life(output=[]),
        Life(size_px=(40, 30), extension="png"),
    )
    bare, null, absent, nothing, small = (finished(client) for _ in range(5))
    assert is_picture(httpx.get(bare["output"]).content)
    assert null["urls"] is None
    assert "urls" not in absent
    assert (nothing["status"], nothing["output"]) == ("succeeded", [])
    image = Image.open(io.BytesIO(httpx.get(small["output"][0]).content))
    assert (image.format, image.size) == ("PNG", (40, 30))


def test_an_input_may_be_told_without_its_data(server: ReplicateServer, client: httpx.Client) -> None:
    server.next(Life(), Life(data_uris=False))
    uri = f"data:image/png;base64,{base64.b64encode(b'x').decode()}"
    body = {"input": {"prompt": "x", "image": uri}}
    told = [client.post(f"/v1/models/{EDIT}/predictions", json=body).json()["input"] for _ in range(2)]
    assert told[0]["image"] == uri
    assert told[1]["image"].startswith(server.url)
    assert server.created[1].input["image"] == uri


def test_drawn_faults_are_the_same_for_the_same_seed() -> None:
    rates = f.Rates(throttled=0.3, broken_before=0.2, broken_after=0.2)

    def statuses(seed: int) -> list[int]:
        with (
            ReplicateServer(faults=f.Faults.random(seed, rates)) as server,
            plain_client(server) as client,
        ):
            bodies = [{"input": {"prompt": str(index)}} for index in range(30)]
            found = [client.post(PATH, json=body).status_code for body in bodies]
            # The same create meets one fault at most.
            assert 429 not in [client.post(PATH, json=body).status_code for body in bodies[:5] * 3][5:]
            return found

    first = statuses(1)
    assert first == statuses(1)
    assert first != statuses(2)
    assert {201, 429, 502} == set(first)
