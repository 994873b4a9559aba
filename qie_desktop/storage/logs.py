"""The log: a few files in turn, in which no secret and no picture can be read."""

from __future__ import annotations

import logging
import re
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from pathlib import Path

_MAX_BYTES = 1_000_000
_KEPT_FILES = 5
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_SECRETS = (
    (re.compile(r"\b(r8|hf)_[A-Za-z0-9]{4,}"), r"\1_…"),
    (re.compile(r"(?i)\b(bearer|token)([ :=]+['\"]?)[A-Za-z0-9._~+/-]{8,}=*"), r"\1\2…"),
    (re.compile(r"data:([\w.+-]+/[\w.+-]+)?(;[\w=-]+)*,[A-Za-z0-9+/=_%-]+"), r"data:\1,…"),
)


def redact(text: str) -> str:
    """Return the text with tokens and the contents of data URIs replaced by an ellipsis."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class _RedactingFormatter(logging.Formatter):
    """Formats a record, its traceback too, and takes the secrets out of all of it."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def open_log(folder: Path, level: int = logging.INFO) -> logging.Handler:
    """Log to `qie.log` in this folder from now on, and return the handler for `close_log`.

    Raises StorageError or DiskFull.
    """
    path = folder / "qie.log"
    with atomic.mapped_errors(path, "write"):
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8")
    handler.setFormatter(_RedactingFormatter(_FORMAT))
    logger = logging.getLogger("qie_desktop")
    logger.addHandler(handler)
    logger.setLevel(level)
    return handler


def close_log(handler: logging.Handler) -> None:
    """Stop logging there and close the file."""
    logging.getLogger("qie_desktop").removeHandler(handler)
    handler.close()
