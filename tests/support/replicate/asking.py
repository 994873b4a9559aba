"""Inputs for each model, and how tests send them without a client library."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
from PIL import Image

from tests.support.replicate import schemas
from tests.support.replicate_server import ReplicateServer

WAIT = {"Prefer": "wait"}
TIMEOUT_S = 20


def plain_client(server: ReplicateServer, token: str | None = None) -> httpx.Client:
    """Return a client that hides no header and no status."""
    headers = {"Authorization": f"Bearer {token or server.token}"}
    # There is no TLS here; to get ready for it takes longer than most tests.
    return httpx.Client(base_url=server.url, headers=headers, timeout=TIMEOUT_S, verify=False)


def data_uri(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


PHOTO = Image.linear_gradient("L").resize((120, 80)).convert("RGB")
INPUTS: dict[str, dict[str, Any]] = {
    schemas.EDIT: {"image": data_uri(PHOTO)},
    schemas.EDIT_PLUS: {"image": [data_uri(PHOTO), data_uri(PHOTO.rotate(90))]},
    schemas.HUNYUAN: {"aspect_ratio": "21:9"},
    schemas.QWEN_IMAGE: {"aspect_ratio": "2:3", "output_format": "png"},
    schemas.SEEDREAM: {"image_input": [data_uri(PHOTO)], "size": "1K"},
}
"""What each model is sent beside the prompt."""


def create(
    client: httpx.Client,
    model: str = schemas.HUNYUAN,
    /,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> httpx.Response:
    """Create a prediction; `values` come on top of `INPUTS`."""
    body = {"input": {"prompt": "a hat"} | INPUTS[model] | values}
    return client.post(f"/v1/models/{model}/predictions", json=body, headers=headers)


def download(url: str) -> Image.Image:
    """Get a picture without a token, and check that it is what it is said to be."""
    answer = httpx.get(url).raise_for_status()
    image = Image.open(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == Image.MIME[image.format or ""]
    return image
