"""What the card under the parts says and offers: worked out from plan, state and error, without a widget."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from qie_desktop.core import download_errors
from qie_desktop.core.download import TaskKind, TaskPhase
from qie_desktop.core.errors import DiskFull
from qie_desktop.ui.download_words import percent_text
from qie_desktop.ui.sheets.download_words import amount_text, progress_text
from qie_desktop.ui.sheets.wording import bytes_text, capitalised

if TYPE_CHECKING:
    from qie_desktop.core.download import DownloadPlan, DownloadState
    from qie_desktop.core.errors import ErrorInfo
    from qie_desktop.core.model_parts import DownloadChoice


class Offer(Enum):
    """What a button of the card does, and what it says; in the order in which they stand."""

    DISCARD = "Discard"
    CACHE_FOLDER = "Show Folder"
    NETWORK = "Network Settings…"
    LOGIN_PAGE = "Open Login Page"
    MODEL_PAGE = "Open Its Page"
    STOP = "Stop"
    PAUSE = "Pause"
    RETRY = "Retry"
    RESUME = "Resume"
    DOWNLOAD = "Download"


_HELP: dict[str, tuple[Offer, ...]] = {
    download_errors.Offline.code: (Offer.NETWORK,),
    download_errors.ProxyFailed.code: (Offer.NETWORK,),
    download_errors.CaptivePortal.code: (Offer.LOGIN_PAGE,),
    download_errors.HubGated.code: (Offer.MODEL_PAGE,),
    DiskFull.code: (Offer.CACHE_FOLDER,),
}
"""What helps with an error besides trying again."""

_ONLY_ON_A_MAC = {Offer.NETWORK}


@dataclass(frozen=True, slots=True)
class CardView:
    """What the card shows. `fraction` None with `is_running`: how far it is, nobody knows yet."""

    title: str
    details: str = ""
    verdict: str = "muted"
    is_running: bool = False
    shows_bar: bool = False
    fraction: float | None = None
    primary: Offer | None = None
    others: tuple[Offer, ...] = ()


LOOKING = CardView("Looking at what is here…")


def card_view(
    plan: DownloadPlan | None,
    state: DownloadState | None,
    choice: DownloadChoice,
    refused: ErrorInfo | None = None,
    *,
    damaged: bool = False,
) -> CardView:
    """Return what there is to say: of what runs, else of what went wrong, else of what is chosen.

    `damaged`: there are files that a check has found to be so.
    """
    if state is not None and state.is_running:
        return _running(state)
    if refused is not None:
        return _wrong(refused, Offer.DOWNLOAD if plan is not None and plan.missing_bytes else None)
    if state is not None and _is_to_be_told(state, choice, damaged=damaged):
        return _stopped(state)
    if plan is None:
        return LOOKING
    if plan.is_installed:
        return _installed(plan, state)
    return _planned(plan)


def _is_to_be_told(state: DownloadState, choice: DownloadChoice, *, damaged: bool) -> bool:
    """Whether a download of this choice has stopped, or a check has found something that is still so."""
    if state.task is TaskKind.DOWNLOAD:
        return state.is_resumable and state.choice == choice
    if state.phase is not TaskPhase.FAILED or state.error is None:
        return False
    return damaged or state.error.code != download_errors.FileDamaged.code


def _running(state: DownloadState) -> CardView:
    checks = state.task is TaskKind.VERIFY
    what = "Checking" if checks else f"Downloading {state.choice.quantisation}"
    details = progress_text(state)
    match state.phase:
        case TaskPhase.STARTING:
            details = "Starting…"
        case TaskPhase.WAITING:
            details = state.detail or "Waiting…"
        case TaskPhase.CHECKING if not checks:
            details = f"Checking what has come · {progress_text(state)}"
        case _:
            details = details or "Asking what there is…"
    return CardView(
        f"{what} · {percent_text(state.fraction)}" if state.fraction else f"{what}…",
        details,
        "warning" if state.phase is TaskPhase.WAITING else "muted",
        is_running=True,
        shows_bar=True,
        fraction=state.fraction if state.bytes_done else None,
        others=(Offer.STOP if checks else Offer.PAUSE,),
    )


def _stopped(state: DownloadState) -> CardView:
    if state.error is not None and state.phase is TaskPhase.FAILED:
        damaged = state.error.code == download_errors.FileDamaged.code
        checks = state.task is TaskKind.VERIFY
        view = _wrong(state.error, Offer.DOWNLOAD if damaged and checks else Offer.RETRY)
    else:
        how = "is paused" if state.phase is TaskPhase.PAUSED else "was interrupted"
        came = amount_text(state.bytes_done, state.bytes_total) if state.bytes_total else "What has come"
        view = CardView(
            f"The download of {state.choice.quantisation} {how}.",
            f"{came} {'are' if state.bytes_total else 'is'} here, and kept.",
            primary=Offer.RESUME,
            others=(Offer.DISCARD,),
        )
    if state.task is TaskKind.VERIFY:
        return view
    return replace(view, shows_bar=bool(state.fraction), fraction=state.fraction)


def _wrong(error: ErrorInfo, again: Offer | None) -> CardView:
    help_with = tuple(
        offer
        for offer in _HELP.get(error.code, ())
        if offer not in _ONLY_ON_A_MAC or sys.platform == "darwin"
    )
    return CardView(error.message, error.hint, "danger", primary=again, others=help_with)


def _installed(plan: DownloadPlan, state: DownloadState | None) -> CardView:
    size = bytes_text(sum(part.byte_count for part in plan.parts))
    name = plan.choice.quantisation
    if state is not None and state.phase is TaskPhase.DONE and state.task is TaskKind.VERIFY:
        return CardView(
            "Everything is as it should be.", "Each file has the hash that it should have.", "success"
        )
    return CardView(f"{name} is ready to use.", f"All its files are here: {size}.", "success")


def _planned(plan: DownloadPlan) -> CardView:
    missing, free = bytes_text(plan.missing_bytes), bytes_text(plan.free_bytes)
    title = f"{plan.choice.quantisation}: {missing} to download"
    if plan.fits_disk:
        return CardView(title, f"{capitalised(free)} are free on the disk.", primary=Offer.DOWNLOAD)
    needed = bytes_text(plan.missing_bytes + plan.spare_bytes)
    return CardView(
        title,
        f"There is not enough room on the disk: {needed} are needed, {free} are free.",
        "danger",
        others=(Offer.CACHE_FOLDER,),
    )
