"""Checks a request's body against a schema and words what is wrong as the API does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.replicate.wire import Json

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
_URI = ("https:", "http:", "data:")


def check_body(body: Any, schemas: Json) -> list[dict[str, str]]:
    """Return what is wrong with the body of a create: each with `type`, `field` and `description`.

    Stricter than some of the API's models: a key that is not in the schema of the input is wrong too.
    """
    schema: Json = {
        "type": "object",
        "required": ["input"],
        "properties": {
            "input": schemas["Input"] | {"additionalProperties": False},
            "webhook": {"type": "string", "format": "uri"},
            "webhook_events_filter": {"type": "array", "items": {"type": "string"}},
            "stream": {"type": "boolean"},
        },
        "additionalProperties": False,
    }
    return list(_check(body, schema, schemas, ()))


def _check(value: Any, schema: Json, schemas: Json, path: tuple[str, ...]) -> Iterator[dict[str, str]]:
    for part in schema.get("allOf", []):
        referred = schemas[part["$ref"].rpartition("/")[2]]
        yield from _check(value, referred, schemas, path)
    expected = schema.get("type")
    given = _type_of(value)
    if given == "null" and (expected is None or schema.get("nullable")):
        return
    if expected and given != expected and not (expected == "number" and given == "integer"):
        yield _wrong("invalid_type", path, f"Invalid type. Expected: {expected}, given: {given}")
        return
    yield from _check_value(value, schema, path)
    if expected == "array":
        yield from _check_array(value, schema, schemas, path)
    if expected == "object":
        yield from _check_object(value, schema, schemas, path)


def _check_value(value: Any, schema: Json, path: tuple[str, ...]) -> Iterator[dict[str, str]]:
    if "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(json.dumps(choice) for choice in schema["enum"])
        yield _wrong("enum", path, f"{path[-1]} must be one of the following: {choices}")
    if "minimum" in schema and value < schema["minimum"]:
        yield _wrong("number_gte", path, f"Must be greater than or equal to {schema['minimum']}")
    if "maximum" in schema and value > schema["maximum"]:
        yield _wrong("number_lte", path, f"Must be less than or equal to {schema['maximum']}")
    if schema.get("format") == "uri" and not value.startswith(_URI):
        yield _wrong("format", path, "Does not match format 'uri'")


def _check_array(
    value: list[Any], schema: Json, schemas: Json, path: tuple[str, ...]
) -> Iterator[dict[str, str]]:
    most = schema.get("maxItems", len(value))
    if len(value) > most:
        yield _wrong("array_max_items", path, f"Array must have at most {most} items")
    for index, item in enumerate(value):
        yield from _check(item, schema["items"], schemas, (*path, str(index)))


def _check_object(
    value: Json, schema: Json, schemas: Json, path: tuple[str, ...]
) -> Iterator[dict[str, str]]:
    properties = schema["properties"]
    for name in schema.get("required", []):
        if name not in value:
            yield _wrong("required", path, f"{name} is required")
    for name, item in value.items():
        if name in properties:
            yield from _check(item, properties[name], schemas, (*path, name))
        elif schema.get("additionalProperties") is False:
            wrong = f"Additional property {name} is not allowed"
            yield _wrong("additional_property_not_allowed", path, wrong)


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer():
        return "integer"
    # Not isinstance: a truth value is an int to Python.
    return next(name for name, types in _TYPES.items() if type(value) in types)


def _wrong(kind: str, path: tuple[str, ...], description: str) -> dict[str, str]:
    return {"type": kind, "field": ".".join(path), "description": description}
