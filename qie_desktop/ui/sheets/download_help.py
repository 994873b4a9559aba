"""What helps from outside the app when a download does not get through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from qie_desktop.ui.sheets.download_view import Offer

if TYPE_CHECKING:
    from pathlib import Path

_PAGES = {
    # What macOS itself opens to find out whether a network wants a login first.
    Offer.LOGIN_PAGE: "http://captive.apple.com/",
    Offer.NETWORK: "x-apple.systempreferences:com.apple.Network-Settings.extension",
}
_HUB = "https://huggingface.co/"


def open_help(offer: Offer, cache: Path, repo: str) -> None:
    """Open the page, the settings or the folder that a button names. Returns at once."""
    match offer:
        case Offer.CACHE_FOLDER:
            while not cache.exists() and cache != cache.parent:
                cache = cache.parent
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(cache)))
        case Offer.MODEL_PAGE:
            QDesktopServices.openUrl(QUrl(f"{_HUB}{repo}"))
        case _:
            QDesktopServices.openUrl(QUrl(_PAGES[offer]))
