"""The `input` of a prediction: derived from the request and the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qie_desktop.core.model import CloudSpec, ModelSpec
    from qie_desktop.core.request import Request

JSON = dict[str, Any]


def model_input(
    request: Request, spec: ModelSpec, cloud: CloudSpec, pictures: Sequence[str], known: frozenset[str] | None
) -> JSON:
    """Return what is sent to a model; `pictures` are URIs, `known` the inputs that it takes (None: all)."""
    sent: JSON = plain_input(request, spec, cloud, known)
    if cloud.image_field is not None and pictures:
        sent[cloud.image_field] = list(pictures) if cloud.image_is_list else pictures[0]
    return sent


def plain_input(request: Request, spec: ModelSpec, cloud: CloudSpec, known: frozenset[str] | None) -> JSON:
    """Return all of a model's input but the pictures: by this a prediction is known again."""
    values = request.parameters()
    named = {
        parameter.provider_name: values[parameter.name]
        for parameter in spec.parameters
        if parameter.name in values
    }
    sent: JSON = {"prompt": request.prompt, **named, **dict(cloud.fixed)}
    return sent if known is None else {name: value for name, value in sent.items() if name in known}
