"""Takes the mean of the weights that the two phases left: it is better than either.

The second phase begins where the first has ended, so that the way between them leads over no hill. Source:
the weight averaging of Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors.torch import load_file

from training.phases import FIRST, SECOND
from training.runs import tell, write_weights

if TYPE_CHECKING:
    from training.workplace import Workplace

_SECOND_SHARE = 0.8


def average(place: Workplace) -> None:
    """Write the transformer and the VAE that are exported."""
    for stage, final in (("transformer", "final_transformer"), ("vae_tuned", "final_vae")):
        first, second = (load_file(place.weights(f"{phase.prefix}{stage}")) for phase in (FIRST, SECOND))
        mean = {name: value.lerp(second[name], _SECOND_SHARE) for name, value in first.items()}
        write_weights(place.weights(final), mean)
    tell(f"average: {_SECOND_SHARE:.0%} of the second phase")
