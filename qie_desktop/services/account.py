"""Whose account a Replicate token is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.cloud_errors import CredentialsRefused
from qie_desktop.core.errors import CredentialsMissing
from qie_desktop.storage.secrets import is_token

if TYPE_CHECKING:
    from qie_desktop.storage.secrets import ReplicateToken


def account_sentence(token: ReplicateToken, typed: str = "") -> str:
    """Return whose account it is, in a sentence: of what was typed, or else of the token that is found.

    Asks Replicate: blocks for seconds, on any thread without an event loop. Raises CredentialsMissing where
    there is no token at all, CredentialsRefused for what cannot be one, and what `check_token` raises.
    """
    from qie_desktop.engines.replicate.account import check_token  # noqa: PLC0415 - most sessions check nothing

    asked_about = typed.strip() or token.find()
    if not asked_about:
        raise CredentialsMissing("There is no token to check.", "Paste one first.")
    if not is_token(asked_about):
        raise CredentialsRefused(
            "This is not a Replicate token.", "Copy it whole from replicate.com/account/api-tokens."
        )
    account = check_token(asked_about)
    return f"This is the account of {account.name or account.username or 'somebody without a name'}."
