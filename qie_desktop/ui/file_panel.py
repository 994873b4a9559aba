"""The system's panel to choose a file or a folder, opened without waiting for the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget


def open_file_panel(parent: QWidget, title: str, name: str, name_filter: str) -> QFileDialog:
    """Open a panel to choose one file that passes the filter. What is chosen it tells as `fileSelected`."""
    panel = _new_panel(parent, title, name)
    panel.setFileMode(QFileDialog.FileMode.ExistingFile)
    panel.setNameFilter(name_filter)
    panel.open()
    return panel


def open_folder_panel(parent: QWidget, title: str, name: str) -> QFileDialog:
    """Open a panel to choose one folder. What is chosen it tells as `fileSelected`."""
    panel = _new_panel(parent, title, name)
    panel.setFileMode(QFileDialog.FileMode.Directory)
    panel.open()
    return panel


def _new_panel(parent: QWidget, title: str, name: str) -> QFileDialog:
    # Opened, not executed: the panel is the system's own and the window goes on.
    panel = QFileDialog(parent, title)
    panel.setObjectName(name)
    panel.finished.connect(panel.deleteLater)
    return panel
