"""Keeping the libraries' own progress bars and chatter off the terminal; problems still reach the log."""

from __future__ import annotations

from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging


def quieten_libraries() -> None:
    """Turn off progress bars, and messages below errors, of diffusers and transformers."""
    for library in (diffusers_logging, transformers_logging):
        library.disable_progress_bar()
        library.set_verbosity_error()
