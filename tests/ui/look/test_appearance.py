from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from qie_desktop.ui.look import classes
from qie_desktop.ui.look.appearance import Appearance
from qie_desktop.ui.look.tokens import TextSize


@pytest.mark.parametrize(("theme", "dark"), [("light", False), ("dark", True)])
def test_a_theme_that_is_asked_for_is_taken_at_once(
    appearance: Appearance, qtbot: QtBot, theme: str, dark: bool
) -> None:
    label = QLabel("text")
    qtbot.addWidget(label)

    appearance.set_theme(theme)

    assert appearance.is_dark is dark
    assert (label.palette().color(QPalette.ColorRole.Window).lightness() < 128) is dark


def test_a_change_of_the_theme_is_told(appearance: Appearance, qtbot: QtBot) -> None:
    with qtbot.waitSignal(appearance.changed) as told:
        appearance.set_theme("dark")

    assert told.args == [True]


def test_a_theme_that_nobody_knows_is_the_systems(appearance: Appearance) -> None:
    appearance.set_theme("system")
    systems = appearance.is_dark

    appearance.set_theme("mauve")

    assert appearance.is_dark is systems


def test_a_new_accent_colour_is_followed_live(qapp: QApplication, appearance: Appearance) -> None:
    palette = QPalette(qapp.palette())
    palette.setColor(QPalette.ColorRole.Accent, QColor("#a550a7"))
    native = Appearance(qapp, "light", appearance, native=True)

    qapp.setPalette(palette)
    native.follow()

    assert native.colours.accent.name() in qapp.styleSheet()


def test_of_several_windows_in_turn_the_newest_is_in_charge(
    qapp: QApplication, appearance: Appearance
) -> None:
    newer = Appearance(qapp, "dark", appearance, native=False)

    qapp.processEvents()
    qapp.styleHints().colorSchemeChanged.emit(qapp.styleHints().colorScheme())

    assert newer.is_dark
    assert newer.colours.window.name() == qapp.palette().color(QPalette.ColorRole.Window).name()


def test_the_primary_button_is_the_accent_colour(appearance: Appearance, qtbot: QtBot) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    button.resize(120, 32)
    classes.make_primary(button)
    button.show()

    middle = button.grab().toImage().pixelColor(60, 16)

    assert middle.name() == appearance.colours.accent.name()


def test_a_verdict_changes_the_colour_of_a_label_that_is_shown(appearance: Appearance, qtbot: QtBot) -> None:
    label = QLabel("██████")
    qtbot.addWidget(label)
    label.show()
    for verdict in ("danger", "success"):
        classes.make_verdict(label, verdict)
        image = label.grab().toImage()
        inks = {image.pixelColor(x, image.height() // 2).name() for x in range(image.width())}
        assert getattr(appearance.colours, verdict).name() in inks


def test_text_sizes_are_relative_to_the_applications_font(appearance: Appearance) -> None:
    del appearance
    sizes = [
        make().pixelSize() for make in (TextSize.small, TextSize.body, TextSize.title, TextSize.headline)
    ]

    assert sizes == sorted(set(sizes))
    assert sizes[1] == QApplication.font().pixelSize()


def test_the_look_imports_neither_torch_nor_the_whole_of_qtawesome() -> None:
    code = (
        "import sys; from PySide6.QtWidgets import QApplication; a = QApplication([]);"
        "from qie_desktop.ui.look.appearance import Appearance; Appearance(a);"
        "from qie_desktop.ui.look.icons import icon; icon('add', None).pixmap(16, 16);"
        "print([name for name in ('torch', 'qtpy', 'qtawesome', 'keyring') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def _check_box() -> QWidget:
    return QCheckBox("Wait")


def _combo_box() -> QWidget:
    box = QComboBox()
    box.addItem("Wait")
    return box


def _primary() -> QWidget:
    button = QPushButton("Wait")
    classes.make_primary(button)
    return button


def _quiet() -> QWidget:
    button = QToolButton()
    button.setText("Wait")
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    classes.make_quiet(button)
    return button


def _slider() -> QWidget:
    return QSlider(Qt.Orientation.Horizontal)


@pytest.mark.parametrize(
    "make", [lambda: QPushButton("Wait"), _check_box, _combo_box, _primary, _quiet, _slider]
)
def test_keyboard_focus_is_shown_by_one_frame_alone(
    appearance: Appearance, qtbot: QtBot, make: Callable[[], QWidget]
) -> None:
    del appearance
    window = QWidget()
    qtbot.addWidget(window)
    row = QHBoxLayout(window)
    widget, other = make(), QPushButton("Go on")
    row.addWidget(widget)
    row.addWidget(other)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)
    by_pointer = widget.grab().toImage()
    other.setFocus()
    assert widget.grab().toImage() != by_pointer
    # From now on the style takes the keyboard to be what moves the focus.
    qtbot.keyClick(other, Qt.Key.Key_Backtab)
    assert widget.hasFocus()
    assert widget.grab().toImage() == by_pointer


def test_fields_and_buttons_in_a_row_are_of_one_height(appearance: Appearance, qtbot: QtBot) -> None:
    del appearance
    window = QWidget()
    qtbot.addWidget(window)
    row = QHBoxLayout(window)
    widgets = [QComboBox(), QSpinBox(), QDoubleSpinBox(), QLineEdit(), QPushButton("Go on"), _primary()]
    for widget in widgets:
        row.addWidget(widget)
    window.show()
    qtbot.waitExposed(window)
    assert {widget.height() for widget in widgets} == {26}
