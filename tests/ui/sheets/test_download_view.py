from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from qie_desktop.core import download_errors
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.download import DownloadPlan, DownloadState, PartState, TaskKind, TaskPhase
from qie_desktop.core.errors import DiskFull, ErrorInfo
from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from qie_desktop.core.model_parts import DownloadChoice, chosen_parts
from qie_desktop.ui.download_words import brief_text, percent_text
from qie_desktop.ui.sheets.download_view import LOOKING, Offer, card_view
from qie_desktop.ui.sheets.download_words import amount_text, part_words, progress_text, time_left_text

GB = 10**9
MODEL = find_model("qwen-image-edit-2509-gguf")
CHOICE = DownloadChoice(MODEL.id, "Q5_K_S")
PARTS = chosen_parts(MODEL, LOCAL_WEIGHTS, CHOICE)
RUNNING = DownloadState(
    TaskKind.DOWNLOAD,
    CHOICE,
    tuple(part.id for part in PARTS),
    TaskPhase.DOWNLOADING,
    file="Qwen-Image-Edit-2509-Q5_K_S.gguf",
    bytes_done=6_200_000_000,
    bytes_total=31_400_000_000,
    bytes_per_second=45e6,
    seconds_left=540.0,
)
CHECK = replace(RUNNING, task=TaskKind.VERIFY, choice=DownloadChoice(MODEL.id, ""), part_ids=("Q5_K_S",))


def plan(free: int = 200 * GB, *, installed: bool = False) -> DownloadPlan:
    states = tuple(
        PartState(part, installed, int(part.gb * GB) * installed, int(part.gb * GB) * (not installed))
        for part in PARTS
    )
    return DownloadPlan(CHOICE, states, free, 2 * GB)


def test_what_is_to_come_and_what_is_free_are_told_before() -> None:
    view = card_view(plan(), None, CHOICE)
    assert (view.title, view.details) == ("Q5_K_S: 32.7 GB to download", "200.0 GB are free on the disk.")
    assert (view.primary, view.others) == (Offer.DOWNLOAD, ())


def test_what_has_no_room_cannot_be_begun() -> None:
    view = card_view(plan(20 * GB), None, CHOICE)
    assert view.details == "There is not enough room on the disk: 34.7 GB are needed, 20.0 GB are free."
    assert (view.verdict, view.primary, view.others) == ("danger", None, (Offer.CACHE_FOLDER,))


def test_while_it_runs_amount_rate_and_time_left_are_told() -> None:
    view = card_view(plan(), RUNNING, CHOICE)
    assert view.title == "Downloading Q5_K_S · 19%"
    assert view.details == "6.2 of 31.4 GB · 45.0 MB/s · about 9 min left"
    assert view.shows_bar
    assert view.fraction == pytest.approx(0.197, abs=0.001)
    assert (view.primary, view.others) == (None, (Offer.PAUSE,))


def test_what_runs_comes_before_all_else() -> None:
    refused = ErrorInfo("disk_full", "No room.")
    other = replace(CHOICE, quantisation="Q8_0")
    assert card_view(plan(installed=True), RUNNING, other, refused).title.startswith("Downloading Q5_K_S")


@pytest.mark.parametrize(
    ("phase", "detail", "told"),
    [
        (TaskPhase.STARTING, "", "Starting…"),
        (TaskPhase.WAITING, "huggingface.co asks for patience.", "huggingface.co asks for patience."),
        (TaskPhase.CHECKING, "", "Checking what has come · 6.2 of 31.4 GB · 45.0 MB/s · about 9 min left"),
    ],
)
def test_what_it_is_at_is_told(phase: TaskPhase, detail: str, told: str) -> None:
    assert card_view(plan(), replace(RUNNING, phase=phase, detail=detail), CHOICE).details == told


@pytest.mark.parametrize(
    ("phase", "how"), [(TaskPhase.PAUSED, "is paused"), (TaskPhase.INTERRUPTED, "was interrupted")]
)
def test_what_has_stopped_can_go_on_or_be_discarded(phase: TaskPhase, how: str) -> None:
    view = card_view(plan(), replace(RUNNING, phase=phase), CHOICE)
    assert view.title == f"The download of Q5_K_S {how}."
    assert view.details == "6.2 of 31.4 GB are here, and kept."
    assert (view.primary, view.others, view.shows_bar) == (Offer.RESUME, (Offer.DISCARD,), True)


def test_another_choice_is_told_of_though_one_is_paused() -> None:
    paused = replace(RUNNING, phase=TaskPhase.PAUSED)
    assert card_view(plan(), paused, replace(CHOICE, lightning=False)).primary is Offer.DOWNLOAD


def test_what_is_here_is_told() -> None:
    view = card_view(plan(installed=True), None, CHOICE)
    assert (view.title, view.primary) == ("Q5_K_S is ready to use.", None)
    assert view.details == "All its files are here: 32.7 GB."


NETWORK = (Offer.NETWORK,) if sys.platform == "darwin" else ()
HELP = {
    "offline": NETWORK,
    "proxy_failed": NETWORK,
    "captive_portal": (Offer.LOGIN_PAGE,),
    "hub_gated": (Offer.MODEL_PAGE,),
    "disk_full": (Offer.CACHE_FOLDER,),
}
CODES = sorted(
    {
        each.code
        for each in vars(download_errors).values()
        if isinstance(each, type) and issubclass(each, download_errors.DownloadError)
    }
    | {DiskFull.code}
)


@pytest.mark.parametrize("code", CODES)
def test_every_error_is_told_with_its_hint_and_a_way_on(code: str) -> None:
    error = ErrorInfo(code, "It went wrong.", "Do this.")
    view = card_view(plan(), replace(RUNNING, phase=TaskPhase.FAILED, error=error), CHOICE)
    assert (view.title, view.details, view.verdict) == ("It went wrong.", "Do this.", "danger")
    assert (view.primary, view.others) == (Offer.RETRY, HELP.get(code, ()))


def test_what_is_refused_at_once_is_told_as_well() -> None:
    refused = ErrorInfo("disk_full", "There is no room.", "Make some.")
    view = card_view(plan(), None, CHOICE, refused)
    assert (view.title, view.primary) == ("There is no room.", Offer.DOWNLOAD)


def test_a_check_tells_what_it_has_found() -> None:
    assert card_view(plan(), CHECK, CHOICE).others == (Offer.STOP,)
    done = replace(CHECK, phase=TaskPhase.DONE)
    assert card_view(plan(installed=True), done, CHOICE).title == "Everything is as it should be."
    error = ErrorInfo("file_damaged", "A file is damaged.", "Download it again.")
    failed = replace(CHECK, phase=TaskPhase.FAILED, error=error)
    view = card_view(plan(), failed, CHOICE, damaged=True)
    assert (view.title, view.primary) == ("A file is damaged.", Offer.DOWNLOAD)
    # Once it is mended or deleted nobody hears of it any more.
    assert card_view(plan(installed=True), failed, CHOICE).title == "Q5_K_S is ready to use."
    stopped = replace(CHECK, phase=TaskPhase.PAUSED)
    assert card_view(plan(), stopped, CHOICE).primary is Offer.DOWNLOAD


def test_before_anything_is_known() -> None:
    assert card_view(None, None, CHOICE) is LOOKING


def part(there: int, missing: int, *, installed: bool = False, damaged: tuple[str, ...] = ()) -> PartState:
    return PartState(PARTS[2], installed, there, missing, damaged=damaged)


def test_states_of_a_part() -> None:
    half = part(7 * GB, 7 * GB)
    paused = replace(RUNNING, phase=TaskPhase.PAUSED)
    assert part_words(part(0, GB), None).text == "Not downloaded"
    assert part_words(part(GB, 0, installed=True), None).text == "Installed"
    assert part_words(part(GB, 0, installed=True), CHECK).text == "Checking"
    assert part_words(part(GB, 0, damaged=("x",)), None).text == "Damaged"
    assert part_words(half, None).text == "Incomplete · 50%"
    assert part_words(half, RUNNING).text == "50%"
    assert part_words(half, RUNNING).fraction == 0.5
    assert part_words(part(0, GB), replace(RUNNING, file="model.safetensors")).text == "Waiting"
    assert part_words(half, paused).text == "Paused · 50%"
    assert part_words(half, replace(paused, phase=TaskPhase.INTERRUPTED)).text == "Interrupted · 50%"


def test_words_for_who_waits() -> None:
    assert brief_text(RUNNING) == "downloading 19%"
    assert brief_text(RUNNING, "Q5_K_S") == "downloading 19%"
    assert brief_text(RUNNING, "Q8_0") == ""
    assert brief_text(replace(RUNNING, phase=TaskPhase.STARTING, bytes_done=0)) == "downloading…"
    assert brief_text(replace(RUNNING, phase=TaskPhase.PAUSED)) == "download paused at 19%"
    assert brief_text(replace(RUNNING, phase=TaskPhase.DONE)) == ""
    assert brief_text(CHECK) == ""
    assert brief_text(None) == ""


def test_figures_are_written_as_finder_does() -> None:
    assert percent_text(0.9999) == "99%"
    assert percent_text(1.0) == "100%"
    assert amount_text(900_000_000, 31 * GB) == "900 MB of 31.0 GB"
    assert [time_left_text(seconds) for seconds in (3, 42, 300, 3600, 5400)] == [
        "a few seconds left",
        "40 s left",
        "about 5 min left",
        "about 1 h left",
        "about 1 h 30 min left",
    ]
    assert progress_text(replace(RUNNING, bytes_total=None, bytes_per_second=None, seconds_left=None)) == ""
