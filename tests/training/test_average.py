"""The mean of the two phases' weights."""

import pytest
import torch
from safetensors.torch import load_file

from training.average import average
from training.runs import write_weights
from training.workplace import TOY, Workplace


def test_the_mean_is_nearer_to_the_second_phase_in_every_weight(tmp_path):
    place = Workplace(tmp_path, "cpu", TOY, compiled=False)
    for stage in ("transformer", "vae_tuned"):
        write_weights(place.weights(stage), {"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([[3.0]])})
        write_weights(
            place.weights(f"second_{stage}"), {"a": torch.tensor([1.0, 1.0]), "b": torch.tensor([[-2.0]])}
        )

    average(place)

    for final in ("final_transformer", "final_vae"):
        found = load_file(place.weights(final))
        assert found["a"].tolist() == pytest.approx([0.8, 1.0])
        assert found["b"].tolist() == [pytest.approx([-1.0])]


def test_without_a_second_phase_there_is_no_mean(tmp_path):
    place = Workplace(tmp_path, "cpu", TOY, compiled=False)
    for stage in ("transformer", "vae_tuned"):
        write_weights(place.weights(stage), {"a": torch.zeros(1)})
    with pytest.raises(FileNotFoundError, match="second_transformer"):
        average(place)
