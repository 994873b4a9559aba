"""What the API says when it refuses: read from `application/problem+json`, and turned into our errors."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.cloud_errors import CredentialsRefused, PaymentRequired, ProviderError
from qie_desktop.core.errors import InvalidRequest, QieError
from qie_desktop.storage.logs import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

BILLING_PAGE = "https://replicate.com/account/billing"
TOKEN_PAGE = "https://replicate.com/account/api-tokens"

_UNAUTHORISED, _UNPAID, _FORBIDDEN, _MISSING, _INVALID, _THROTTLED = 401, 402, 403, 404, 422, 429
_SERVER_ERRORS = 500
_RESETS = re.compile(r"~\s*(\d+(?:\.\d+)?)\s*s")
_DEFAULT_WAIT_S = 5.0
_MAX_WAIT_S = 60.0
_MAX_DETAIL_CHARS = 300


@dataclass(frozen=True, slots=True)
class InvalidField:
    """A field of the request that the API does not accept."""

    name: str
    problem: str


class Refusal(Exception):
    """An answer of 400 or above. `wait_s` is how long the API asks to wait, within reason."""

    def __init__(
        self, status: int, detail: str = "", fields: tuple[InvalidField, ...] = (), wait_s: float = 0.0
    ) -> None:
        super().__init__(f"{status} {detail}".strip())
        self.status = status
        self.detail = detail
        self.fields = fields
        self.wait_s = wait_s

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        """Read a refusal, whatever its body is."""
        try:
            found: object = json.loads(body)
        except ValueError:
            found = None
        document = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        # Whatever the other side says, a token that it repeats goes no further.
        detail = redact(" ".join(str(document.get("detail") or document.get("title") or "").split()))
        wait_s = _wait_s(headers, document, detail) if status == _THROTTLED else 0.0
        return cls(status, detail[:_MAX_DETAIL_CHARS], _fields(document.get("invalid_fields")), wait_s)

    @property
    def is_throttled(self) -> bool:
        """Whether it is only too soon."""
        return self.status == _THROTTLED

    @property
    def is_server_error(self) -> bool:
        """Whether the server failed: what was asked for may have been done all the same."""
        return self.status >= _SERVER_ERRORS

    @property
    def is_missing(self) -> bool:
        """Whether there is no such thing (any more)."""
        return self.status in {_FORBIDDEN, _MISSING, 410}

    def as_error(self, model_name: str) -> QieError:
        """Return what a person is told."""
        match self.status:
            case 401:
                return CredentialsRefused(
                    "Replicate does not accept the token.",
                    f"Make a new one at {TOKEN_PAGE} and put it in Settings or REPLICATE_API_TOKEN.",
                )
            case 402:
                return PaymentRequired(
                    "The Replicate account has no credit left; nothing was charged.",
                    f"Add credit at {BILLING_PAGE} and try again.",
                )
            case 403:
                return CredentialsRefused(
                    f"The Replicate token may not run {model_name}. {self.detail}".strip(),
                    f"See what the token is allowed to do at {TOKEN_PAGE}.",
                )
            case 404:
                return ProviderError(
                    f"Replicate does not offer {model_name} any more.", "Choose another model."
                )
            case 422 if self.fields:
                first = self.fields[0]
                return InvalidRequest(
                    first.name, f"{model_name} does not accept {first.name}: {first.problem}", "Change it."
                )
            case _:
                return ProviderError(
                    f"Replicate refused the request ({self.status}). {self.detail}".strip(),
                    "Try again later.",
                )


def _wait_s(headers: Mapping[str, str], document: Mapping[str, Any], detail: str) -> float:
    """Return for how long to wait: as the header says, else the body, else its text, else a guess."""
    told = _RESETS.search(detail)
    candidates = (
        headers.get("retry-after"),
        document.get("retry_after"),
        told.group(1) if told else None,
        headers.get("ratelimit-reset"),
    )
    for candidate in candidates:
        try:
            return min(max(float(candidate), 0.0), _MAX_WAIT_S)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
    return _DEFAULT_WAIT_S


def _fields(found: object) -> tuple[InvalidField, ...]:
    if not isinstance(found, list):
        return ()
    items = [cast("dict[str, Any]", item) for item in cast("list[object]", found) if isinstance(item, dict)]
    return tuple(
        InvalidField(
            str(item.get("field", "")).removeprefix("input.") or "input", str(item.get("description", ""))
        )
        for item in items
    )
