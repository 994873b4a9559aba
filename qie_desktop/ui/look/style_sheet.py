"""The little that the style does not do: rounded fields, a primary button, quiet tool buttons, text classes.

What shows the focus by its border has no outline: the style would draw a second frame inside the first.
A widget asks for one by its property `class`; see `qie_desktop.ui.look.classes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.storage.resources import resources_folder
from qie_desktop.ui.look.contrast import mixed
from qie_desktop.ui.look.tokens import Radius, Spacing

if TYPE_CHECKING:
    from PySide6.QtGui import QColor

    from qie_desktop.ui.look.colours import Colours

_COMMON = """
QPlainTextEdit, QTextEdit {{
    background: {field}; border: 1px solid {border}; border-radius: {small}px; padding: {xs}px;
}}
QPlainTextEdit:focus, QTextEdit:focus {{ border-color: {accent}; }}
QListWidget#licence_packages {{
    background: {field}; border: 1px solid {border}; border-radius: {small}px; padding: {xs}px; outline: none;
}}
QListWidget#licence_packages:focus {{ border-color: {accent}; }}
QListWidget#licence_packages::item {{ padding: 2px {xs}px; border-radius: {small}px; }}
QListWidget#licence_packages::item:selected {{ background: {accent}; color: {on_accent}; }}
QPushButton[class~="primary"] {{
    background: {accent}; color: {on_accent}; border: 1px solid {accent}; border-radius: {small}px;
    padding: 2px {l}px; min-height: 20px; font-weight: 600; outline: none;
}}
QPushButton[class~="large"] {{ padding: {xs}px {l}px; }}
QPushButton[class~="primary"]:hover {{ background: {accent_hover}; border-color: {accent_hover}; }}
QPushButton[class~="primary"]:pressed {{ background: {accent_pressed}; border-color: {accent_pressed}; }}
QPushButton[class~="primary"]:focus {{ border-color: {accent_focus}; }}
QPushButton[class~="primary"]:disabled {{ background: {disabled}; border-color: {disabled}; color: {muted}; }}
QToolButton[class="quiet"] {{
    background: transparent; border: 1px solid transparent; border-radius: {small}px; padding: 3px;
    outline: none;
}}
QToolButton[class="quiet"]:hover {{ background: {hover}; }}
QToolButton[class="quiet"]:pressed, QToolButton[class="quiet"]:checked {{ background: {pressed}; }}
QToolButton[class="quiet"]:focus {{ border-color: {accent}; }}
QToolButton[class="quiet"]::menu-indicator {{ image: none; }}
QLabel[class="muted"] {{ color: {muted}; }}
QLabel[class="danger"] {{ color: {danger}; }}
QLabel[class="warning"] {{ color: {warning}; }}
QLabel[class="success"] {{ color: {success}; }}
QFrame[class="line"] {{ color: {border}; max-height: 1px; border: none; background: {border}; }}
QFrame[class="card"] {{
    background: {surface}; border: 1px solid {border}; border-radius: {medium}px;
}}
"""

_FUSION = """
QLineEdit {{
    background: {field}; border: 1px solid {border}; border-radius: {small}px;
    padding: 2px 6px; min-height: 20px;
    selection-background-color: {accent}; selection-color: {on_accent};
}}
QLineEdit:focus {{ border-color: {accent}; }}
QLineEdit:disabled {{ color: {muted}; }}
QAbstractSpinBox QLineEdit, QComboBox QLineEdit {{
    background: transparent; border: none; padding: 0 {xs}px; min-height: 0;
}}
QComboBox, QAbstractSpinBox {{
    background: {button}; color: {text}; border: 1px solid {border}; border-radius: {small}px;
    padding: 2px {s}px; min-height: 20px;
    selection-background-color: {accent}; selection-color: {on_accent};
}}
QAbstractSpinBox {{ background: {field}; padding: 2px 0 2px {xs}px; max-height: 20px; }}
QComboBox:focus, QAbstractSpinBox:focus {{ border-color: {accent}; }}
QComboBox:disabled, QAbstractSpinBox:disabled {{ color: {muted}; background: {window}; }}
QComboBox:hover {{ background: {button_hover}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ image: url("{folder}/choose_{theme}.svg"); width: 11px; height: 11px; }}
QComboBox QAbstractItemView {{
    background: {surface}; color: {text}; border: 1px solid {border}; padding: {xs}px; outline: none;
    selection-background-color: {accent}; selection-color: {on_accent};
}}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: none; width: 20px; }}
QAbstractSpinBox::up-arrow {{ image: url("{folder}/up_{theme}.svg"); width: 10px; height: 10px; }}
QAbstractSpinBox::down-arrow {{ image: url("{folder}/down_{theme}.svg"); width: 10px; height: 10px; }}
QCheckBox, QRadioButton {{ spacing: {s}px; outline: none; }}
QCheckBox::indicator, QRadioButton::indicator {{
    width: 14px; height: 14px; background: {field}; border: 1px solid {outline}; border-radius: {xs}px;
}}
QRadioButton::indicator {{ border-radius: 8px; }}
QCheckBox::indicator:checked, QRadioButton::indicator:checked {{
    background: {accent}; border-color: {accent};
}}
QCheckBox::indicator:checked {{ image: url("{folder}/check.svg"); }}
QRadioButton::indicator:checked {{ image: url("{folder}/dot.svg"); }}
QCheckBox::indicator:focus, QRadioButton::indicator:focus {{ border-color: {text}; }}
QPushButton {{
    background: {button}; color: {text}; border: 1px solid {border}; border-radius: {small}px;
    padding: 2px {m}px; min-height: 20px; outline: none;
}}
QPushButton:hover {{ background: {button_hover}; }}
QPushButton:pressed {{ background: {pressed}; }}
QPushButton#model_picker {{ min-height: 24px; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:default {{ background: {accent}; color: {on_accent}; border-color: {accent}; }}
QPushButton:default:hover {{ background: {accent_hover}; border-color: {accent_hover}; }}
QPushButton:default:pressed {{ background: {accent_pressed}; border-color: {accent_pressed}; }}
QPushButton:default:focus {{ border-color: {accent_focus}; }}
QPushButton:disabled {{ color: {muted}; background: {window}; }}
QDialogButtonBox {{ button-layout: 1; }}
QMessageBox QLabel#qt_msgbox_label {{ font-weight: 600; }}
QToolTip {{ background: {surface}; color: {text}; border: 1px solid {border}; padding: {xs}px; }}
QMenu {{
    background: {surface}; color: {text}; border: 1px solid {border}; padding: {xs}px;
}}
QMenu::item {{ padding: {xs}px {xl}px {xs}px {m}px; border-radius: {xs}px; }}
QMenu::item:selected {{ background: {accent}; color: {on_accent}; }}
QMenu::item:disabled {{ color: {muted}; background: transparent; }}
QMenu::separator {{ height: 1px; background: {border}; margin: {xs}px {s}px; }}
QScrollBar:vertical {{ background: transparent; width: 9px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 9px; margin: 0; }}
QScrollBar::handle {{ background: {handle}; border-radius: 3px; }}
QScrollBar::handle:vertical {{ min-height: 28px; margin: 2px 2px 2px 1px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; margin: 1px 2px 2px 2px; }}
QScrollBar::handle:hover {{ background: {handle_hover}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QSlider::groove:horizontal {{ background: {track}; height: 4px; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {accent}; height: 4px; border-radius: 2px; }}
QSlider::handle:horizontal {{
    background: {knob}; border: 1px solid {outline}; width: 14px; height: 14px; margin: -6px 0;
    border-radius: 8px;
}}
QSlider::handle:horizontal:focus {{ border-color: {accent}; }}
QProgressBar {{ background: {track}; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 3px; }}
"""


def style_sheet(colours: Colours, *, native: bool) -> str:
    """Return the application's style sheet; where the style is native, what it draws well is left to it."""
    template = _COMMON if native else _FUSION + _COMMON
    accent, window, text = colours.accent, colours.window, colours.text
    dark = colours.is_dark
    shades: dict[str, QColor] = {
        "window": window,
        "surface": colours.surface,
        "field": colours.field,
        "text": text,
        "muted": colours.muted,
        "border": colours.border,
        "accent": accent,
        "accent_hover": mixed(accent, text, 0.1),
        "accent_pressed": mixed(accent, text, 0.2),
        "accent_focus": mixed(accent, text, 0.55),
        "on_accent": colours.on_accent,
        "danger": colours.danger,
        "warning": colours.warning,
        "success": colours.success,
        "button": colours.button,
        "button_hover": mixed(window, text, 0.15) if dark else mixed(colours.field, text, 0.03),
        "hover": mixed(window, text, 0.07),
        "pressed": mixed(window, text, 0.14),
        "knob": mixed(window, text, 0.75) if dark else colours.field,
        "outline": mixed(window, text, 0.35),
        "disabled": mixed(window, text, 0.08),
        "handle": mixed(window, text, 0.25),
        "handle_hover": mixed(window, text, 0.4),
        "track": mixed(window, text, 0.12),
    }
    names = {
        "theme": "dark" if dark else "light",
        "folder": _in_quotes((resources_folder() / "icons/controls").as_posix()),
    }
    sizes = {name: getattr(Spacing, name) for name in ("xs", "s", "m", "l", "xl")}
    sizes |= {"small": Radius.small, "medium": Radius.medium}
    return template.format(**{name: shade.name() for name, shade in shades.items()}, **names, **sizes)


def _in_quotes(path: str) -> str:
    """Return a path as it stands between quotes; without those an umlaut or a bracket spoils the sheet."""
    return path.replace("\\", "\\\\").replace('"', '\\"')
