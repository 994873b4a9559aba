"""What becomes of a prediction, and of its pictures."""

from __future__ import annotations

import base64
import time

import httpx
from PIL import ImageChops

from tests.support.replicate import schemas
from tests.support.replicate.api import CreateLimit
from tests.support.replicate.asking import PHOTO, WAIT, create, data_uri, download, plain_client
from tests.support.replicate.lives import AT_ONCE, ENDLESS, Life
from tests.support.replicate.pictures import edited
from tests.support.replicate_server import ReplicateServer


def test_an_edit_is_the_negative_of_its_first_picture_at_the_models_own_size(
    server: ReplicateServer, client: httpx.Client
) -> None:
    result = create(client, schemas.EDIT_PLUS, WAIT, output_format="png").json()
    image = download(result["output"][0])
    # 120×80 at about 128² px, in whole cells of 16 px.
    assert image.size == (160, 112)
    assert not ImageChops.difference(image, edited(PHOTO, image.size)).getbbox()
    [created] = server.created
    assert [picture.size for picture in created.pictures] == [(120, 80), (120, 80)]
    assert created.contents[0] == base64.b64decode(data_uri(PHOTO).partition(",")[2])


def test_a_series_has_as_many_outputs_as_asked(server: ReplicateServer, client: httpx.Client) -> None:
    series = {"sequential_image_generation": "auto"}
    result = create(client, schemas.SEEDREAM, WAIT, **series, max_images=3).json()
    images = [download(url) for url in result["output"]]
    assert len({image.tobytes() for image in images}) == 3
    too_many = create(client, schemas.SEEDREAM, WAIT, **series, max_images=15).json()
    assert too_many["status"] == "failed"
    assert "cannot exceed 15" in too_many["error"]


def test_a_broken_picture_fails_the_prediction(server: ReplicateServer, client: httpx.Client) -> None:
    for image in ("data:image/png;base64,aGVsbG8=", "data:,x", f"{server.url}/v1/files/unknown"):
        result = create(client, schemas.EDIT, image=image, headers=WAIT).json()
        assert result["status"] == "failed"
        assert "cannot identify image file" in result["error"]


def test_a_held_create_answers_when_it_is_over_or_after_the_wait(
    server: ReplicateServer, client: httpx.Client
) -> None:
    server.next(Life(), Life(processing=ENDLESS))
    assert create(client, headers=WAIT).json()["status"] == "succeeded"
    held = create(client, headers={"Prefer": "wait=1"})
    assert held.status_code == 201
    assert held.json()["status"] == "processing"
    assert 0.9 < held.elapsed.total_seconds() < 3


def test_cancel_after_aborts_what_waits_and_cancels_what_runs(
    server: ReplicateServer, client: httpx.Client
) -> None:
    server.next(Life(starting=ENDLESS), Life(starting=AT_ONCE, processing=ENDLESS), Life())
    headers = {"Cancel-After": "0.05s", "Prefer": "wait"}
    found = [create(client, headers=headers).json()["status"] for _ in range(2)]
    create(client, headers={"Cancel-After": "1h30m"})
    assert found == ["aborted", "canceled"]
    assert server.created[2].cancel_after_s == 5400
    assert [item.is_billed for item in server.created[:2]] == [False, True]


def test_what_lasts_for_ever_can_be_released(server: ReplicateServer, client: httpx.Client) -> None:
    server.next(Life(starting=ENDLESS, processing=ENDLESS))
    url = create(client).json()["urls"]["get"]
    assert client.get(url).json()["status"] == "starting"
    server.release(server.created[0])
    assert client.get(url).json()["status"] == "succeeded"


def test_removed_data_are_gone_for_good(server: ReplicateServer, client: httpx.Client) -> None:
    told = create(client, headers=WAIT).json()
    server.remove_data(server.created[0])
    assert httpx.get(told["output"][0]).status_code == 404
    after = client.get(told["urls"]["get"]).json()
    assert (after["data_removed"], after["output"], after["input"]) == (True, None, {})
    assert after["status"] == "succeeded"


def test_creates_above_the_limit_are_throttled() -> None:
    with ReplicateServer(limit=CreateLimit(2, 60)) as server, plain_client(server) as client:
        answers = [create(client) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert 50 < int(answers[2].headers["retry-after"]) <= 60
        assert len(server.created) == 2


def test_a_limit_lets_more_through_after_a_while() -> None:
    with ReplicateServer(limit=CreateLimit(1, 0.05)) as server, plain_client(server) as client:
        create(client)
        time.sleep(0.05)
        assert create(client).status_code == 201


def test_a_wrong_token_opens_nothing(server: ReplicateServer) -> None:
    with plain_client(server, "r8_wrong") as client:
        answers = [create(client), client.get("/v1/account"), client.get("/v1/predictions")]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert answers[0].json()["title"] == "Unauthenticated"
    assert not server.created
    assert [request.token for request in server.requests] == ["r8_wrong"] * 3
