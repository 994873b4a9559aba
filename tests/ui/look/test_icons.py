from __future__ import annotations

import subprocess
import sys

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage, QPalette
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot

from qie_desktop.ui.look.appearance import Appearance
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.icons import GLYPHS, Tone, icon

PROMISED = {
    *("local", "cloud", "add", "remove", "history", "dice", "lock", "unlock", "compare", "fit", "zoom_in"),
    *("zoom_out", "sidebar_left", "sidebar_right", "star", "star_filled", "search", "cancel", "retry"),
    *("trash", "info", "warning", "error", "download", "settings", "copy", "image", "close"),
}


def pixels(image: QImage) -> list[QColor]:
    return [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]


def ink(picture: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> str:
    """The colour of the most opaque pixel of an icon."""
    return max(pixels(picture.pixmap(QSize(64, 64), mode).toImage()), key=QColor.alpha).name()


@pytest.mark.parametrize("name", sorted(PROMISED.union(GLYPHS)))
def test_every_name_draws_something_of_its_own_inside_its_square(qapp: QApplication, name: str) -> None:
    del qapp
    image = icon(name, None).pixmap(QSize(32, 32)).toImage()

    covered = sum(colour.alpha() > 0 for colour in pixels(image))
    edge = [image.pixelColor(x, y).alpha() for x in range(32) for y in (0, 31)]
    assert 20 < covered < 900
    assert max(edge) == 0


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        icon("unicorn", None)


def test_an_icon_follows_the_theme_without_being_renewed(appearance: Appearance, qtbot: QtBot) -> None:
    button = QToolButton()
    qtbot.addWidget(button)
    button.setIcon(icon("star", button))
    assert ink(button.icon()) == Colours.of(button.palette()).text.name()

    appearance.set_theme("dark")

    assert Colours.of(button.palette()).is_dark
    assert ink(button.icon()) == Colours.of(button.palette()).text.name()


def test_a_disabled_icon_is_fainter(appearance: Appearance) -> None:
    picture = icon("star_filled", None)

    assert ink(picture) == appearance.colours.text.name()
    assert ink(picture, QIcon.Mode.Disabled) != ink(picture)


@pytest.mark.parametrize("tone", list(Tone))
def test_a_tone_is_a_colour_of_the_palette(appearance: Appearance, tone: Tone) -> None:
    assert ink(icon("star_filled", None, tone)) == getattr(appearance.colours, tone.value).name()


def test_an_icon_outlives_its_widget(appearance: Appearance) -> None:
    button = QToolButton()
    picture = icon("star_filled", button)
    del button

    assert ink(picture) == appearance.colours.text.name()


def test_a_selected_icon_is_read_on_the_highlight(appearance: Appearance) -> None:
    del appearance
    highlighted = QApplication.palette().color(QPalette.ColorRole.HighlightedText)

    assert ink(icon("star_filled", None), QIcon.Mode.Selected) == highlighted.name()


def test_a_copy_of_an_icon_paints_the_same(appearance: Appearance) -> None:
    del appearance
    picture = icon("trash", None)
    copy = QIcon(picture)
    copy.addFile("")

    assert copy.pixmap(32, 32).toImage() == picture.pixmap(32, 32).toImage()


IN_A_CYCLE = """
import gc
from PySide6.QtWidgets import QApplication
from qie_desktop.ui.look.icons import icon

class Keeper:
    __slots__ = ("icon", "itself")

app = QApplication(["test"])
for _ in range(50):
    kept = icon("add", None)
    keeper = Keeper()
    keeper.icon, keeper.itself = kept, keeper
    del kept, keeper
    gc.collect()
"""


def test_an_icon_among_things_that_hold_one_another_is_collected() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_CYCLE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
