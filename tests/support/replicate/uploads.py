"""The files that were sent, and what the URIs in an input stand for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from tests.support.replicate import schemas

if TYPE_CHECKING:
    from tests.support.replicate.wire import Json, Part


class Uploads:
    """Files by their ids. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, tuple[Json, bytes]] = {}

    def add(self, part: Part, api_url: str) -> Json:
        """Keep a file, and return what the API tells of it."""
        identifier = secrets.token_hex(13)
        now = datetime.now(UTC)
        sha256 = hashlib.sha256(part.content).hexdigest()
        md5 = hashlib.md5(part.content, usedforsecurity=False).hexdigest()
        described = {
            "id": identifier,
            "name": part.filename or "content",
            "content_type": part.content_type,
            "size": len(part.content),
            "etag": sha256[:32],
            "checksums": {"sha256": sha256, "md5": md5},
            "metadata": {},
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(days=1)).isoformat(),
            "urls": {"get": f"{api_url}/v1/files/{identifier}"},
        }
        with self._lock:
            self._files[identifier] = (described, part.content)
        return described

    def get(self, identifier: str) -> Json | None:
        """Return what the API tells of a file; None where it knows none."""
        with self._lock:
            return self._files[identifier][0] if identifier in self._files else None

    def delete(self, identifier: str) -> None:
        """Forget a file."""
        with self._lock:
            self._files.pop(identifier, None)

    def contents(self, values: Json) -> tuple[bytes, ...]:
        """Return the files of all pictures of an input, in order; an empty one where there is nothing."""
        sent: list[Any] = []
        for name in schemas.PICTURE_FIELDS:
            value = values.get(name, [])
            sent += value if isinstance(value, list) else [value]
        return tuple(self._content(uri) for uri in sent)

    def _content(self, uri: str) -> bytes:
        if uri.startswith("data:"):
            return _read_data_uri(uri)
        with self._lock:
            return next(
                (content for told, content in self._files.values() if told["urls"]["get"] == uri), b""
            )


def _read_data_uri(uri: str) -> bytes:
    head, _, text = uri.partition(",")
    if not head.endswith(";base64"):
        return unquote_to_bytes(text)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
