"""What can be done about an error with one click, by its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core import cloud_errors, errors

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Remedy:
    """A button: `retries` runs the job again, or finishes it; any other asks for help with the code."""

    label: str
    retries: bool = False


RETRY = Remedy("Retry", retries=True)
_MODELS = Remedy("Manage Models…")
_IMAGE = Remedy("Choose Another Image…")
_AGAIN = Remedy("Run Again", retries=True)
"""Instead of Retry, where it is told that it costs again."""

REMEDIES: Mapping[str, Remedy | None] = {
    errors.CredentialsMissing.code: Remedy("Add Token…"),
    cloud_errors.CredentialsRefused.code: Remedy("Replace Token…"),
    cloud_errors.PaymentRequired.code: Remedy("Add Credit…"),
    cloud_errors.ContentRefused.code: Remedy("Change the Prompt"),
    cloud_errors.OutcomeUnknown.code: _AGAIN,
    cloud_errors.ResultExpired.code: _AGAIN,
    cloud_errors.SpendingCapReached.code: Remedy("Change the Cap…"),
    errors.ModelNotInstalled.code: _MODELS,
    errors.NotReady.code: _MODELS,
    errors.CheckpointError.code: _MODELS,
    errors.CheckpointIncomplete.code: _MODELS,
    errors.CheckpointDamaged.code: _MODELS,
    errors.CheckpointMismatch.code: _MODELS,
    errors.OutOfMemory.code: Remedy("Choose Smaller Quantisation…"),
    errors.DiskFull.code: Remedy("Free Up Space…"),
    errors.SettingsError.code: Remedy("Settings…"),
    errors.InputImageError.code: _IMAGE,
    errors.ImageMissing.code: _IMAGE,
    errors.ImageEmpty.code: _IMAGE,
    errors.ImageNotRecognised.code: _IMAGE,
    errors.ImageDamaged.code: _IMAGE,
    errors.ImageTooLarge.code: _IMAGE,
    errors.ImageSizeOutOfRange.code: _IMAGE,
    errors.InvalidRequest.code: None,
    errors.UnknownModel.code: None,
    errors.UnknownParameter.code: None,
    errors.JobNotFound.code: None,
    errors.JobDamaged.code: None,
    errors.JobStateError.code: None,
}
"""What helps with each error; None where nothing but other words does. Of any other, trying again may."""


_BESIDE: Mapping[str, Remedy | None] = {
    cloud_errors.OutcomeUnknown.code: Remedy("See Predictions…"),
    cloud_errors.ContentRefused.code: None,
    **dict.fromkeys((code for code, remedy in REMEDIES.items() if remedy is _IMAGE), None),
}
"""What stands beside that, where it is not Retry."""


def remedies_for(code: str, *, can_retry: bool) -> tuple[Remedy, ...]:
    """Return what to offer for an error, what helps most first; `can_retry`: there is a job to run again."""
    first = REMEDIES.get(code, RETRY)
    if first is None:
        return ()
    beside = _BESIDE.get(code, None if first.retries else RETRY)
    return tuple(
        remedy for remedy in (first, beside) if remedy is not None and (can_retry or not remedy.retries)
    )
