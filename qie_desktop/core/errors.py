"""The one tree of errors that a person may see.

QieError                          failed (exit 1)
├── InvalidRequest                what was asked cannot be done; names the field (exit 2)
│   ├── UnknownModel              no such model; "did you mean"
│   ├── UnknownParameter          the model has no such parameter; "did you mean"
│   └── InputImageError           an input picture cannot be used
│       ├── ImageMissing          no such file, or it cannot be opened
│       ├── ImageEmpty            a file of 0 bytes
│       ├── ImageNotRecognised    not a picture of a format that is read here
│       ├── ImageDamaged          truncated or corrupt
│       ├── ImageTooLarge         more pixels than can be handled (a decompression bomb)
│       └── ImageSizeOutOfRange   a side outside what the model takes
├── NotReady                      something must be set up first (exit 3)
│   ├── CredentialsMissing        a cloud model without a token
│   ├── CredentialsRefused        the provider does not accept the token
│   ├── ModelNotInstalled         weights that are not on this machine
│   ├── LoraMissing               a LoRA that is not in the data folder
│   └── DoesNotFit                a local run that needs more memory than there is: `memory_errors`
├── CheckpointError               weights that are there but cannot be used
│   ├── CheckpointIncomplete      a file of the checkpoint is missing
│   ├── CheckpointDamaged         a file of the checkpoint cannot be read
│   ├── CheckpointMismatch        another architecture, or files that do not belong together
│   └── LoraError                 a LoRA file: damaged, of another model, or of another form
├── EngineError                   the model ran and did not come through
│   ├── OutOfMemory               the machine's memory did not suffice
│   ├── NonFiniteLatents          the numbers overflowed: the picture would be black
│   ├── ProviderUnreachable       nothing was sent: no connection to the provider
│   ├── OutcomeUnknown            a prediction may have been made and paid for, and cannot be found
│   └── ProviderError             the provider did not come through
│       ├── PaymentRequired       the account has no credit
│       ├── ContentRefused        the provider's safety checker refused the prompt or a picture
│       └── ResultExpired         the provider has deleted the result
├── SpendingCapReached            the job would bring the month's spending above its cap
├── StorageError                  a file could not be written or read
│   ├── DiskFull
│   └── JobDamaged                a job's metadata cannot be read
├── DownloadError                 a download did not come through; it can go on where it stopped
│   ├── Offline                   no way to the hub
│   ├── CaptivePortal             something else answers in the hub's place
│   ├── ProxyFailed               the proxy that is set does not do its part
│   ├── HubUnavailable            the hub answers, but does not serve
│   ├── HubFileMissing            a repository or file that the hub does not have
│   ├── HubGated                  a repository that the hub does not give to everybody
│   ├── HubChanged                a repository that changed while it was downloaded
│   ├── FileDamaged               bytes that are not those that the hub says
│   └── DownloadRunning           there is one already (exit 2)
├── JobNotFound                   no such job (exit 2)
├── JobStateError                 the job is not in a state that allows this (exit 2)
├── SettingsError                 a setting that is unknown or has a bad value (exit 2)
├── InternalError                 anything unforeseen, worded for a person
└── JobInterrupted                the program ended while the job ran

Those of the cloud and its costs are written in `qie_desktop.core.cloud_errors`, those of LoRA files in
`lora_errors`, those of downloads in `download_errors`, that of looking for updates, UpdateCheckFailed, in
`update_errors`, all beside this. Cancelling is an outcome, not an error: see `qie_desktop.core.cancel`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """What the command line's exit status means."""

    DONE = 0
    FAILED = 1
    INVALID = 2
    NOT_READY = 3
    CANCELLED = 130


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error as data: what is stored with a job, sent between threads and printed as JSON."""

    code: str
    message: str
    hint: str = ""


class QieError(Exception):
    """An error with a stable code, a message a person can act on and a hint of what to do next."""

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def info(self) -> ErrorInfo:
        """Return the error as frozen data."""
        return ErrorInfo(self.code, self.message, self.hint)


class InvalidRequest(QieError):
    """The request asks for something that cannot be done; `field` names what is wrong."""

    code = "invalid_request"
    exit_code = ExitCode.INVALID

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class UnknownModel(InvalidRequest):
    """No model has this id."""

    code = "unknown_model"


class UnknownParameter(InvalidRequest):
    """The model has no parameter of this name."""

    code = "unknown_parameter"


class InputImageError(InvalidRequest):
    """An input picture cannot be used; the message names the file."""

    code = "bad_image"


class ImageMissing(InputImageError):
    """There is no such file, or it may not be opened."""

    code = "image_missing"


class ImageEmpty(InputImageError):
    """The file has 0 bytes."""

    code = "image_empty"


class ImageNotRecognised(InputImageError):
    """The file is not a picture of a known format, whatever its name says."""

    code = "image_not_recognised"


class ImageDamaged(InputImageError):
    """The picture is truncated or corrupt."""

    code = "image_damaged"


class ImageTooLarge(InputImageError):
    """The picture has more pixels than can be handled."""

    code = "image_too_large"


class ImageSizeOutOfRange(InputImageError):
    """A side of the picture is outside what the model takes."""

    code = "image_size_out_of_range"


class NotReady(QieError):
    """Something must be set up before this can run."""

    code = "not_ready"
    exit_code = ExitCode.NOT_READY


class CredentialsMissing(NotReady):
    """A cloud model was asked for and no token is known."""

    code = "credentials_missing"


class ModelNotInstalled(NotReady):
    """The weights of this model are not on this machine.

    `missing_gb`: how much there is to download, about, where that is known. `quantisation`: its name, where
    nothing else is missing.
    """

    code = "model_not_installed"

    def __init__(
        self, message: str, hint: str = "", *, missing_gb: float = 0.0, quantisation: str = ""
    ) -> None:
        super().__init__(message, hint)
        self.missing_gb = missing_gb
        self.quantisation = quantisation


class CheckpointError(QieError):
    """The weights are there, but they cannot be used."""

    code = "bad_checkpoint"


class CheckpointIncomplete(CheckpointError):
    """A file of the checkpoint is missing."""

    code = "checkpoint_incomplete"


class CheckpointDamaged(CheckpointError):
    """A file of the checkpoint cannot be read."""

    code = "checkpoint_damaged"


class CheckpointMismatch(CheckpointError):
    """The weights are of another architecture, or the files do not belong together."""

    code = "checkpoint_mismatch"


class EngineError(QieError):
    """The model ran and did not come through."""

    code = "engine_failed"


class OutOfMemory(EngineError):
    """The machine's memory did not suffice."""

    code = "out_of_memory"


class NonFiniteLatents(EngineError):
    """The latents hold NaN or infinity: the picture would be black."""

    code = "non_finite_latents"


class StorageError(QieError):
    """A file could not be written or read."""

    code = "storage_failed"


class DiskFull(StorageError):
    """There is no room left on the disk."""

    code = "disk_full"


class JobDamaged(StorageError):
    """A job's metadata cannot be read."""

    code = "job_damaged"


class JobNotFound(QieError):
    """There is no job with this id."""

    code = "job_not_found"
    exit_code = ExitCode.INVALID


class JobStateError(QieError):
    """The job is not in a state that allows what was asked."""

    code = "job_state"
    exit_code = ExitCode.INVALID


class SettingsError(QieError):
    """A setting is unknown or has a value that it cannot take."""

    code = "bad_setting"
    exit_code = ExitCode.INVALID


class InternalError(QieError):
    """Something unforeseen; the log has the details."""

    code = "internal"


class JobInterrupted(QieError):
    """The program ended while the job was queued or running."""

    code = "interrupted"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `Did you mean "x"?` for the nearest known word, or the whole list when none is near."""
    names = list(known)
    near = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    if near:
        return f'Did you mean "{next(name for name in names if name.lower() == near[0])}"?'
    return f"Known: {', '.join(names)}." if names else ""
