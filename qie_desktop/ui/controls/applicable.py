"""Which parameters of the draft's model are to be shown, and where: read off their specs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.errors import QieError
from qie_desktop.core.parameters import ParameterKind
from qie_desktop.core.request import Request

if TYPE_CHECKING:
    from qie_desktop.core.parameters import ParameterSpec, Value
    from qie_desktop.ui.draft import Draft


def values_of(draft: Draft) -> dict[str, Value]:
    """Return the draft's values; the defaults where one of them cannot be taken any longer."""
    try:
        return draft.values()
    except QieError:
        return draft.spec.resolve({}, draft.image_count)


def applying(draft: Draft) -> tuple[ParameterSpec, ...]:
    """Return the parameters that exist now, beside each other's values and this many pictures."""
    values, count = values_of(draft), draft.image_count
    return tuple(spec for spec in draft.spec.parameters if spec.applies(values, count))


def aspect_ratio_of(draft: Draft) -> ParameterSpec | None:
    """Return the parameter that the tiles show, if there is one."""
    return next((spec for spec in applying(draft) if spec.kind is ParameterKind.ASPECT_RATIO), None)


def image_choices(draft: Draft) -> tuple[ParameterSpec, ...]:
    """Return the choices that are about the pictures, and so stand under them."""
    return tuple(spec for spec in applying(draft) if _is_about_images(spec))


def more_options(draft: Draft) -> tuple[ParameterSpec, ...]:
    """Return the parameters that have no place of their own."""
    return tuple(
        spec
        for spec in applying(draft)
        if spec.kind is not ParameterKind.ASPECT_RATIO and not _is_about_images(spec)
    )


def outline(draft: Draft) -> Request:
    """Return what would be asked for, unchecked: for looking up sizes, costs and what is in the way."""
    values = values_of(draft)
    return Request(
        draft.spec.id,
        draft.prompt,
        tuple(path for path in draft.images if path is not None),
        tuple((name, value) for name, value in values.items() if name not in {"seed", "negative_prompt"}),
    )


def _is_about_images(spec: ParameterSpec) -> bool:
    return spec.min_inputs > 0 and spec.kind is ParameterKind.CHOICE
