from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from qie_desktop.storage.logs import close_log, open_log, redact

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token r8_AbCdEf0123456789 sent", "AbCdEf"),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh"),
        ("{'authorization': 'Token abcdefgh12345678='}", "abcdefgh"),
        ("hf_ABCDEFGHIJ", "ABCDEF"),
        ("image=data:image/png;base64,iVBORw0KGgo= end", "iVBOR"),
    ],
)
def test_secrets_are_redacted(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "…" in redact(text)


def test_plain_words_stay() -> None:
    text = "Job 20261122-101530-7f3a: token by token, a bearer of news; data: none"
    assert redact(text) == text


def test_log_is_a_file_without_secrets_even_in_tracebacks(tmp_path: Path) -> None:
    handler = open_log(tmp_path / "logs")
    logger = logging.getLogger("qie_desktop.somewhere")
    try:
        try:
            int("r8_0123456789abcdef")
        except ValueError:
            logger.exception("sending %s", "Bearer 0123456789abcdef")
    finally:
        close_log(handler)
    logger.error("after the end")
    text = (tmp_path / "logs" / "qie.log").read_text()
    assert "Traceback" in text
    assert "0123456789" not in text
    assert "after the end" not in text
