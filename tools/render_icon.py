"""Renders resources/icons/app.svg into PNGs from 16 to 1024 px, and into app.icns for the bundle.

Run it after the drawing has changed: `python tools/render_icon.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

ICONS = Path(__file__).resolve().parents[1] / "resources" / "icons"
SIZES_PX = (16, 32, 64, 128, 256, 512, 1024)
_OVERSAMPLING = 4
_LARGEST_OVERSAMPLED_PX = 256


def render(renderer: QSvgRenderer, size_px: int) -> Image.Image:
    """Return the drawing at a size; small ones are drawn larger and scaled down, for even edges."""
    drawn_px = size_px * _OVERSAMPLING if size_px <= _LARGEST_OVERSAMPLED_PX else size_px
    image = QImage(drawn_px, drawn_px, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter)
    painter.end()
    plain = image.convertToFormat(QImage.Format.Format_RGBA8888)
    picture = Image.frombytes("RGBA", (drawn_px, drawn_px), bytes(plain.constBits()))
    return picture.resize((size_px, size_px), Image.Resampling.LANCZOS)


def main() -> int:
    """Render everything into resources/icons/."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QGuiApplication(sys.argv)
    renderer = QSvgRenderer(str(ICONS / "app.svg"))
    if not renderer.isValid():
        print("resources/icons/app.svg cannot be read.", file=sys.stderr)
        return 1
    pictures = {size_px: render(renderer, size_px) for size_px in SIZES_PX}
    for size_px, picture in pictures.items():
        picture.save(ICONS / f"app_{size_px}.png", optimize=True)
    largest = pictures[max(SIZES_PX)]
    largest.save(ICONS / "app.icns", append_images=[pictures[size] for size in SIZES_PX[:-1]])
    del application
    print(f"{len(pictures)} sizes and app.icns in {ICONS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
