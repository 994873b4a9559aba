import pytest

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.memory_fit import GB, Fit, memory_fit, needed_bytes

WEIGHTS = find_model("qwen-image-edit-2509-gguf").local.weights


@pytest.mark.parametrize(
    ("total_gb", "quantisation", "fit"),
    [
        (16, "Q2_K", Fit.TOO_LARGE),
        (24, "Q5_K_S", Fit.TIGHT),
        (32, "Q5_K_S", Fit.FITS),
        (32, "Q8_0", Fit.TIGHT),
        (64, "Q8_0", Fit.FITS),
    ],
)
def test_what_fits_which_machine(total_gb, quantisation, fit):
    assert memory_fit(needed_bytes(WEIGHTS, quantisation), total_gb * GB) is fit


def test_a_run_takes_at_least_the_text_encoder():
    assert needed_bytes(WEIGHTS, "Q2_K") > WEIGHTS.text_encoder_gb * GB
    assert needed_bytes(WEIGHTS, "Q8_0") > needed_bytes(WEIGHTS, "Q5_K_S")


def test_every_quantisation_that_is_offered_has_a_size():
    offered = {
        choice.value for choice in find_model("qwen-image-edit-2509-gguf").parameter("quantisation").choices
    }

    assert offered == dict(WEIGHTS.gguf_gb).keys()
