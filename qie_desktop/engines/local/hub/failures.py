"""What goes wrong on the way to the hub, as errors of this project."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qie_desktop.core.download_errors import (
    CaptivePortal,
    DownloadError,
    HubChanged,
    HubFileMissing,
    HubGated,
    HubUnavailable,
    Offline,
    ProxyFailed,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx2

    from qie_desktop.core.errors import QieError

DEFAULT_ENDPOINT = "https://huggingface.co"
_GO_ON = "What has come is kept: download again, and it goes on from there."
_BAD, _UNAUTHORISED, _FORBIDDEN, _NOT_FOUND, _GONE, _TOO_MANY, _PORTAL = 400, 401, 403, 404, 410, 429, 511
_PROXY_AUTHENTICATION = 407
_PATIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_CERTIFICATE = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed")
_UNKNOWN_NAME = (
    "name or service not known",
    "nodename nor servname",
    "temporary failure in name",
    "getaddrinfo",
)
_ERROR_CODE = "X-Error-Code"


class TryAgain(Exception):
    """Something that may be better in a moment: `error` is what it is when it is not.

    `wait_s` is how long the server asked for, where it did.
    """

    def __init__(self, error: QieError, wait_s: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait_s = wait_s


def endpoint() -> str:
    """Return the hub's address: that of `HF_ENDPOINT`, a mirror for instance, or the hub's own."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def host() -> str:
    """Return the hub's name, for messages."""
    return urlsplit(endpoint()).netloc or endpoint()


@contextmanager
def mapped_failures(repo: str) -> Generator[None]:
    """Raise what the connection and the library raise as TryAgain or a DownloadError about `repo`."""
    import httpx2  # noqa: PLC0415 - only when something is downloaded
    from huggingface_hub import errors  # noqa: PLC0415

    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise Offline(
            "Downloads are switched off: HF_HUB_OFFLINE is set.", "Unset HF_HUB_OFFLINE and download again."
        ) from error
    except errors.HfHubHTTPError as error:
        raise_for(error.response, repo)
        raise HubUnavailable(f"{host()} could not be asked for {repo}.", _GO_ON) from error
    except httpx2.ProxyError as error:
        raise TryAgain(
            ProxyFailed(
                f"The proxy does not let the download through: {error}.",
                "Check HTTPS_PROXY and the network settings. " + _GO_ON,
            )
        ) from error
    except httpx2.TooManyRedirects as error:
        raise _portal() from error
    except httpx2.ConnectError as error:
        raise _unreachable(error) from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise DownloadError(
            f"{endpoint()} is not an address of a hub.", "Set HF_ENDPOINT to an address, or unset it."
        ) from error
    except httpx2.RequestError as error:
        # What breaks off, what comes too late, and what cannot be unpacked.
        raise TryAgain(
            HubUnavailable(f"The connection to {host()} breaks off again and again ({_name(error)}).", _GO_ON)
        ) from error


def raise_for(response: httpx2.Response, repo: str, name: str = "") -> None:
    """Raise what an answer that is none means; return where the answer is one."""
    status, code = response.status_code, response.headers.get(_ERROR_CODE, "")
    if status < _BAD:
        return
    what = f"{name} of {repo}" if name else repo
    if status == _PORTAL:
        raise _portal()
    if status == _PROXY_AUTHENTICATION:
        raise ProxyFailed("The proxy wants a name and a password.", "Put them into HTTPS_PROXY.")
    if status in _PATIENT:
        asked = "asks for patience" if status == _TOO_MANY else "has trouble"
        error = HubUnavailable(f"{host()} {asked} (HTTP {status}).", "Try later. " + _GO_ON)
        raise TryAgain(error, retry_after(response))
    if code == "GatedRepo" or (status in {_UNAUTHORISED, _FORBIDDEN} and code != "RepoNotFound"):
        raise HubGated(
            f"{repo} is not given to everybody (HTTP {status}).",
            f"Accept its terms at {endpoint()}/{repo} and set HF_TOKEN to a token of your account.",
        )
    if code == "RevisionNotFound":
        raise HubChanged(f"{repo} has changed on {host()} in the meantime.", _GO_ON)
    if status in {_NOT_FOUND, _GONE, _UNAUTHORISED}:
        raise HubFileMissing(
            f"{what} is not on {host()}.", "It may have been renamed: look for a newer version of this app."
        )
    raise HubUnavailable(f"{host()} refuses {what} (HTTP {status}).", "Try later. " + _GO_ON)


def retry_after(response: httpx2.Response) -> float | None:
    """Return how many seconds the server asks to wait: `Retry-After`, or the hub's own `RateLimit`."""
    from huggingface_hub.utils import parse_ratelimit_headers  # noqa: PLC0415

    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    limit = parse_ratelimit_headers(response.headers)
    return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else None


def refuse_web_page(response: httpx2.Response) -> None:
    """Raise CaptivePortal where a page for people came instead of data."""
    if "html" in response.headers.get("Content-Type", "").lower():
        raise _portal()


def _portal() -> CaptivePortal:
    return CaptivePortal(
        f"This network answers in the place of {host()}, probably with a login page.",
        "Open a browser, log in to the network, and download again.",
    )


def _unreachable(error: Exception) -> Exception:
    text = str(error)
    if any(mark in text for mark in _CERTIFICATE):
        return CaptivePortal(
            f"What answers in the place of {host()} cannot prove that it is: its certificate is another's.",
            "Log in to the network in a browser. Behind a company's filter, set SSL_CERT_FILE to its "
            "certificates.",
        )
    known = (
        "its name is not known" if any(mark in text.lower() for mark in _UNKNOWN_NAME) else "no connection"
    )
    return TryAgain(Offline(f"{host()} cannot be reached: {known}.", "Check the network. " + _GO_ON))


def _name(error: Exception) -> str:
    return str(error) or type(error).__name__
