from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette

from qie_desktop.ui.look.appearance import Appearance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QApplication


@pytest.fixture
def appearance(qapp: QApplication) -> Iterator[Appearance]:
    """Fusion, light; the application looks afterwards as it did before."""
    font, style = qapp.font(), qapp.style().objectName()
    appearance = Appearance(qapp, "light", native=False)
    yield appearance
    appearance.deleteLater()
    qapp.removeEventFilter(appearance)
    qapp.styleHints().setColorScheme(Qt.ColorScheme.Unknown)
    qapp.setStyleSheet("")
    qapp.setPalette(QPalette())
    qapp.setFont(font)
    qapp.setStyle(style)
