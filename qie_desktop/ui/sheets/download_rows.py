"""The rows of Manage Models: the parts of a model, in groups, as they are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from qie_desktop.core.memory_plan import Fit
from qie_desktop.core.model_parts import PartKind
from qie_desktop.ui.sheets.download_words import NO_WORDS, VERDICTS, StateWords, part_words
from qie_desktop.ui.sheets.wording import bytes_text, capitalised, catalogue_choice, gb_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qie_desktop.core.download import DownloadState, PartState
    from qie_desktop.core.model_parts import DownloadChoice
    from qie_desktop.ui.sheets.model_states import ModelState

_GROUPS = (
    ("Transformer", (PartKind.TRANSFORMER,)),
    ("Text encoder", (PartKind.TEXT_ENCODER,)),
    ("For all of these", (PartKind.LIGHTNING, PartKind.BASE)),
)


class Mark(Enum):
    """How a part is chosen: one of several, or by itself; or it always is."""

    RADIO = "radio"
    CHECK = "check"
    FIXED = "fixed"


_FITS = {**VERDICTS, Fit.FITS: "muted"}
"""Among others only what does not fit stands out."""
_MARKS = {PartKind.BASE: Mark.FIXED, PartKind.LIGHTNING: Mark.CHECK}
_WORDS = {
    PartKind.BASE: "Needed for every picture.",
    PartKind.LIGHTNING: "Pictures in 4 or 8 steps instead of 40.",
}
_ENCODER_WORDS = {
    True: "Quantised: takes far less memory.",
    False: "As it was published.",
}


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part as it is shown; a heading is one without an id. `fit` is how it sits in the memory, in words."""

    title: str
    part_id: str = ""
    mark: Mark = Mark.FIXED
    is_chosen: bool = False
    is_recommended: bool = False
    words: str = ""
    fit: str = ""
    fit_verdict: str = "muted"
    size: str = ""
    state: StateWords = NO_WORDS
    is_installed: bool = False
    has_files: bool = False
    path: str = ""

    @property
    def is_heading(self) -> bool:
        """Whether it only names the rows under it."""
        return not self.part_id

    @property
    def text(self) -> str:
        """All of it, for whoever hears it."""
        if self.is_heading:
            return self.title
        said = [self.title, "recommended" if self.is_recommended else "", "chosen" if self.is_chosen else ""]
        said += [self.words.rstrip("."), self.fit, self.size, self.state.text]
        return ", ".join(words for words in said if words)


def part_rows(model: ModelState, choice: DownloadChoice, state: DownloadState | None) -> tuple[PartRow, ...]:
    """Return the rows of a model: its parts as they are, and what of them is chosen."""
    return tuple(_rows(model, choice, state))


def with_part(choice: DownloadChoice, part: PartState, model: ModelState) -> DownloadChoice:
    """Return a choice in which this part is chosen; or no longer, where it can be left out."""
    match part.part.kind:
        case PartKind.TRANSFORMER:
            return replace(choice, quantisation=part.part.id)
        case PartKind.TEXT_ENCODER:
            forms = {form.part_id: form.name for form in model.weights.text_encoders}
            return replace(choice, text_encoder=forms[part.part.id])
        case PartKind.LIGHTNING:
            return replace(choice, lightning=not choice.lightning)
        case PartKind.BASE:
            return choice


def _rows(model: ModelState, choice: DownloadChoice, state: DownloadState | None) -> Iterator[PartRow]:
    chosen, best = model.chosen_ids(choice), model.chosen_ids(model.recommended)
    for title, kinds in _GROUPS:
        parts = [part for kind in kinds for part in model.parts if part.part.kind is kind]
        if parts:
            yield PartRow(title)
        for part in parts:
            kind, part_id = part.part.kind, part.part.id
            words, fit, verdict = _words(model, choice, part)
            yield PartRow(
                _title(model, part),
                part_id,
                _MARKS.get(kind, Mark.RADIO),
                part_id in chosen,
                is_recommended=part_id in best and kind not in _MARKS,
                words=words,
                fit=fit,
                fit_verdict=verdict,
                size=_size(part),
                state=part_words(part, state),
                is_installed=part.is_installed,
                has_files=bool(part.byte_count),
                path=str(part.path or ""),
            )


def _title(model: ModelState, part: PartState) -> str:
    match part.part.kind:
        case PartKind.TRANSFORMER:
            return part.part.id
        case PartKind.TEXT_ENCODER:
            forms = {form.part_id: form.label for form in model.weights.text_encoders}
            return capitalised(forms[part.part.id])
        case _:
            return part.part.name


def _words(model: ModelState, choice: DownloadChoice, part: PartState) -> tuple[str, str, str]:
    """Return what a part is like, how it sits in the memory, and how that is coloured."""
    kind = part.part.kind
    if kind is PartKind.TRANSFORMER:
        need = model.need(part.part.id, choice.text_encoder)
        offered = catalogue_choice("quantisation", part.part.id)
        return offered.help if offered else "", capitalised(need.spare_text), _FITS[need.fit]
    if kind is PartKind.TEXT_ENCODER:
        form = next(form for form in model.weights.text_encoders if form.part_id == part.part.id)
        return _ENCODER_WORDS[form.is_gguf], "", "muted"
    return _WORDS[kind], "", "muted"


def _size(part: PartState) -> str:
    """Return how large a part is: exactly once anything of it is there, and about, before."""
    return bytes_text(part.byte_count + part.missing_bytes) if part.byte_count else gb_text(part.part.gb)
