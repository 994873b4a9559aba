"""The Replicate token: from the environment, `.env` or the macOS Keychain, and never anywhere else."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Literal

from qie_desktop.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qie_desktop.storage.data_folder import DataFolder

_log = logging.getLogger(__name__)

_SERVICE = "qwen-image-editor"
_VARIABLE = "REPLICATE_API_TOKEN"

TokenSource = Literal["environment", ".env", "keychain"]
"""Where a token was found."""


def is_token(text: str) -> bool:
    """Whether this can be a token at all: what is pasted may be a sentence, or end in an ellipsis."""
    return text.isascii() and text.isprintable() and bool(text) and " " not in text


class ReplicateToken:
    """Where the token is found, in this order: the process environment, `.env`, the Keychain.

    Any thread. The Keychain is asked each time: it may be changed from outside, and may ask the person.
    """

    def __init__(self, folder: DataFolder, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._dot_env = folder.dot_env

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def find(self) -> str | None:
        """Return the token, or None where none is known or the Keychain cannot be read."""
        return self._look()[0]

    def source(self) -> TokenSource | None:
        """Return where `find` finds the token, or None."""
        return self._look()[1]

    def store(self, token: str) -> None:
        """Put the token in the Keychain. Raises StorageError with what to do instead."""
        import keyring  # noqa: PLC0415 - slow to import
        from keyring.errors import KeyringError  # noqa: PLC0415

        token = token.strip()
        if not is_token(token):
            raise StorageError(
                "This is not a Replicate token.", "Copy it whole from replicate.com/account/api-tokens."
            )
        try:
            keyring.set_password(_SERVICE, _VARIABLE, token)
        except (KeyringError, RuntimeError, OSError) as error:
            raise _not_changed("stored", error) from None

    def remove(self) -> None:
        """Take the token out of the Keychain, if it is there. Raises StorageError with what to do instead."""
        import keyring  # noqa: PLC0415 - slow to import
        from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415

        try:
            if keyring.get_password(_SERVICE, _VARIABLE) is not None:
                keyring.delete_password(_SERVICE, _VARIABLE)
        except NoKeyringError:
            return  # without a Keychain there is nothing in it
        except (KeyringError, RuntimeError, OSError) as error:
            raise _not_changed("removed", error) from None

    def _look(self) -> tuple[str, TokenSource] | tuple[None, None]:
        if token := self._environ.get(_VARIABLE, "").strip():
            return token, "environment"
        if token := self._dot_env.get(_VARIABLE, "").strip():
            return token, ".env"
        if token := _from_keychain():
            return token, "keychain"
        return None, None


def _from_keychain() -> str | None:
    import keyring  # noqa: PLC0415 - slow to import
    from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415

    try:
        return keyring.get_password(_SERVICE, _VARIABLE)
    except NoKeyringError:
        return None
    except (KeyringError, RuntimeError, OSError) as error:
        _log.warning("The Keychain could not be read: %s", type(error).__name__)
        return None


def _not_changed(what: str, error: Exception) -> StorageError:
    """Return the error; the cause is told by its name alone, since its text might hold the token."""
    return StorageError(
        f"The token could not be {what}: the Keychain did not allow it ({type(error).__name__}).",
        f"Unlock the Keychain and try again, or set {_VARIABLE} in the environment.",
    )
