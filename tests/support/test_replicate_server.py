"""The server as the client library sees it that the program uses; the parts of it have tests beside them."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from replicate.client import Client
from replicate.exceptions import ReplicateError

from tests.support.replicate import schemas
from tests.support.replicate.asking import INPUTS, PHOTO, create, download, plain_client
from tests.support.replicate.lives import ENDLESS, Life, Span, Status
from tests.support.replicate_server import Kind, ReplicateServer

SMALL_AREA_PX = 128 * 128
POLL_S = 0.005


@pytest.fixture
def server() -> Iterator[ReplicateServer]:
    threads = set(threading.enumerate())
    with ReplicateServer(area_px=SMALL_AREA_PX) as server:
        yield server
    assert set(threading.enumerate()) == threads


@contextmanager
def real_client(server: ReplicateServer) -> Generator[Client]:
    client = Client(server.token, base_url=server.url)
    client.poll_interval = POLL_S
    try:
        yield client
    finally:
        client._client.close()  # pyright: ignore[reportPrivateUsage] - it has no public way


@pytest.mark.parametrize("model", schemas.FIELDS)
def test_each_model_runs_with_the_real_client(server: ReplicateServer, model: str) -> None:
    server.next(Life(starting=Span(polls=1), processing=Span(polls=2)))
    with real_client(server) as client:
        prediction = client.predictions.create(model=model, input={"prompt": "a hat"} | INPUTS[model])
        seen = [(prediction.status, prediction.progress)]
        while prediction.status in {"starting", "processing"}:
            prediction.reload()
            seen.append((prediction.status, prediction.progress))
        stages = ["starting", "starting", "processing", "processing", "succeeded"]
        assert [status for status, _ in seen] == stages
        shares = [progress.percentage for _, progress in seen if progress]
        assert shares == sorted(shares)
        assert shares[-1] == 1
        assert len(set(shares)) > 1
        assert prediction.metrics
        assert prediction.metrics["predict_time"] > 0
        urls: Any = prediction.output
    expected = {"2:3": "PNG", None: "JPEG" if model == schemas.SEEDREAM else "WEBP"}
    image = download(urls[0])
    assert image.format == expected.get(INPUTS[model].get("aspect_ratio"), "WEBP")
    assert image.size == server.created[0].size_px
    assert not server.leaked_tokens


def test_a_file_is_uploaded_and_used_by_its_url(server: ReplicateServer) -> None:
    file = io.BytesIO()
    PHOTO.save(file, "JPEG")
    file.name = "photo.jpg"
    with real_client(server) as client:
        prediction = client.predictions.create(model=schemas.EDIT, input={"prompt": "x", "image": file})
        prediction.wait()
        uploaded = client.files.get(server.created[0].input["image"].rpartition("/")[2])
        assert uploaded.size == len(file.getvalue())
        assert client.files.delete(uploaded.id)
    assert server.created[0].contents == (file.getvalue(),)
    part = server.requests_to(Kind.UPLOAD)[0].parts["content"]
    assert (part.filename, part.content_type, part.content) == ("photo.jpg", "image/jpeg", file.getvalue())
    assert httpx.get(uploaded.urls["get"]).status_code == 401


def test_the_account_may_have_no_name(server: ReplicateServer) -> None:
    with real_client(server) as client:
        assert client.accounts.current().username == "u"
        server.account["name"] = None
        with pytest.raises(ValueError, match="name"):
            client.accounts.current()


def test_the_list_is_newest_first_in_pages_that_do_not_move(server: ReplicateServer) -> None:
    with real_client(server) as client, plain_client(server) as plain:
        ids = [create(plain).json()["id"] for _ in range(103)]
        first = client.predictions.list()
        create(plain)
        assert first.next
        second = client.predictions.list(first.next)
        assert [item.id for item in (*first, *second)] == ids[::-1]
        assert len(first) == 100
        assert second.next is None
        assert first[0].input == {"prompt": "a hat", "aspect_ratio": "21:9"}


def test_a_cancel_shows_at_once_or_after_some_polls(server: ReplicateServer) -> None:
    server.next(Life(processing=ENDLESS), Life(processing=ENDLESS, cancelling=Span(polls=2)))
    with real_client(server) as client:
        values = {"prompt": "x"}
        first, second = (client.predictions.create(model=schemas.HUNYUAN, input=values) for _ in range(2))
        first.cancel()
        assert first.status == "canceled"
        second.cancel()
        found = [second.status]
        for _ in range(3):
            second.reload()
            found.append(second.status)
        assert found[-2:] == ["processing", "canceled"]
        # What is over stays as it is.
        second.cancel()
        assert second.status == "canceled"
    assert [item.cancel_requests for item in server.created] == [1, 2]


def test_many_predictions_run_at_once_over_the_async_client(server: ReplicateServer) -> None:
    async def run_all() -> list[str]:
        client = Client(server.token, base_url=server.url)

        async def run_one(index: int) -> str:
            values = {"prompt": str(index)}
            prediction = await client.predictions.async_create(model=schemas.HUNYUAN, input=values)
            while prediction.status != Status.SUCCEEDED:
                await asyncio.sleep(POLL_S)
                await prediction.async_reload()
            return prediction.id

        try:
            return await asyncio.gather(*map(run_one, range(40)))
        finally:
            await client._async_client.aclose()  # pyright: ignore[reportPrivateUsage] - no public way

    ids = asyncio.run(run_all())
    assert set(ids) == {prediction.id for prediction in server.created}
    assert {prediction.input["prompt"] for prediction in server.billed} == set(map(str, range(40)))


def test_the_error_of_the_real_client_has_the_words_of_the_server(server: ReplicateServer) -> None:
    with real_client(server) as client, pytest.raises(ReplicateError) as raised:
        client.predictions.create(model=schemas.EDIT, input={"prompt": "x"})
    assert raised.value.status == 422
    assert raised.value.detail == "- input: image is required\n"


def test_a_model_is_described_to_the_real_client(server: ReplicateServer) -> None:
    with real_client(server) as client:
        described: Any = client.models.get(schemas.SEEDREAM)
    told = described.latest_version.openapi_schema["components"]["schemas"]
    assert told["Input"]["required"] == ["prompt"]
    assert told["Input"]["properties"]["size"]["allOf"] == [{"$ref": "#/components/schemas/size"}]
    assert told["size"]["enum"] == ["2K", "1K", "4K", "custom"]
