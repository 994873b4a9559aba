from __future__ import annotations

from dataclasses import replace

import pytest

from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.geometry import Size
from qie_desktop.core.model import ModelKind
from qie_desktop.core.request import Request
from qie_desktop.services.result_size import result_size

SIZES = (Size(100, 200), Size(100, 100), Size(7, 9))


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.id)
def test_every_edit_model_keeps_the_size_of_the_first_input(spec) -> None:  # type: ignore[no-untyped-def]
    size = result_size(Request(spec.id, "x"), spec, SIZES[: max(1, spec.inputs.maximum)])
    assert size == (SIZES[0] if spec.kind is ModelKind.EDIT else None)


def test_side_by_side_is_one_canvas_and_references_are_not() -> None:
    spec = find_model("qwen-image-edit-2509-gguf")
    request = Request(spec.id, "x", values=(("combine", "side-by-side"),))
    assert result_size(request, spec, SIZES[:2]) == Size(300, 200)
    assert result_size(request, spec, SIZES[:1]) == SIZES[0]
    references = replace(request, values=(("combine", "references"),))
    assert result_size(references, spec, SIZES[:2]) == SIZES[0]


def test_without_inputs_there_is_no_size_to_keep() -> None:
    assert result_size(Request("starter", "x"), find_model("starter"), ()) is None
