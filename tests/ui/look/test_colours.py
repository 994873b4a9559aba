from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.contrast import READABLE, contrast, mixed, readable
from qie_desktop.ui.look.palettes import dark_palette, light_palette

MAC_ACCENTS = ("#007aff", "#a550a7", "#f74f9e", "#ff5257", "#f7821b", "#ffc600", "#62ba46", "#8c8c8c")
TEXTS = ("text", "muted", "accent_text", "danger", "warning", "success")
GROUNDS = ("window", "surface", "field")


def mac_palette(*, dark: bool) -> QPalette:
    """What Qt reports on macOS 15, where texts are translucent."""
    palette = QPalette()
    text = QColor("white") if dark else QColor("black")
    text.setAlphaF(0.85)
    palette.setColor(QPalette.ColorRole.WindowText, text)
    palette.setColor(QPalette.ColorRole.Window, QColor("#323232" if dark else "#ececec"))
    palette.setColor(QPalette.ColorRole.Base, QColor("#171717" if dark else "#ffffff"))
    return palette


PALETTES = {
    "light": light_palette,
    "dark": dark_palette,
    "mac light": lambda: mac_palette(dark=False),
    "mac dark": lambda: mac_palette(dark=True),
}


@pytest.fixture(params=PALETTES)
def palette(request: pytest.FixtureRequest, qapp: QApplication) -> QPalette:
    del qapp
    return PALETTES[request.param]()


def test_every_text_can_be_read_on_every_ground(palette: QPalette) -> None:
    colours = Colours.of(palette)

    found = {
        f"{text} on {ground}": contrast(getattr(colours, text), getattr(colours, ground))
        for text in TEXTS
        for ground in GROUNDS
    }

    assert {pair: ratio for pair, ratio in found.items() if ratio < READABLE} == {}


@pytest.mark.parametrize("own", [light_palette, dark_palette])
def test_what_a_field_is_for_can_be_read_in_it(qapp: QApplication, own: Callable[[], QPalette]) -> None:
    del qapp
    palette = own()
    words, ground = palette.color(QPalette.ColorRole.PlaceholderText), palette.color(QPalette.ColorRole.Base)

    assert contrast(words, ground) >= READABLE


def test_a_plain_button_can_be_read(palette: QPalette) -> None:
    colours = Colours.of(palette)

    assert contrast(colours.text, colours.button) >= READABLE


@pytest.mark.parametrize("accent", MAC_ACCENTS)
def test_a_button_in_any_accent_colour_can_be_read(palette: QPalette, accent: str) -> None:
    palette.setColor(QPalette.ColorRole.Accent, QColor(accent))

    colours = Colours.of(palette)

    assert contrast(colours.on_accent, colours.accent) >= READABLE
    assert contrast(colours.accent_text, colours.window) >= READABLE


def test_muted_text_is_quieter_than_text(palette: QPalette) -> None:
    colours = Colours.of(palette)

    assert contrast(colours.muted, colours.window) < contrast(colours.text, colours.window) - 2


def test_words_over_a_picture_can_be_read_on_white_and_on_black(palette: QPalette) -> None:
    colours = Colours.of(palette)

    for picture in (QColor("white"), QColor("black")):
        ground = mixed(picture, colours.overlay, colours.overlay.alphaF())
        assert contrast(colours.on_overlay, ground) >= READABLE


def test_a_theme_knows_whether_it_is_dark(qapp: QApplication) -> None:
    del qapp
    assert Colours.of(dark_palette()).is_dark
    assert not Colours.of(light_palette()).is_dark


def test_changing_a_colour_in_place_changes_it_for_nobody_else(palette: QPalette) -> None:
    Colours.of(palette).overlay.setAlpha(0)

    assert Colours.of(palette).overlay.alpha() > 0


def test_a_transparent_window_is_seen_as_the_applications(qapp: QApplication) -> None:
    del qapp
    palette = QPalette(QApplication.palette())
    palette.setColor(QPalette.ColorRole.Window, QColor(0, 0, 0, 0))

    assert Colours.of(palette).window == QApplication.palette().color(QPalette.ColorRole.Window)


def test_contrast_is_what_wcag_says() -> None:
    assert contrast(QColor("white"), QColor("black")) == pytest.approx(21)
    assert contrast(QColor("#777777"), QColor("white")) == pytest.approx(4.48, abs=0.01)


def test_a_readable_colour_stays_as_it_is() -> None:
    assert readable(QColor("#123456"), [QColor("white")], QColor("black")) == QColor("#123456")
