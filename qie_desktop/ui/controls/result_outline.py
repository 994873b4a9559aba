"""What the pictures in the slots mean for the result: which set its size, and which cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.errors import QieError
from qie_desktop.core.model import ModelKind
from qie_desktop.core.request import check_input_sizes
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


def picture_problem(draft: Draft, pictures: Pictures) -> QieError | None:
    """Return why one of the pictures in the slots cannot be used, or None."""
    found = (unusable(draft.spec, path, pictures.get(path)) for path in draft.images if path is not None)
    return next((error for error in found if error is not None), None)
