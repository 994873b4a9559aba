"""Thumbnails of what is visible, decoded off the GUI thread, a few at a time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPixmap

from qie_desktop.storage.job_files import thumbnail_name
from qie_desktop.ui.gallery.cells import NO_OUTPUT
from qie_desktop.ui.gallery.tile_cache import TileCache
from qie_desktop.ui.gallery.tile_decoding import decode_tile
from qie_desktop.ui.look.tokens import Radius

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtGui import QImage

    from qie_desktop.core.errors import QieError
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.ui.gallery.cells import Cell
    from qie_desktop.ui.session import Session

_LIMIT_BYTES = 64 * 1024 * 1024
_AT_A_TIME = 2
Key = tuple[str, int]


class Thumbnails(QObject):
    """The tiles of the gallery. What is no longer wanted before its turn has come is never decoded.

    A cell that stands for a job gets a tile of the job's first input. GUI thread only.
    """

    loaded = Signal(str, int)
    """str, int: the job's id and the index of a tile that is there now, or that cannot be had."""

    def __init__(
        self, session: Session, parent: QObject | None = None, limit_bytes: int = _LIMIT_BYTES
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._cache = TileCache(limit_bytes)
        self._side_px = 0
        self._ratio = 1.0
        self._wanted: dict[Key, Cell] = {}
        self._waiting: dict[Key, Cell] = {}
        self._decoding: set[Key] = set()
        self._broken: set[Key] = set()
        self._pumping = False

    @property
    def byte_count(self) -> int:
        """The memory that the tiles take."""
        return self._cache.byte_count

    @property
    def waiting_count(self) -> int:
        """How many tiles are wanted and not yet being decoded."""
        return len(self._waiting)

    def tile(self, cell: Cell) -> QPixmap | None:
        """Return a cell's tile where it is in memory; it may be of another size than is wanted now."""
        return self._cache.get(cell.key)

    def stand_in(self, cell: Cell) -> QPixmap | None:
        """Return the tile that the job of a cell had while it ran, where it is in memory."""
        return self._cache.get((cell.job.job_id, NO_OUTPUT))

    def is_broken(self, cell: Cell) -> bool:
        """Whether a cell's picture cannot be decoded."""
        return cell.key in self._broken

    def want(self, cells: Iterable[Cell], side_px: int, ratio: float) -> None:
        """Want the tiles of these cells, of `side_px` device pixels, and no others any longer.

        `ratio` is how many device pixels there are to one of the window's.
        """
        self._side_px, self._ratio = side_px, ratio
        self._wanted = {cell.key: cell for cell in cells}
        self._waiting = {key: cell for key, cell in self._wanted.items() if self._is_missing(cell)}
        self._pump()

    def forget(self, cells: Iterable[Cell]) -> None:
        """Let go of the tiles of these cells."""
        for cell in cells:
            self._cache.drop(cell.key)
            self._broken.discard(cell.key)

    def _is_missing(self, cell: Cell) -> bool:
        if cell.key in self._decoding or cell.key in self._broken:
            return False
        if cell.index == NO_OUTPUT and not (cell.active and cell.job.input_names):
            return False
        tile = self._cache.get(cell.key)
        return tile is None or tile.width() != self._side_px

    def _pump(self) -> None:
        # Work that is done at once, as in tests, comes back here from within.
        if self._pumping:
            return
        self._pumping = True
        while self._waiting and len(self._decoding) < _AT_A_TIME:
            key = next(iter(self._waiting))
            cell = self._waiting.pop(key)
            self._decoding.add(key)
            work = partial(_decode, self._session.store, cell, self._side_px, Radius.medium * self._ratio)
            done = partial(self._on_decoded, key, self._side_px, self._ratio)
            failed = partial(self._on_failed, key)
            self._session.background.run(work, done, failed, soon=True)
        self._pumping = False

    def _on_decoded(self, key: Key, side_px: int, ratio: float, image: QImage) -> None:
        self._decoding.discard(key)
        tile = QPixmap.fromImage(image)
        tile.setDevicePixelRatio(ratio)
        self._cache.put(key, tile)
        # A tile of a size that is wanted no longer is shown all the same, until the next one is there.
        if side_px != self._side_px and key in self._wanted:
            self._waiting[key] = self._wanted[key]
        self.loaded.emit(*key)
        self._pump()

    def _on_failed(self, key: Key, _error: QieError) -> None:
        self._decoding.discard(key)
        self._broken.add(key)
        self.loaded.emit(*key)
        self._pump()


def _decode(store: JobStore, cell: Cell, side_px: int, radius_px: float) -> QImage:
    if cell.output is None:
        return decode_tile(cell.job.folder(store) / cell.job.input_names[0], side_px, radius_px)
    thumbnail = cell.job.folder(store) / thumbnail_name(cell.output.name)
    path = thumbnail if thumbnail.is_file() else cell.job.picture_path(store, cell.index)
    return decode_tile(path, side_px, radius_px)
