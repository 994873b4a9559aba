"""What the settings say where a request leaves it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.storage.settings import Settings

_PREFERRED = {"quantisation": "local.quantisation"}
"""Parameters whose default a setting overrides."""


def with_preferences(spec: ModelSpec, options: Mapping[str, object], settings: Settings) -> dict[str, object]:
    """Return the options with the settings' own choices for what was left open and the model has."""
    preferred = {
        name: settings.get(key)
        for name, key in _PREFERRED.items()
        if spec.parameter(name) is not None and settings.is_set(key)
    }
    return preferred | dict(options)
