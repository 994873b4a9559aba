"""What the pictures in the slots mean for the result: which set its size, and which cannot be used."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qie_desktop.core.errors import ImageSizeOutOfRange, QieError
from qie_desktop.core.model import ModelKind
from qie_desktop.core.request import check_input_sizes, size_in_range
from qie_desktop.core.shared_parameters import MATCH_INPUT_IMAGE
from qie_desktop.services.result_size import joins_inputs, result_size
from qie_desktop.ui.controls.applicable import outline, values_of
from qie_desktop.ui.controls.pictures import LoadedPicture

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.geometry import Size
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.ui.controls.pictures import Pictures
    from qie_desktop.ui.draft import Draft


_FAR = 4.0
"""A picture whose area is so many times the ideal one, or less than that part of it, is worth a word."""
_MEGAPIXEL = 1e6


def size_setting_slots(draft: Draft) -> frozenset[int]:
    """Return the slots whose pictures set the size of the result: all that are joined, or the first."""
    filled = [index for index, path in enumerate(draft.images) if path is not None]
    if draft.spec.kind is not ModelKind.EDIT and MATCH_INPUT_IMAGE not in values_of(draft).values():
        return frozenset()
    if joins_inputs(outline(draft), len(filled)):
        return frozenset(filled)
    return frozenset(filled[:1])


def expected_size(draft: Draft, pictures: Pictures) -> Size | None:
    """Return the size that the result will have, where that is known before the run."""
    shown = [pictures.get(path) for path in draft.images if path is not None]
    sizes = [each.info.size for each in shown if isinstance(each, LoadedPicture)]
    return result_size(outline(draft), draft.spec, sizes) if len(sizes) == len(shown) else None


def unusable(spec: ModelSpec, path: Path | None, shown: LoadedPicture | QieError | None) -> QieError | None:
    """Return why this model cannot use the picture in a slot, as far as is known."""
    if path is None or shown is None or isinstance(shown, QieError):
        return shown if isinstance(shown, QieError) else None
    try:
        check_input_sizes(spec, [path.name], [shown.info.size])
    except QieError as error:
        return error
    return None


def scalable(draft: Draft, pictures: Pictures) -> list[Path]:
    """Return the pictures in the slots that the model could take if they were scaled, each once."""
    found: dict[Path, None] = {}
    for path in draft.images:
        shown = None if path is None else pictures.get(path)
        if path is None or not isinstance(shown, LoadedPicture):
            continue
        if isinstance(unusable(draft.spec, path, shown), ImageSizeOutOfRange):
            with contextlib.suppress(ImageSizeOutOfRange):
                size_in_range(draft.spec, path.name, shown.info.size, scale=True)
                found[path] = None
    return list(found)


def ideal_hint(draft: Draft, pictures: Pictures) -> str:
    """Return a word about the first picture that is far from the size that the model works best at, or ""."""
    ideal = draft.spec.inputs.ideal_area_px
    if ideal is None or picture_problem(draft, pictures) is not None:
        return ""
    for path in draft.images:
        shown = None if path is None else pictures.get(path)
        if path is not None and isinstance(shown, LoadedPicture):
            area = shown.info.size.area_px
            if not ideal / _FAR < area < ideal * _FAR:
                best = f"this model works best near {ideal / _MEGAPIXEL:.0f}"
                return f"{path.name} has {area / _MEGAPIXEL:.1f} megapixels; {best}."
    return ""


def picture_problem(draft: Draft, pictures: Pictures) -> QieError | None:
    """Return why one of the pictures in the slots cannot be used, or None."""
    found = (unusable(draft.spec, path, pictures.get(path)) for path in draft.images if path is not None)
    return next((error for error in found if error is not None), None)
