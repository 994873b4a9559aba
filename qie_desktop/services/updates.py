"""Whether there is a newer version: asked of the project's releases when the person asks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, cast

from qie_desktop import __version__
from qie_desktop.core.update_errors import UpdateCheckFailed

RELEASES: Final = ""
"""The address that tells of the newest release, as GitHub's API does:
`https://api.github.com/repos/OWNER/REPOSITORY/releases/latest`. Empty: updates are not looked for."""

_LIMIT_S = 10.0
_MAX_BYTES = 1_000_000
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(.*)")
_NO_RELEASE = 404
_OK = 200
_PAGE_STARTS = ("https://", "http://127.0.0.1:")


@dataclass(frozen=True, slots=True)
class Release:
    """The newest release: its version, and the page where a person gets it."""

    version: str
    page: str

    def is_newer_than(self, version: str) -> bool:
        """Whether it comes after this version. Of one number, what has a suffix (`0.2.0rc1`) comes first."""
        return _rank(self.version) > _rank(version)


def newest_release(address: str) -> Release | None:
    """Return the newest release, None where there is none yet. Blocks for seconds; for any thread.

    Raises UpdateCheckFailed.
    """
    import httpx  # noqa: PLC0415 - not before somebody asks

    headers = {"Accept": "application/vnd.github+json", "User-Agent": f"QwenImageEditor/{__version__}"}
    body = b""
    try:
        with httpx.stream("GET", address, headers=headers, timeout=_LIMIT_S, follow_redirects=True) as answer:
            if answer.status_code == _NO_RELEASE:
                return None
            if answer.status_code != _OK:
                raise _failed(f"the answer was {answer.status_code}")
            for part in answer.iter_bytes():
                body += part
                if len(body) > _MAX_BYTES:
                    raise _failed("the answer is too long")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _failed(type(error).__name__) from error
    return _release(body)


def _release(body: bytes) -> Release:
    try:
        told: object = json.loads(body)
    except ValueError as error:
        raise _failed("the answer is not JSON") from error
    found = cast("dict[str, object]", told) if isinstance(told, dict) else {}
    version, page = str(found.get("tag_name") or ""), str(found.get("html_url") or "")
    # It will be opened in the browser: nothing but a page of the web.
    if not _VERSION.fullmatch(version) or not page.startswith(_PAGE_STARTS):
        raise _failed("the answer does not tell of a release")
    return Release(version.removeprefix("v"), page)


def _rank(version: str) -> tuple[tuple[int, ...], bool]:
    found = _VERSION.fullmatch(version)
    if found is None:
        return (), False
    numbers = [int(number) for number in found[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers), not found[2]


def _failed(why: str) -> UpdateCheckFailed:
    return UpdateCheckFailed(
        f"It could not be found out whether there is a newer version ({why}).",
        "Check the connection, and try again later.",
    )
