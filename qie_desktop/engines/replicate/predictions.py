"""A prediction as the API tells of it, and what its failure means."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.cloud_errors import ContentRefused, ProviderError
from qie_desktop.storage.logs import redact

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError

JSON = dict[str, Any]

_PERCENT = re.compile(r"(\d{1,3})%\|")
_SENSITIVE = re.compile(r"\bE005\b|\bnsfw\b|sensitive|flagged|safety", re.IGNORECASE)
_OUT_OF_MEMORY = re.compile(r"\bE1001\b|out of memory", re.IGNORECASE)
_PROVIDERS_FAULT = re.compile(r"\b(?:E003|E004|E1000|E6716|E8765)\b")
_MAX_ERROR_CHARS = 300


class Status(StrEnum):
    """Where a prediction stands."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes."""
        return self not in {Status.STARTING, Status.PROCESSING}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is known of a prediction. `outputs` are URLs; `billed_images` is None where it is not told."""

    id: str
    status: Status
    outputs: tuple[str, ...] = ()
    error: str = ""
    logs: str = ""
    data_removed: bool = False
    model: str = ""
    input: JSON = field(default_factory=JSON)
    created_at: datetime | None = None
    predict_seconds: float | None = None
    billed_images: int | None = None

    @classmethod
    def of(cls, document: JSON) -> Prediction:
        """Read what the API says. Raises ValueError for a document that is no prediction."""
        try:
            found_id = document["id"]
            status = Status(document["status"])
        except (KeyError, ValueError) as error:
            raise ValueError(f"not a prediction: {error!r}") from error
        if not isinstance(found_id, str) or not found_id:
            raise ValueError("a prediction without an id")
        metrics = _object(document.get("metrics"))
        images = _number(metrics.get("image_count"))
        return cls(
            id=found_id,
            status=status,
            outputs=_urls(document.get("output")),
            error=redact(" ".join(str(document.get("error") or "").split()))[:_MAX_ERROR_CHARS],
            logs=str(document.get("logs") or ""),
            data_removed=document.get("data_removed") is True,
            model=str(document.get("model") or ""),
            input=_object(document.get("input")),
            created_at=_time(document.get("created_at")),
            predict_seconds=_number(metrics.get("predict_time")),
            billed_images=None if images is None else int(images),
        )

    @property
    def fraction(self) -> float | None:
        """How far it is by the last progress bar in its logs, 0–1; None where there is none."""
        found = _PERCENT.findall(self.logs)
        return min(int(found[-1]), 100) / 100 if found else None

    @property
    def failed_by_providers_fault(self) -> bool:
        """Whether it failed because the provider is busy or broken: the same may work a moment later."""
        return self.status is Status.FAILED and _PROVIDERS_FAULT.search(self.error) is not None

    def failure(self, model_name: str) -> QieError:
        """Return what a person is told of a prediction that ended without pictures."""
        match self.status:
            case Status.CANCELED:
                message, hint = f"{model_name} was cancelled at Replicate.", "Run it again."
            case Status.ABORTED:
                message, hint = f"Replicate stopped {model_name} before it began.", "Run it again."
            case Status.SUCCEEDED:
                message, hint = f"{model_name} ended without a picture.", "Run it again, or word it anew."
            case _:
                return self._failure(model_name)
        return ProviderError(message, hint)

    def _failure(self, model_name: str) -> QieError:
        if _SENSITIVE.search(self.error):
            message = f"The safety checker of {model_name} refused this. {self.error}"
            return ContentRefused(message, "Word the prompt differently, or use another picture.")
        if _OUT_OF_MEMORY.search(self.error):
            message = f"{model_name} ran out of memory at Replicate. {self.error}"
            hint = "Use a smaller picture, or ask for a smaller one."
        elif self.failed_by_providers_fault:
            message, hint = f"Replicate could not run {model_name} just now. {self.error}", "Try again later."
        else:
            message, hint = f"{model_name} failed at Replicate. {self.error}", "Change it, or try again."
        return ProviderError(message.strip(), hint)


def _urls(output: object) -> tuple[str, ...]:
    """Return the addresses in an output: a list of them, or a bare one."""
    found = cast("list[object]", output) if isinstance(output, list) else [output]
    return tuple(item for item in found if isinstance(item, str) and item)


def _object(found: object) -> JSON:
    return cast("JSON", found) if isinstance(found, dict) else {}


def _number(found: object) -> float | None:
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def _time(found: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
