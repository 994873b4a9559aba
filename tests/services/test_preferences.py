from __future__ import annotations

from dataclasses import replace

import pytest

from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.errors import InvalidRequest
from qie_desktop.core.parameters import ParameterKind, ParameterSpec, When
from qie_desktop.services.preferences import with_count

SERIES = find_model("seedream-4")


@pytest.mark.parametrize("given", [2, "3", 15])
def test_a_count_sets_what_it_depends_on(given: object) -> None:
    assert with_count(SERIES, {"count": given, "size": "1K"}) == {
        "count": given,
        "size": "1K",
        "sequential_image_generation": "auto",
    }
    assert dict(SERIES.resolve(with_count(SERIES, {"count": given}), 0))["count"] == int(str(given))


def test_one_picture_needs_no_series() -> None:
    assert with_count(SERIES, {"count": "1", "size": "1K"}) == {"size": "1K"}


@pytest.mark.parametrize("chosen", ["auto", "disabled"])
def test_what_a_person_has_chosen_stays(chosen: str) -> None:
    options = {"count": 3, "sequential_image_generation": chosen}
    assert with_count(SERIES, options) == options


@pytest.mark.parametrize("given", ["many", 16, 0])
def test_a_count_that_cannot_be_is_named(given: object) -> None:
    with pytest.raises(InvalidRequest, match="count"):
        with_count(SERIES, {"count": given})


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.id)
def test_what_has_no_such_condition_is_left_as_it_is(spec: object) -> None:
    assert with_count(find_model(spec.id), {"seed": 3}) == {"seed": 3}
    if spec.parameter("count") is None:
        assert with_count(spec, {"count": 3}) == {"count": 3}


def test_the_condition_is_that_of_the_catalogue() -> None:
    count = ParameterSpec(
        "count", "Count", ParameterKind.INTEGER, 1, "", applies_when=When("mode", ("many", "most"))
    )
    other = replace(SERIES, parameters=(count,))
    assert with_count(other, {"count": 4}) == {"count": 4, "mode": "many"}
