"""The five models as the API describes them: what each takes, and its OpenAPI schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.replicate.wire import Json

EDIT = "qwen/qwen-image-edit"
EDIT_PLUS = "qwen/qwen-image-edit-plus"
HUNYUAN = "tencent/hunyuan-image-3"
QWEN_IMAGE = "qwen/qwen-image"
SEEDREAM = "bytedance/seedream-4"

MATCH_INPUT = "match_input_image"

_REF = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model's input."""

    name: str
    schema: Json
    default: Any = None
    choices: tuple[str, ...] = ()
    required: bool = False


def _text(name: str, default: str | None = None, *, required: bool = False) -> Field:
    return Field(name, {"type": "string"}, default, required=required)


def _switch(name: str, *, default: bool) -> Field:
    return Field(name, {"type": "boolean"}, default)


def _number(kind: str, name: str, low: float, high: float, default: float) -> Field:
    return Field(name, {"type": kind, "minimum": low, "maximum": high}, default)


def _choice(name: str, default: str, *others: str) -> Field:
    return Field(name, {}, default, (default, *others))


def _picture(name: str, *, required: bool = False) -> Field:
    return Field(name, {"type": "string", "format": "uri"}, required=required)


def _pictures(name: str, *, required: bool = False, most: int | None = None) -> Field:
    schema: Json = {"type": "array", "items": {"type": "string", "format": "uri"}}
    return Field(name, schema | ({"maxItems": most} if most else {}), None if required else [], (), required)


_PROMPT = _text("prompt", required=True)
_SEED = Field("seed", {"type": "integer", "nullable": True})
_GO_FAST = _switch("go_fast", default=True)


def _encoding(quality: int) -> tuple[Field, ...]:
    return (
        _choice("output_format", "webp", "jpg", "png"),
        _number("integer", "output_quality", 0, 100, quality),
        _switch("disable_safety_checker", default=False),
    )


FIELDS: dict[str, tuple[Field, ...]] = {
    EDIT: (_PROMPT, _picture("image", required=True), _GO_FAST, _SEED, *_encoding(80)),
    EDIT_PLUS: (
        _PROMPT,
        _pictures("image", required=True),
        _choice("aspect_ratio", MATCH_INPUT, "1:1", "16:9", "9:16", "4:3", "3:4"),
        _GO_FAST,
        _SEED,
        *_encoding(95),
    ),
    HUNYUAN: (
        _PROMPT,
        _choice(
            "aspect_ratio",
            *("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"),
        ),
        _GO_FAST,
        _SEED,
        *_encoding(95),
    ),
    QWEN_IMAGE: (
        _PROMPT,
        _choice("aspect_ratio", "16:9", "1:1", "9:16", "4:3", "3:4", "3:2", "2:3"),
        _choice("image_size", "optimize_for_quality", "optimize_for_speed"),
        _number("number", "guidance", 0, 10, 3),
        _number("integer", "num_inference_steps", 1, 50, 30),
        _text("negative_prompt", " "),
        _switch("enhance_prompt", default=False),
        _GO_FAST,
        _SEED,
        *_encoding(80),
        _picture("image"),
        _number("number", "strength", 0, 1, 0.9),
        _text("lora_weights"),
        Field("lora_scale", {"type": "number"}, 1),
    ),
    SEEDREAM: (
        _PROMPT,
        _pictures("image_input", most=10),
        _choice("size", "2K", "1K", "4K", "custom"),
        _number("integer", "width", 1024, 4096, 2048),
        _number("integer", "height", 1024, 4096, 2048),
        _choice("aspect_ratio", MATCH_INPUT, "1:1", "4:3", "3:4", "16:9", "9:16", "2:3", "3:2", "21:9"),
        _choice("sequential_image_generation", "disabled", "auto"),
        _number("integer", "max_images", 1, 15, 1),
        _switch("enhance_prompt", default=True),
    ),
}
"""By the models' names, in the order in which the API shows them."""

PICTURE_FIELDS = ("image", "image_input")
"""Where a model takes pictures, one or a list of them."""


def components(model: str) -> Json:
    """Return the schemas of a model, `Input` among them. Each choice is a schema of its own, as there."""
    properties: Json = {}
    schemas: Json = {}
    for order, item in enumerate(FIELDS[model]):
        schema: Json = {"x-order": order, "description": f"The {item.name.replace('_', ' ')}."}
        if item.choices:
            schemas[item.name] = {"enum": list(item.choices), "type": "string", "title": item.name}
            schema["allOf"] = [{"$ref": _REF + item.name}]
        else:
            schema |= item.schema | {"title": item.name.replace("_", " ").title()}
        if item.default is not None:
            schema["default"] = item.default
        properties[item.name] = schema
    schemas["Input"] = {
        "type": "object",
        "title": "Input",
        "required": [item.name for item in FIELDS[model] if item.required],
        "properties": properties,
    }
    schemas["Output"] = {
        "type": "array",
        "items": {"type": "string", "format": "uri"},
        "title": "Output",
    }
    return schemas


def describe(model: str, schemas: Json) -> Json:
    """Return what `GET /v1/models/{owner}/{name}` answers."""
    owner, name = model.split("/")
    return {
        "url": f"https://replicate.com/{model}",
        "owner": owner,
        "name": name,
        "description": None,
        "visibility": "public",
        "is_official": True,
        "github_url": None,
        "paper_url": None,
        "license_url": None,
        "run_count": 1000,
        "cover_image_url": None,
        "default_example": None,
        "latest_version": {
            "id": "hidden",
            "created_at": "2026-11-01T00:00:00.000000Z",
            "cog_version": "0.16.8",
            "openapi_schema": {
                "openapi": "3.0.2",
                "info": {"title": "Cog", "version": "0.1.0"},
                "components": {"schemas": schemas},
            },
        },
    }


def default(model: str, name: str) -> Any:
    """Return what a field is when it is not sent; None where the model has no such field."""
    return next((item.default for item in FIELDS[model] if item.name == name), None)
