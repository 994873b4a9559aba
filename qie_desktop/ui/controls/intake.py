"""Taking pictures in: what was dropped, pasted or chosen, one thing after the other, into the draft."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QObject, Signal

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.errors import InputImageError, QieError
from qie_desktop.ui.controls.arrivals import Arrival, Desk, receive, sweep, unfold
from qie_desktop.ui.controls.dropped import Dropped, DroppedFile, DroppedUrl, read_mime
from qie_desktop.ui.controls.fetch_limits import FetchLimits
from qie_desktop.ui.controls.pictures import load_picture
from qie_desktop.ui.controls.result_outline import scalable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from PySide6.QtCore import QMimeData

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.ui.controls.pictures import Pictures
    from qie_desktop.ui.draft import Draft
    from qie_desktop.ui.session import Session

_FOLDER = "dropped"


@dataclass(frozen=True, slots=True)
class _Expected:
    """A thing on its way; `slot` is set where it takes the place of what is there."""

    thing: Dropped
    slot: int | None


class PictureIntake(QObject):
    """Brings things into the draft's slots, in order; what cannot be used is refused. GUI thread."""

    refused = Signal(object)
    """QieError: something was not taken, and why."""
    began = Signal()
    """The person brings something new."""
    expecting_changed = Signal()
    """The slots in which pictures are about to appear are others now."""

    def __init__(
        self, session: Session, draft: Draft, pictures: Pictures, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._background = session.background
        self._draft = draft
        self.pictures = pictures
        self._waiting: deque[_Expected] = deque()
        self._unfolding = 0
        self._busy = False
        self._scaling = False
        cancel = CancelToken()
        self.destroyed.connect(cancel.cancel)
        self._desk = Desk(session.folder.home / _FOLDER, FetchLimits(), cancel)
        self._background.run(partial(sweep, self._desk.folder), _nothing, _nothing)

    def set_limits(self, limits: FetchLimits) -> None:
        """Fetch within other limits."""
        self._desk = Desk(self._desk.folder, limits, self._desk.cancel)

    def take_mime(self, mime: QMimeData, slot: int | None = None) -> None:
        """Take what was dropped on a slot, or pasted or dropped elsewhere."""
        things = read_mime(mime)
        if things:
            self._take(things, slot)
        else:
            self.began.emit()
            self._refuse("There is no picture in that.", "Drop a picture file, or a picture from a browser.")

    def take_files(self, paths: Iterable[Path], slot: int | None = None) -> None:
        """Take files or folders that were chosen."""
        self._take([DroppedFile(path) for path in paths], slot)

    def use_scaled_copies(self) -> None:
        """Put scaled copies in the place of the pictures that are out of the model's range."""
        paths, spec = scalable(self._draft, self.pictures), self._draft.spec
        if paths and not self._scaling:
            self.began.emit()
            self._scaling = True
            work = partial(_scaled, spec, paths, self._desk.folder / secrets.token_hex(4))
            self._background.run(work, partial(self._on_scaled, spec), self._on_not_scaled)
            self.expecting_changed.emit()

    @property
    def expecting(self) -> dict[int, str]:
        """The slots in which pictures are about to appear, and what is done for them, in a word."""
        free = [index for index, path in enumerate(self._draft.images) if path is None]
        found: dict[int, str] = {}
        for expected in self._waiting:
            slot = expected.slot
            if slot is None and free:
                slot = next((index for index in free if index not in found), None)
            if slot is not None:
                found[slot] = "Fetching…" if isinstance(expected.thing, DroppedUrl) else "Opening…"
        return found

    @property
    def busy(self) -> bool:
        """Whether something is on its way."""
        return self._busy or bool(self._waiting) or self._unfolding > 0 or self._scaling

    def _take(self, things: Sequence[Dropped], slot: int | None) -> None:
        self.began.emit()
        spec = self._draft.spec
        if spec.inputs.maximum == 0:
            self._refuse(f"{spec.name} makes pictures from words alone.", "Choose a model that takes images.")
            return
        slot = self._target(slot, len(things))
        room = self._free() + (slot is not None and self._draft.images[slot] is not None)
        if room == 0:
            self._refuse_full(spec)
            return
        self._unfolding += 1
        self._background.run(
            partial(unfold, things, room), partial(self._on_unfolded, slot), partial(self._on_unfold_failed)
        )

    def _target(self, slot: int | None, count: int) -> int | None:
        """Return the slot that a drop is meant for; None where the next free one is."""
        images = self._draft.images
        if len(images) == 1:
            return 0
        if slot is None or slot >= len(images) or (images[slot] is None and count > 1):
            return None
        return slot

    def _free(self) -> int:
        return sum(path is None for path in self._draft.images) - sum(
            expected.slot is None for expected in self._waiting
        )

    def _on_unfolded(self, slot: int | None, found: tuple[list[Dropped], int]) -> None:
        if not shiboken6.isValid(self):
            return
        self._unfolding -= 1
        things, left_out = found
        for index, thing in enumerate(things):
            self._waiting.append(_Expected(thing, slot if index == 0 else None))
        if left_out:
            spec, more = self._draft.spec, f"{left_out} more" if things else str(left_out)
            self._refuse(
                f"{more} {'was' if left_out == 1 else 'were'} left out: {_takes(spec)}.",
                "Clear a slot first, or choose a model that takes more.",
            )
        self._go_on()

    def _on_unfold_failed(self, error: QieError) -> None:
        if shiboken6.isValid(self):
            self._unfolding -= 1
            self.refused.emit(error)
            self._go_on()

    def _go_on(self) -> None:
        if self._waiting and not self._busy:
            self._busy = True
            expected = self._waiting[0]
            self._background.run(
                partial(_received, expected.thing, self._desk),
                self._on_received,
                self._on_failed,
            )
        self.expecting_changed.emit()

    def _on_received(self, arrival: Arrival | None) -> None:
        if not shiboken6.isValid(self):
            return
        # It is busy until the picture is in its place: whoever hears of the draft's change can tell.
        if arrival is not None:
            self.pictures.put(arrival.path, arrival.picture)
            self._place(arrival.path, self._waiting[0].slot)
        self._end_one()
        self._go_on()

    def _on_failed(self, error: QieError) -> None:
        if shiboken6.isValid(self):
            self._end_one()
            self.refused.emit(error)
            self._go_on()

    def _end_one(self) -> None:
        self._busy = False
        self._waiting.popleft()

    def _place(self, path: Path, slot: int | None) -> None:
        if slot is not None and slot < len(self._draft.images):
            self._draft.set_image(slot, path)
        elif self._draft.add_images([path]):
            self._refuse_full(self._draft.spec)

    def _on_scaled(self, spec: ModelSpec, copies: dict[Path, Arrival]) -> None:
        if not shiboken6.isValid(self):
            return
        for slot, path in enumerate(self._draft.images):
            # Another model may take the picture as it is.
            if path in copies and self._draft.spec is spec:
                self.pictures.put(copies[path].path, copies[path].picture)
                self._draft.set_image(slot, copies[path].path)
        self._scaling = False
        self.expecting_changed.emit()

    def _on_not_scaled(self, error: QieError) -> None:
        if shiboken6.isValid(self):
            self._scaling = False
            self.refused.emit(error)
            self.expecting_changed.emit()

    def _refuse_full(self, spec: ModelSpec) -> None:
        self._refuse(f"All slots are full: {_takes(spec)}.", "Drop it on a picture to replace that one.")

    def _refuse(self, message: str, hint: str) -> None:
        self.refused.emit(InputImageError("images", message, hint))


def _takes(spec: ModelSpec) -> str:
    count = spec.inputs.maximum
    return f"{spec.name} takes {count} {'image' if count == 1 else 'images'}"


def _received(thing: Dropped, desk: Desk) -> Arrival | None:
    try:
        return receive(thing, desk)
    except JobCancelled:
        return None


def _scaled(spec: ModelSpec, paths: Sequence[Path], folder: Path) -> dict[Path, Arrival]:
    """Return the copies by their originals. Takes as long as decoding and encoding do."""
    from qie_desktop.services.scaled_copies import scaled_copies  # noqa: PLC0415 - most sessions scale nothing

    copies = scaled_copies(spec, paths, folder)
    return {path: Arrival(copy, load_picture(copy)) for path, copy in zip(paths, copies, strict=True)}


def _nothing(_answer: object) -> None:
    """Nothing hangs on it: what could not be removed is tried again the next time."""
