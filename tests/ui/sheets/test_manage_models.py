from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.memory_plan import Fit
from qie_desktop.core.model import HubWeights
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.storage.resources import resources_folder
from qie_desktop.ui.download_watch import DownloadWatch
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.download_delegate import MARK_ROOM_PX
from qie_desktop.ui.sheets.download_rows import PartRow
from qie_desktop.ui.sheets.manage_models import ManageModelsDialog
from qie_desktop.ui.sheets.model_states import hub_models, look_at_models
from qie_desktop.ui.sheets.wording import capitalised
from tests.ui.sheets.conftest import HeldBackground

Keep = Callable[[Any], Any]

STARTER = resources_folder() / "starter"
MODEL = find_model("qwen-image-edit-2509-gguf")
WEIGHTS = MODEL.local.weights if MODEL.local else None
assert isinstance(WEIGHTS, HubWeights)
SMALL_WINDOW = (1000, 640)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, session: Session) -> Callable[[int], None]:
    """Returns a function that makes this a Mac of so much memory, in GB."""

    def memory(gigabytes: int) -> None:
        session.settings.set("local.device", "mps")
        there = psutil.virtual_memory()._replace(total=gigabytes * 2**30)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: there)

    return memory


@pytest.fixture
def dialog(
    session: Session, watch: DownloadWatch, memory: Callable[[int], None], kept: Keep
) -> ManageModelsDialog:
    memory(64)
    dialog = kept(ManageModelsDialog(session, watch))
    dialog.show()
    return dialog


def test_it_fits_a_small_window_with_own_files_unfolded_and_everything_in_sight(
    session: Session, watch: DownloadWatch, memory: Callable[[int], None], kept: Keep, qtbot: QtBot
) -> None:
    memory(64)
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(*SMALL_WINDOW)
    dialog = kept(ManageModelsDialog(session, watch, window))
    dialog.show()
    qtbot.waitUntil(lambda: bool(dialog.parts.rows))
    dialog.parts.make_current("lightning")
    dialog.findChild(QAbstractButton, "own_weights_toggle").click()
    last = dialog.findChild(QPushButton, "local.text_encoder_mmproj.choose")
    qtbot.waitUntil(lambda: last.isVisible() and last.visibleRegion().boundingRect() == last.rect())
    qtbot.wait(100)  # the sheet grows once its layout has been asked anew
    assert dialog.height() <= SMALL_WINDOW[1] - 28
    shown = dialog.parts.visualRect(dialog.parts.currentIndex())
    assert dialog.parts.viewport().rect().contains(shown)
    labels = [label for label in dialog.findChildren(QLabel) if label.isVisible()]
    assert all(label.height() >= label.heightForWidth(label.width()) for label in labels if label.wordWrap())


def row(dialog: ManageModelsDialog, part_id: str) -> PartRow:
    return next(row for row in dialog.parts.rows if row.part_id == part_id)


def chosen(dialog: ManageModelsDialog) -> set[str]:
    return {row.part_id for row in dialog.parts.rows if row.is_chosen}


def click(dialog: ManageModelsDialog, qtbot: QtBot, part_id: str, *, on_mark: bool = False) -> None:
    parts = dialog.parts
    rect = parts.visualRect(parts.model().index_of(part_id))
    at = rect.topLeft() + QPoint(MARK_ROOM_PX // 2, rect.height() // 2) if on_mark else rect.center()
    qtbot.mouseClick(parts.viewport(), Qt.MouseButton.LeftButton, pos=at)


def card_text(dialog: ManageModelsDialog) -> str:
    names = ("download_title", "download_details")
    return " ".join(dialog.findChild(QLabel, name).text() for name in names)


def in_hub(session: Session, repo: str, names: dict[str, bytes]) -> Path:
    """Put files into the hub's cache, as another program does; returns their snapshot."""
    cache = RepoCache(session.folder.hub_cache, repo)
    snapshot = cache.snapshot("abc")
    for name, content in names.items():
        path = snapshot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    cache.set_main("abc")
    return snapshot


def test_every_part_is_told_with_size_quality_fit_and_state(
    dialog: ManageModelsDialog, session: Session
) -> None:
    [model] = look_at_models(session.folder, session.settings)
    parameter = MODEL.parameter("quantisation")
    assert parameter is not None
    for choice in parameter.choices:
        shown = row(dialog, str(choice.value))
        need = model.need(str(choice.value), model.recommended.text_encoder)
        assert (shown.words, shown.state.text) == (choice.help, "Not downloaded")
        assert shown.fit == capitalised(need.spare_text)
        assert shown.size.endswith(" GB")
        assert all(words in shown.text for words in (shown.title, shown.size, "Not downloaded"))
    assert {row.part_id for row in dialog.parts.rows if row.part_id} == {part.part.id for part in model.parts}
    assert [row.title for row in dialog.parts.rows if row.is_heading] == [
        "Transformer",
        "Text encoder",
        "For all of these",
    ]


def test_the_best_choice_is_chosen_and_marked(dialog: ManageModelsDialog) -> None:
    assert chosen(dialog) == {"Q5_K_S", "text-encoder-full", "lightning", "base"}
    marked = {row.part_id for row in dialog.parts.rows if row.is_recommended}
    assert marked == {"Q5_K_S", "text-encoder-full"}
    assert "recommended" in row(dialog, "Q5_K_S").text
    assert card_text(dialog).startswith("Q5_K_S: 32.7 GB to download")
    assert "are free on the disk." in card_text(dialog) or "not enough room" in card_text(dialog)


@pytest.mark.parametrize(("memory_gb", "form"), [(16, "compact"), (64, "full")])
def test_what_is_recommended_fits(
    session: Session, memory: Callable[[int], None], memory_gb: int, form: str
) -> None:
    memory(memory_gb)
    [model] = look_at_models(session.folder, session.settings)
    choice = model.recommended
    assert choice.text_encoder == form
    assert model.need(choice.quantisation, choice.text_encoder).fit is not Fit.TOO_LARGE


def test_the_words_about_memory_follow_the_text_encoder(
    session: Session, watch: DownloadWatch, memory: Callable[[int], None], kept: Keep, qtbot: QtBot
) -> None:
    memory(16)
    dialog = kept(ManageModelsDialog(session, watch))
    dialog.show()
    with_compact = row(dialog, "Q2_K").fit
    click(dialog, qtbot, "text-encoder-full")

    assert row(dialog, "Q2_K").fit != with_compact
    assert row(dialog, "Q2_K").fit_verdict == "danger"


def test_a_click_chooses_what_is_downloaded(dialog: ManageModelsDialog, qtbot: QtBot) -> None:
    click(dialog, qtbot, "Q2_K")
    assert "Q2_K" in chosen(dialog)
    assert "Q5_K_S" not in chosen(dialog)
    assert card_text(dialog).startswith("Q2_K: 25.8 GB to download")
    click(dialog, qtbot, "text-encoder-compact")
    assert card_text(dialog).startswith("Q2_K: 15.2 GB to download")
    # What can be left out is left out by its mark, not by looking at it.
    click(dialog, qtbot, "lightning")
    assert "lightning" in chosen(dialog)
    click(dialog, qtbot, "lightning", on_mark=True)
    assert "lightning" not in chosen(dialog)
    assert card_text(dialog).startswith("Q2_K: 13.5 GB to download")
    click(dialog, qtbot, "base", on_mark=True)
    assert "base" in chosen(dialog)


def test_a_quantisation_that_was_asked_for_is_chosen(
    session: Session, watch: DownloadWatch, memory: Callable[[int], None], kept: Keep
) -> None:
    memory(64)
    dialog = kept(ManageModelsDialog(session, watch, quantisation="Q8_0"))
    assert "Q8_0" in chosen(dialog)
    dialog.prefer("Q4_K_M")
    assert "Q4_K_M" in chosen(dialog)


def test_a_text_encoder_that_is_here_is_used(
    session: Session, watch: DownloadWatch, memory: Callable[[int], None], kept: Keep
) -> None:
    assert isinstance(WEIGHTS, HubWeights)
    compact = next(form for form in WEIGHTS.text_encoders if form.is_gguf)
    in_hub(session, compact.repo, {compact.language: b"1", compact.vision: b"2"})
    memory(64)
    dialog = kept(ManageModelsDialog(session, watch))

    assert "text-encoder-compact" in chosen(dialog)
    assert row(dialog, "text-encoder-compact").state.text == "Installed"


def test_what_is_there_can_be_checked_deleted_and_shown(
    dialog: ManageModelsDialog, session: Session, watch: DownloadWatch, kept: Keep, qtbot: QtBot
) -> None:
    names = ("verify_button", "delete_button", "reveal_button")
    assert not any(dialog.findChild(QPushButton, name).isEnabled() for name in names)
    dialog.close()
    assert isinstance(WEIGHTS, HubWeights)
    snapshot = in_hub(
        session, WEIGHTS.gguf_repo, {WEIGHTS.gguf_pattern.format(quantisation="Q2_K"): b"12345"}
    )
    dialog = kept(ManageModelsDialog(session, watch))
    dialog.show()
    click(dialog, qtbot, "Q2_K")

    assert all(dialog.findChild(QPushButton, name).isEnabled() for name in names)
    assert dialog.findChild(QPushButton, "verify_button").accessibleName() == "Verify: Q2_K"
    assert row(dialog, "Q2_K").size == "5 bytes"
    assert row(dialog, "Q2_K").path == str(snapshot / "Qwen-Image-Edit-2509-Q2_K.gguf")
    click(dialog, qtbot, "Q8_0")
    assert not any(dialog.findChild(QPushButton, name).isEnabled() for name in names)


def test_a_row_has_a_menu(dialog: ManageModelsDialog) -> None:
    rect = dialog.parts.visualRect(dialog.parts.model().index_of("Q2_K"))
    dialog.parts.customContextMenuRequested.emit(rect.center())

    menu = dialog.findChild(QMenu, "part_menu")
    assert menu is not None
    assert [action.text() for action in menu.actions()] == ["Verify", "Delete…", "Show in Finder"]
    assert dialog.parts.current is not None
    assert dialog.parts.current.part_id == "Q2_K"
    menu.close()


def test_what_cannot_be_done_is_told_in_the_sheet(session: Session, watch: DownloadWatch, kept: Keep) -> None:
    dialog = kept(ManageModelsDialog(session, watch))
    dialog.show()
    watch.resume()

    assert "There is no download to go on with." in card_text(dialog)


def test_nothing_is_cut_off_when_the_models_come_to_be_known(held: Session, kept: Keep) -> None:
    watch = DownloadWatch(held)
    dialog = kept(ManageModelsDialog(held, watch))
    dialog.show()
    QApplication.processEvents()
    background = held.background
    assert isinstance(background, HeldBackground)
    background.let_go()
    QApplication.processEvents()
    QApplication.processEvents()

    for label in dialog.findChildren(QLabel):
        if label.isVisible():
            assert label.height() >= label.minimumSizeHint().height(), label.text()
            if label.wordWrap():
                assert label.height() >= label.heightForWidth(label.width()), label.text()
    assert not dialog.parts.verticalScrollBar().isVisible()
    assert dialog.width() <= SMALL_WINDOW[0]
    assert dialog.height() <= SMALL_WINDOW[1]
    dialog.close()
    watch.deleteLater()


def test_the_keyboard_reaches_everything_and_chooses(dialog: ManageModelsDialog, qtbot: QtBot) -> None:
    assert dialog.focusWidget() is dialog.parts
    reached: list[str] = []
    for _ in range(6):
        focused = dialog.focusWidget()
        reached.append(focused.objectName() if focused else "")
        qtbot.keyClick(dialog, Qt.Key.Key_Tab)
    assert reached[:3] == ["model_parts", "download_button", "own_weights_toggle"]
    assert "close_models_button" in reached
    dialog.parts.setFocus()
    assert dialog.parts.current is not None
    assert dialog.parts.current.part_id == "Q5_K_S"
    qtbot.keyClick(dialog.parts, Qt.Key.Key_Down)
    assert dialog.parts.current.part_id == "Q8_0"
    assert "Q8_0" not in chosen(dialog)
    qtbot.keyClick(dialog.parts, Qt.Key.Key_Space)
    assert "Q8_0" in chosen(dialog)
    # Headings are passed over.
    qtbot.keyClick(dialog.parts, Qt.Key.Key_Down)
    assert dialog.parts.current.part_id == "text-encoder-full"
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_everything_that_is_pressed_has_a_name(dialog: ManageModelsDialog) -> None:
    for button in dialog.findChildren(QPushButton):
        assert button.accessibleName() or button.text(), button.objectName()
        assert button.objectName()
    parts = dialog.parts
    assert parts.accessibleName()
    for at in range(parts.model().rowCount()):
        assert parts.model().index(at, 0).data(Qt.ItemDataRole.AccessibleTextRole)


def test_all_models_of_the_hub_are_known() -> None:
    assert hub_models() == (MODEL,)
