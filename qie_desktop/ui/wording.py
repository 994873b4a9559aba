"""Hints of errors as the window gives them: where the core names an option of the command line, a menu."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qie_desktop.core.errors import CredentialsMissing, ModelNotInstalled, NotReady

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError

_HINTS: Final[dict[type[QieError], str]] = {
    CredentialsMissing: "Add your token in Settings, or choose a model that runs on this machine.",
    ModelNotInstalled: "Get it under Manage Models, or choose another model.",
    NotReady: "Change it under More options, or choose another model.",
}


def worded_for_window(error: QieError | None) -> QieError | None:
    """Return the error with a hint that can be followed in the window."""
    hint = _HINTS.get(type(error)) if error is not None else None
    if error is None or hint is None:
        return error
    return type(error)(error.message, hint)
