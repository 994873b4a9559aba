"""What can be done about an error with one click, by its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core import errors

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Remedy:
    """A button: `retries` runs the job again; any other asks the window for help with the error's code."""

    label: str
    retries: bool = False


RETRY = Remedy("Retry", retries=True)
_MODELS = Remedy("Manage Models…")
_IMAGE = Remedy("Choose Another Image…")

REMEDIES: Mapping[str, Remedy | None] = {
    errors.CredentialsMissing.code: Remedy("Add Token…"),
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


def remedies_for(code: str, *, can_retry: bool) -> tuple[Remedy, ...]:
    """Return what to offer for an error, what helps most first; `can_retry`: there is a job to run again."""
    first = REMEDIES.get(code, RETRY)
    if first is None:
        return ()
    offered = (first,) if first is RETRY or code in _NOT_BY_RETRYING else (first, RETRY)
    return tuple(remedy for remedy in offered if can_retry or not remedy.retries)


_NOT_BY_RETRYING = frozenset(code for code, remedy in REMEDIES.items() if remedy is _IMAGE)
