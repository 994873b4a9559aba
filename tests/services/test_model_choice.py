from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import ModelNotInstalled, QieError
from qie_desktop.core.model import ModelKind, ModelSpec
from qie_desktop.services.model_choice import choose_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.storage.settings import Settings

LOCAL, CLOUD, STARTER = "qwen-image-edit-2509-gguf", "qwen-image-edit", "starter"


def ready(*ids: str) -> Callable[[ModelSpec], QieError | None]:
    return lambda spec: None if spec.id in ids else ModelNotInstalled("not here")


@pytest.mark.parametrize(
    ("last", "there", "chosen"),
    [
        (None, (LOCAL, CLOUD, STARTER), LOCAL),
        (None, (CLOUD, "hunyuan-image-3", STARTER), CLOUD),
        (None, (STARTER,), STARTER),
        (None, (), STARTER),
        ("seedream-4", (LOCAL, "seedream-4"), "seedream-4"),
        (STARTER, (LOCAL, STARTER), STARTER),
        (CLOUD, (LOCAL, STARTER), LOCAL),
        ("model-of-old", (STARTER,), STARTER),
    ],
)
def test_first_ready_one_is_chosen(
    settings: Settings, last: str | None, there: tuple[str, ...], chosen: str
) -> None:
    if last:
        settings.set("general.last_model", last)
    assert choose_model(settings, ready(*there)).id == chosen


def test_kinds_narrow_the_choice(settings: Settings) -> None:
    settings.set("general.last_model", STARTER)
    everything = ready(*(spec.id for spec in CATALOGUE))
    assert choose_model(settings, everything, {ModelKind.GENERATE}).kind is ModelKind.GENERATE
    assert choose_model(settings, ready(STARTER), {ModelKind.GENERATE}).kind is ModelKind.GENERATE
