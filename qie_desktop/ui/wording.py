"""What is in the way of a model, as the window says it: in a person's words, and with a way that is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qie_desktop.core.errors import (
    CheckpointDamaged,
    CheckpointError,
    CheckpointIncomplete,
    CheckpointMismatch,
    CredentialsMissing,
    ModelNotInstalled,
    NotReady,
)
from qie_desktop.core.lora_errors import QualityNotInstalled
from qie_desktop.core.machine import this_machine

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec

_HINTS: Final[dict[type[QieError], str]] = {
    CredentialsMissing: f"Add your token in Settings, or choose a model that runs on {this_machine()}.",
    ModelNotInstalled: "Get it under Manage Models, or choose another model.",
    NotReady: "Change it under More options, or choose another model.",
}
"""Where the core names an option of the command line, a menu of the window."""

_CHECKPOINTS: Final[dict[type[QieError], str]] = {
    CheckpointIncomplete: "Some of the files of {model} are missing.",
    CheckpointDamaged: "The files of {model} are damaged.",
    CheckpointMismatch: "The files of {model} do not belong together.",
    CheckpointError: "The files of {model} cannot be used.",
}
_ABOUT_FILES: Final = "Manage Models says which, and takes others."


def worded_for_window(error: QieError | None, spec: ModelSpec) -> QieError | None:
    """Return what is in the way of a model in words that name no files, repositories or options.

    What was said before is the new error's cause.
    """
    if error is None:
        return None
    worded = _worded(error, spec)
    if worded is not error:
        worded.__cause__ = error
    return worded


def _worded(error: QieError, spec: ModelSpec) -> QieError:
    kind = type(error)
    if isinstance(error, QualityNotInstalled):
        about = f": about {error.missing_gb:.0f}\N{NO-BREAK SPACE}GB to download" if error.missing_gb else ""
        return ModelNotInstalled(
            f"{error.quality} is not on {this_machine()} yet{about}. Full quality works without.",
            "Get it under Manage Models, or choose another quality under More options.",
        )
    if isinstance(error, ModelNotInstalled):
        return ModelNotInstalled(_not_installed(error, spec), _HINTS[ModelNotInstalled])
    if kind in _CHECKPOINTS:
        return kind(_CHECKPOINTS[kind].format(model=spec.name), _ABOUT_FILES)
    hint = _HINTS.get(kind)
    return error if hint is None else kind(error.message, hint)


def _not_installed(error: ModelNotInstalled, spec: ModelSpec) -> str:
    """Return what is missing: the model, or one quantisation of it; with its size, where that is known."""
    # The compact text encoder is smaller: which one it will be is not chosen yet.
    about = "about" if error.quantisation else "up to"
    size = f": {about} {error.missing_gb:.0f}\N{NO-BREAK SPACE}GB to download" if error.missing_gb else ""
    what = f"The quantisation {error.quantisation} of {spec.name}" if error.quantisation else spec.name
    return f"{what} is not on {this_machine()} yet{size}."
