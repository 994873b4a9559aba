"""Asking whose token this is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.cloud_errors import ProviderUnreachable

if TYPE_CHECKING:
    from qie_desktop.engines.replicate.wire import JSON

_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True)
class Account:
    """An account at Replicate; `name` may be empty."""

    username: str
    name: str = ""


def check_token(token: str, base_url: str | None = None) -> Account:
    """Return the account of a token. Blocks for seconds, on any thread without an event loop.

    Raises CredentialsRefused, ProviderUnreachable, or what else the API refuses it for.
    """
    return asyncio.run(_check(token, base_url))


async def _check(token: str, base_url: str | None) -> Account:
    from qie_desktop.engines.replicate.refusals import Refusal  # noqa: PLC0415 - slow to import
    from qie_desktop.engines.replicate.wire import NotSent, Unanswered, Wire  # noqa: PLC0415

    wire = Wire(token, base_url)
    try:
        async with asyncio.timeout(_LIMIT_S):
            document = await wire.get("/v1/account")
    except Refusal as refusal:
        raise refusal.as_error("this") from refusal
    except (NotSent, Unanswered, TimeoutError) as error:
        raise ProviderUnreachable(
            "Replicate could not be reached, so the token is not checked.",
            "Check the connection (and HTTPS_PROXY, where there is a proxy), and try again.",
        ) from error
    finally:
        await wire.close()
    return _account(document)


def _account(document: JSON) -> Account:
    return Account(str(document.get("username") or ""), str(document.get("name") or ""))
