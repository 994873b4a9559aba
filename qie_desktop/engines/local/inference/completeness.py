"""Whether all of a model's weights were in its files: the libraries fill what is missing with random ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qie_desktop.core.errors import CheckpointMismatch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_NAMED = 3
"""How many of many names a message gives."""


def check_complete(what: str, report: Mapping[str, Collection[Any]]) -> None:
    """Raise CheckpointMismatch when weights were missing or of another shape.

    `report` is the loading information of transformers or diffusers (`output_loading_info`). Weights that are
    in the file and not used, such as a language head, do no harm.
    """
    problems = [*report.get("missing_keys", ()), *report.get("mismatched_keys", ())]
    if problems:
        raise CheckpointMismatch(
            f"The {what} lacks {len(problems)} of its weights: {some(sorted(map(str, problems)))}.",
            "Use the folder as it was published, whole.",
        )


def some(names: list[str]) -> str:
    """Return the first of many names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
