"""What each model takes, and what is said of anything else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from qie_desktop.core.cloud_models import CLOUD_MODELS
from qie_desktop.core.model import ModelSpec
from tests.support.replicate import schemas
from tests.support.replicate.asking import create
from tests.support.replicate_server import ReplicateServer


@pytest.mark.parametrize("model", CLOUD_MODELS, ids=lambda model: model.id)
def test_the_schemas_are_those_of_the_catalogue(client: httpx.Client, model: ModelSpec) -> None:
    assert model.cloud
    described = client.get(f"/v1/models/{model.cloud.owner}/{model.cloud.name}").json()
    told: dict[str, Any] = described["latest_version"]["openapi_schema"]["components"]["schemas"]
    fields = told["Input"]["properties"]
    for parameter in model.parameters:
        field = fields[parameter.wire_name or parameter.name]
        choices = told[field["allOf"][0]["$ref"].rpartition("/")[2]]["enum"] if "allOf" in field else ()
        assert set(choices) == {choice.value for choice in parameter.choices}
        assert field.get("minimum") in {None, parameter.minimum}
        assert field.get("default") == parameter.default
    if model.cloud.image_field:
        assert (fields[model.cloud.image_field]["type"] == "array") == model.cloud.image_is_list


@pytest.mark.parametrize(
    ("model", "values", "kind", "field", "description"),
    [
        (schemas.EDIT, {"prompt": 1}, "invalid_type", "input.prompt", "Expected: string, given: integer"),
        (schemas.EDIT, {"image": "photo.png"}, "format", "input.image", "Does not match format 'uri'"),
        (schemas.EDIT, {"seed": 1.5}, "invalid_type", "input.seed", "Expected: integer, given: number"),
        (schemas.EDIT, {"go_fast": 1}, "invalid_type", "input.go_fast", "Expected: boolean, given: integer"),
        (schemas.EDIT, {"size": "2K"}, "additional_property_not_allowed", "input", "property size is not"),
        (schemas.HUNYUAN, {"aspect_ratio": "7:5"}, "enum", "input.aspect_ratio", '"1:1", "16:9"'),
        (schemas.QWEN_IMAGE, {"guidance": 10.5}, "number_lte", "input.guidance", "less than or equal to 10"),
        (schemas.SEEDREAM, {"width": 64}, "number_gte", "input.width", "greater than or equal to 1024"),
        (schemas.SEEDREAM, {"image_input": ["http:"] * 11}, "array_max_items", "input.image_input", "10"),
        (schemas.SEEDREAM, {"image_input": [None]}, "invalid_type", "input.image_input.0", "given: null"),
    ],
)
def test_a_wrong_input_is_told_as_the_api_tells_it(
    server: ReplicateServer,
    client: httpx.Client,
    model: str,
    values: dict[str, Any],
    kind: str,
    field: str,
    description: str,
) -> None:
    answer = create(client, model, **values)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    [wrong] = answer.json()["invalid_fields"]
    assert (wrong["type"], wrong["field"]) == (kind, field)
    assert description in wrong["description"]
    assert answer.json()["detail"] == f"- {field}: {wrong['description']}\n"
    assert not server.created


def test_a_whole_float_is_an_integer_and_no_seed_is_a_seed(
    server: ReplicateServer, client: httpx.Client
) -> None:
    assert create(client, seed=3.0).status_code == 201
    assert create(client, seed=None).status_code == 201


def test_what_is_no_input_is_refused(server: ReplicateServer, client: httpx.Client) -> None:
    path = f"/v1/models/{schemas.HUNYUAN}/predictions"
    unknown = client.post(path, json={"input": {"prompt": "x"}, "version": "1"})
    assert unknown.status_code == 422
    assert unknown.json()["detail"] == "- Additional property version is not allowed\n"
    assert client.post(path, content=b"{").status_code == 400
    assert client.post("/v1/models/no/such/predictions", json={}).status_code == 404
    assert client.get("/v1/no/such").status_code == 404


def test_a_schema_may_drift(server: ReplicateServer, client: httpx.Client) -> None:
    del server.input_schema(schemas.HUNYUAN)["properties"]["go_fast"]
    assert create(client, go_fast=True).status_code == 422
    assert create(client).status_code == 201
