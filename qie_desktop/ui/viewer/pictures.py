"""Pictures on their way to the viewer: decoded off the GUI thread, a rough one first, the last few kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import shiboken6
from PySide6.QtCore import QObject, Signal

from qie_desktop.core.errors import ImageTooLarge, QieError
from qie_desktop.imaging.joining import join_side_by_side
from qie_desktop.imaging.opening import open_picture, open_reduced, probe
from qie_desktop.ui.viewer.pyramid import Pyramid, build_pyramid

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.geometry import Size
    from qie_desktop.ui.session import Background

_ROUGH_SIDE_PX = 1024
_LARGE_PX = 4_000_000
"""A JPEG of more pixels is first shown roughly: its reader can decode a fraction of it at once."""

_CACHE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """Where a picture comes from: one file, or several that are one canvas from left to right.

    `thumbnail` is a small copy of it that may be there; `size` is then the picture's own. `lasting`: the file
    never changes, as those of jobs.
    """

    paths: tuple[Path, ...]
    thumbnail: Path | None = None
    size: Size | None = None
    lasting: bool = True


class PictureCache:
    """The pictures that were seen last, as many as go into a bound of memory. GUI thread only."""

    def __init__(self, limit_bytes: int = _CACHE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[Source, Pyramid] = OrderedDict()
        self._alive: WeakValueDictionary[Source, Pyramid] = WeakValueDictionary()

    def find(self, source: Source) -> Pyramid | None:
        """Return the picture if it is here still, or shown anywhere."""
        if source in self._kept:
            self._kept.move_to_end(source)
        return self._alive.get(source)

    def keep(self, source: Source, pyramid: Pyramid) -> None:
        """Keep a picture, and let go of those that were not asked for the longest.

        A very large one is only remembered for as long as it is shown.
        """
        if not source.lasting:
            return
        self._alive[source] = pyramid
        if pyramid.byte_count > self._limit_bytes // 2:
            return
        self._kept[source] = pyramid
        while sum(kept.byte_count for kept in self._kept.values()) > self._limit_bytes:
            self._kept.popitem(last=False)


class PictureFeed(QObject):
    """Brings one picture at a time; what was asked for last wins. GUI thread only."""

    arrived = Signal(object)
    """Pyramid: the picture, or a rough copy of it with the whole one to follow."""
    failed = Signal(object)
    """QieError: it cannot be opened."""

    def __init__(self, background: Background, cache: PictureCache, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._cache = cache
        self._wanted: Source | None = None
        self._settled = True

    @property
    def wanted(self) -> Source | None:
        """What was asked for last."""
        return self._wanted

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come of what was asked for."""
        return self._settled

    def want(self, source: Source | None) -> None:
        """Ask for a picture, or for none. What has been asked for before and is not there yet never comes."""
        if source == self._wanted and source is not None and source.lasting:
            return
        self._wanted = source
        self._settled = source is None
        if source is None:
            return
        kept = self._cache.find(source)
        if kept is not None:
            self._settled = True
            self.arrived.emit(kept)
            return
        # Failing is for the whole picture to do.
        self._background.run(
            partial(_rough, source), partial(self._on_rough, source), partial(self._on_rough_failed, source)
        )

    def _on_rough(self, source: Source, pyramid: Pyramid | None) -> None:
        if not self._is_current(source):
            return
        if pyramid is not None:
            self.arrived.emit(pyramid)
        # Asked again: whoever saw the rough one may have gone on to another.
        if self._is_current(source):
            self._background.run(
                partial(_whole, source), partial(self._on_whole, source), partial(self._on_failed, source)
            )

    def _on_rough_failed(self, source: Source, _error: QieError) -> None:
        self._on_rough(source, None)

    def _on_whole(self, source: Source, pyramid: Pyramid) -> None:
        if shiboken6.isValid(self):
            self._cache.keep(source, pyramid)
        if self._is_current(source):
            self._settled = True
            self.arrived.emit(pyramid)

    def _on_failed(self, source: Source, error: QieError) -> None:
        if self._is_current(source):
            self._settled = True
            self.failed.emit(error)

    def _is_current(self, source: Source) -> bool:
        # The window may have been closed in the meantime.
        return shiboken6.isValid(self) and source is self._wanted


def _rough(source: Source) -> Pyramid | None:
    """Return a rough copy of a picture if there is a quick way to one. Not on the GUI thread."""
    if source.thumbnail is not None and source.size is not None and source.thumbnail.is_file():
        return build_pyramid(open_picture(source.thumbnail), source.size)
    first, *others = source.paths
    if others:
        return None
    info = probe(first)
    if info.format != "JPEG" or info.size.area_px < _LARGE_PX:
        return None
    return build_pyramid(open_reduced(first, _ROUGH_SIDE_PX), info.size)


def _whole(source: Source) -> Pyramid:
    """Return the picture with all its pixels. Not on the GUI thread."""
    pictures = [open_picture(path) for path in source.paths]
    try:
        first, *others = pictures
        return build_pyramid(join_side_by_side(pictures) if others else first)
    except MemoryError as error:
        raise ImageTooLarge(
            "images",
            "There is not enough memory to show this picture.",
            "Close other programs, or scale a copy of it down.",
        ) from error
