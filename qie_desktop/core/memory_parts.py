"""What the parts of a published model take in memory, told from the catalogue alone.

Where the files are there, `engines/local/planning.py` counts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.memory_need import Parts
from qie_desktop.core.memory_plan import GB
from qie_desktop.core.memory_words import Alternative
from qie_desktop.core.model_parts import TextEncoderFiles
from qie_desktop.core.model_shape import ModelShape

if TYPE_CHECKING:
    from qie_desktop.core.model import HubWeights

FULL = "full"
_PUBLISHED_BYTES = 2


def text_encoders(weights: HubWeights) -> tuple[TextEncoderFiles, ...]:
    """Return the forms of a model's text encoder, the best first."""
    return weights.text_encoders or (TextEncoderFiles(FULL, FULL, weights.text_encoder_gb),)


def published_parts(
    weights: HubWeights, quantisation: str, encoder: TextEncoderFiles, number_bytes: int, *, lightning: bool
) -> Parts:
    """Return what a quantisation takes with a text encoder, and with the larger Lightning LoRA or without.

    `number_bytes` is how large a number is in what is computed. About right: a file's tensors may be of
    several types. Raises KeyError for a quantisation that there is not.
    """
    shape = ModelShape()
    kept = 1 - shape.transformer.modulation_numbers / shape.transformer.numbers
    loras = weights.loras_gb / len(weights.loras) if lightning and weights.loras else 0.0
    wider = number_bytes / _PUBLISHED_BYTES
    return Parts(
        transformer=int(dict(weights.gguf_gb)[quantisation] * GB * kept),
        text_encoder=_text_encoder_bytes(encoder, shape, number_bytes),
        vae=shape.vae.numbers * number_bytes,
        loras=int(loras * GB * wider),
        text_encoder_in_blocks=encoder.is_gguf,
        shape=shape,
    )


def alternatives(
    weights: HubWeights, quantisation: str, text_encoder: str, number_bytes: int, *, lightning: bool
) -> tuple[Alternative, ...]:
    """Return what else could be chosen instead of a quantisation and a text encoder, the best first.

    Smaller quantisations from the largest on; then all again with each smaller text encoder.
    """
    forms = text_encoders(weights)
    names = [form.name for form in forms]
    quantisations = [name for name, _ in sorted(weights.gguf_gb, key=lambda each: -each[1])]
    smaller = quantisations[quantisations.index(quantisation) :] if quantisation in quantisations else []
    found: list[Alternative] = []
    for form in forms[names.index(text_encoder) if text_encoder in names else 0 :]:
        for name in smaller:
            if (name, form.name) != (quantisation, text_encoder):
                label = name if form.name == text_encoder else f"{name} with the {form.label} text encoder"
                parts = published_parts(weights, name, form, number_bytes, lightning=lightning)
                found.append(Alternative(label, parts))
    return tuple(found)


def _text_encoder_bytes(encoder: TextEncoderFiles, shape: ModelShape, number_bytes: int) -> int:
    """Return what it takes without its language head, which is not loaded."""
    published = int(encoder.gb * GB)
    if encoder.is_gguf:
        return published
    return (published // _PUBLISHED_BYTES - shape.text_encoder.head_numbers) * number_bytes
