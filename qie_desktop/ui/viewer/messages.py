"""An error as a message: what happened, what to do, and what else is known of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qie_desktop.core.cloud_errors import CredentialsRefused, PaymentRequired, SpendingCapReached
from qie_desktop.core.errors import CredentialsMissing, JobInterrupted, ModelNotInstalled, NotReady
from qie_desktop.ui.job_errors import without_commands
from qie_desktop.ui.viewer.message_bar import Kind, Message
from qie_desktop.ui.viewer.remedies import remedies_for

if TYPE_CHECKING:
    from qie_desktop.core.errors import ErrorInfo
    from qie_desktop.core.job import Job

_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_TO_SET_UP = frozenset(
    {
        NotReady.code,
        CredentialsMissing.code,
        CredentialsRefused.code,
        ModelNotInstalled.code,
        PaymentRequired.code,
        SpendingCapReached.code,
        JobInterrupted.code,
    }
)
"""Nothing went wrong: something is still to be done."""


def message_of(error: ErrorInfo, job_id: str = "", job: Job | None = None) -> Message:
    """Return what is told of an error of a job, or of none."""
    facts = [f"Error: {error.code}"]
    if job_id:
        facts.append(f"Job: {job_id}")
    if job is not None:
        facts += [f"Model: {job.request.model_id}", f"Prompt: {job.request.prompt}"]
    error = without_commands(error)
    # The rest of a long message stands below, before what to do.
    title, _, rest = _SENTENCE_END.sub("\n", error.message, count=1).partition("\n")
    return Message(
        kind=Kind.WARNING if error.code in _TO_SET_UP else Kind.ERROR,
        title=title,
        hint=f"{rest} {error.hint}".strip(),
        remedies=remedies_for(error.code, can_retry=bool(job_id)),
        details="\n".join(facts),
        code=error.code,
    )
