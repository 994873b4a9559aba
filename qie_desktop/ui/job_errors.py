"""Why a job did not come through, as the window says it: with what can be done in the window."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from qie_desktop.core import cloud_errors, errors
from qie_desktop.services.recovery import can_resume

if TYPE_CHECKING:
    from qie_desktop.core.errors import ErrorInfo
    from qie_desktop.core.job import Job

_FINISHING: Final = "Retry finishes it: it costs nothing more."
_FIRST: Final = {
    errors.CredentialsMissing.code: "Add your token.",
    cloud_errors.CredentialsRefused.code: "Replace the token.",
    errors.DiskFull.code: "Make room on the disk.",
    cloud_errors.ProviderUnreachable.code: "Check the connection.",
}
"""What has to be done before a job can be finished."""

_HINTS: Final = {
    cloud_errors.CredentialsRefused.code: "Make a new one at Replicate, then replace it here.",
    cloud_errors.PaymentRequired.code: "Add credit at Replicate, and try again a few minutes later.",
    cloud_errors.OutcomeUnknown.code: "Its predictions page tells for sure. Running it again may cost again.",
    cloud_errors.ResultExpired.code: "Running it again costs again.",
    cloud_errors.SpendingCapReached.code: "Raise the cap in Settings, or wait until next month.",
}
"""Where a hint leaves out what it may cost, or what of it can be done here."""

_NAMES_A_COMMAND: Final = re.compile(r"`qie |--\w")
_WITHOUT_COMMANDS: Final = {
    errors.DiskFull.code: "Make room on the disk, and try again.",
    errors.ImageSizeOutOfRange.code: "Use a scaled copy of it, or choose another model.",
    errors.JobNotFound.code: "It may have been deleted.",
    errors.JobStateError.code: "Wait until it has ended.",
}
"""In the stead of hints that name the command line."""


def without_commands(error: ErrorInfo) -> ErrorInfo:
    """Return an error with a hint that can be followed in the window."""
    if not _NAMES_A_COMMAND.search(error.hint):
        return error
    return replace(error, hint=_WITHOUT_COMMANDS.get(error.code, ""))


def error_of(job: Job) -> ErrorInfo | None:
    """Return why a job has not come through, or None; of one that is paid for, that it can be finished."""
    if job.error is None:
        return None
    code = job.error.code
    if can_resume(job):
        return replace(job.error, hint=f"{_FIRST.get(code, '')} {_FINISHING}".strip())
    return without_commands(replace(job.error, hint=_HINTS.get(code, job.error.hint)))
