"""What is taken where a request leaves it open: as the settings, what is installed and the rest of it say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.request import build_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.storage.settings import Settings

_PREFERRED = {"quantisation": "local.quantisation"}
"""Parameters whose default a setting overrides."""

_COUNT = "count"


def with_preferences(spec: ModelSpec, options: Mapping[str, object], settings: Settings) -> dict[str, object]:
    """Return the options with the settings' own choices for what was left open and the model has."""
    preferred = {
        name: settings.get(key)
        for name, key in _PREFERRED.items()
        if spec.parameter(name) is not None and settings.is_set(key)
    }
    return preferred | dict(options)


def with_count(spec: ModelSpec, options: Mapping[str, object]) -> dict[str, object]:
    """Return the options with what it takes to make as many pictures as were asked for.

    Where the model makes several only with another parameter set to something, that is set, unless the person
    has said otherwise; one picture needs nothing. Raises InvalidRequest for a count that is no number.
    """
    count = spec.parameter(_COUNT)
    condition = None if count is None else count.applies_when
    if count is None or condition is None or _COUNT not in options or condition.parameter in options:
        return dict(options)
    if count.parse(options[_COUNT], 0) == 1:
        return {name: value for name, value in options.items() if name != _COUNT}
    return {**options, condition.parameter: condition.values[0]}


def with_ready_quality(
    spec: ModelSpec,
    request: Request,
    options: Mapping[str, object],
    readiness: Callable[[ModelSpec, Request | None], QieError | None],
) -> Request:
    """Return the request in the first quality that can run, where the default one cannot.

    A model whose Lightning files are not there still runs in full quality. The request itself is returned
    where no quality, or the default one, can run.
    """
    if spec.local is None or readiness(spec, request) is None:
        return request
    for quality in spec.local.qualities:
        other = build_request(spec.id, request.prompt, request.inputs, {**options, "quality": quality.name})
        if readiness(spec, other) is None:
            return other
    return request
