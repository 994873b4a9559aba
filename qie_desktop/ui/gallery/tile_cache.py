"""Tiles in memory, those used last, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtGui import QPixmap

Key = tuple[str, int]


class TileCache:
    """A bounded cache of pixmaps by job id and index. GUI thread only."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._tiles: OrderedDict[Key, QPixmap] = OrderedDict()
        self.byte_count = 0

    def get(self, key: Key) -> QPixmap | None:
        """Return a tile, and keep it longer."""
        tile = self._tiles.get(key)
        if tile is not None:
            self._tiles.move_to_end(key)
        return tile

    def put(self, key: Key, tile: QPixmap) -> None:
        """Keep a tile, and let go of those not used for longest where there are too many."""
        self.drop(key)
        self._tiles[key] = tile
        self.byte_count += _bytes(tile)
        while self.byte_count > self._limit_bytes and len(self._tiles) > 1:
            _, oldest = self._tiles.popitem(last=False)
            self.byte_count -= _bytes(oldest)

    def drop(self, key: Key) -> None:
        """Let go of a tile."""
        tile = self._tiles.pop(key, None)
        if tile is not None:
            self.byte_count -= _bytes(tile)


def _bytes(tile: QPixmap) -> int:
    return tile.width() * tile.height() * tile.depth() // 8
