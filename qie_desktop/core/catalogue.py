"""The seven models. A new model is one new entry, and nothing else anywhere.

Those of this machine stand here, those of the cloud in `qie_desktop.core.cloud_models`.
"""

from __future__ import annotations

from qie_desktop.core import shared_parameters as p
from qie_desktop.core.cloud_models import CLOUD_MODELS
from qie_desktop.core.errors import UnknownModel, did_you_mean
from qie_desktop.core.first_block_cache import FIRST_BLOCK_CACHE
from qie_desktop.core.local_weights import LOCAL_WEIGHTS, QUALITIES
from qie_desktop.core.machine import this_machine
from qie_desktop.core.model import (
    EmbeddedWeights,
    InputSpec,
    LocalSpec,
    ModelKind,
    ModelSpec,
    Place,
)
from qie_desktop.core.parameters import Choice, ParameterKind, ParameterSpec, When


def _quantisation(name: str, help_text: str) -> Choice:
    return Choice(name, f"{name} · {dict(LOCAL_WEIGHTS.gguf_gb)[name]:.0f} GB", help_text)


_LOCAL = ModelSpec(
    id="qwen-image-edit-2509-gguf",
    name="Qwen-Image-Edit 2509",
    kind=ModelKind.EDIT,
    place=Place.LOCAL,
    summary=f"Edits one or two pictures on {this_machine()}: free and private.",
    inputs=InputSpec(1, 2),
    local=LocalSpec(
        weights=LOCAL_WEIGHTS,
        working_area_px=1024 * 1024,
        qualities=QUALITIES,
    ),
    parameters=(
        ParameterSpec(
            "quality",
            "Quality",
            ParameterKind.CHOICE,
            "lightning-4",
            "Lightning makes a picture in 4 or 8 steps; full quality takes 40 steps of two passes each.",
            choices=tuple(Choice(quality.name, quality.label) for quality in QUALITIES),
        ),
        ParameterSpec(
            "steps",
            "Steps",
            ParameterKind.INTEGER,
            40,
            "How many denoising steps are taken.",
            minimum=1,
            maximum=100,
            default_when=tuple((When("quality", (quality.name,)), quality.steps) for quality in QUALITIES),
        ),
        ParameterSpec(
            "guidance",
            "Guidance",
            ParameterKind.NUMBER,
            4.0,
            "How strongly the prompt is followed (true CFG). Above 1 each step takes two passes.",
            minimum=1,
            maximum=20,
            default_when=tuple((When("quality", (quality.name,)), quality.guidance) for quality in QUALITIES),
        ),
        p.NEGATIVE_PROMPT,
        p.SEED,
        ParameterSpec(
            "quantisation",
            "Quantisation",
            ParameterKind.CHOICE,
            "Q5_K_S",
            "How finely the weights are stored: more bits, better pictures, more memory.",
            choices=(
                _quantisation("Q2_K", "The smallest; visibly coarser."),
                _quantisation("Q4_K_M", "Good pictures in little memory."),
                _quantisation("Q5_K_S", "Hardly to be told from the original."),
                _quantisation("Q8_0", "As good as the original weights."),
            ),
        ),
        ParameterSpec(
            "combine",
            "Two images",
            ParameterKind.CHOICE,
            "side-by-side",
            "Side by side joins two pictures into one canvas, which is edited as a whole; as references, the "
            "first is edited and the second is looked at.",
            choices=(Choice("side-by-side", "Side by side"), Choice("references", "As references")),
            min_inputs=2,
        ),
        p.LORAS,
        FIRST_BLOCK_CACHE,
    ),
)

_STARTER = ModelSpec(
    id="starter",
    name="Starter",
    kind=ModelKind.EDIT,
    place=Place.LOCAL,
    summary="A small model for quick looks; for real edits download the local model or use the cloud.",
    inputs=InputSpec(1, 1),
    typical_seconds=(2, 10),
    local=LocalSpec(
        weights=EmbeddedWeights("starter", "transformer/starter.gguf"),
        working_area_px=1024 * 1024,
        # As far from the middle as its weights have seen.
        max_side_px=1280,
        # Its weights know only pictures of an even number of tokens a side: on a grid of 16, flips break.
        grid_px=32,
        # And longer texts than most people write: with short ones, what turns and frames fails at some sizes.
        prompt_multiple=64,
        steps=1,
        guidance=1.0,
    ),
    parameters=(
        ParameterSpec(
            "steps",
            "Steps",
            ParameterKind.INTEGER,
            1,
            "How many denoising steps are taken; more than one do not make it better.",
            minimum=1,
            maximum=20,
        ),
        p.SEED,
    ),
    examples=(
        "make it black and white",
        "golden hour",
        "as if at night",
        "film look",
        "flip it horizontally",
        "pencil sketch",
        "sepia and a vignette",
        "teal and orange",
    ),
    understands=(
        "unchanged", "black and white", "sepia", "negative", "warmer", "cooler", "brighter", "darker",
        "more contrast", "desaturate", "more saturated", "blur", "mirror", "upside down", "posterize",
        "vignette", "night", "sunset", "red tint", "green tint", "blue tint", "pixelate", "pencil sketch",
        "film look", "vintage", "fade", "teal and orange", "cinematic black bars", "high key", "low key",
        "duotone", "threshold", "emboss", "sharpen", "soft focus", "rotate left", "rotate right", "hue shift",
        "yellow tint", "turquoise tint", "purple tint", "orange tint", "pink tint", "golden hour",
        "bright as snow", "white border",
    ),
    understands_also="Many of them slightly or strongly, two in one sentence, in English or Chinese.",
)  # fmt: skip

CATALOGUE: tuple[ModelSpec, ...] = (_LOCAL, *CLOUD_MODELS, _STARTER)
"""Every model, in the order in which they are shown."""


def find_model(model_id: str, catalogue: tuple[ModelSpec, ...] = CATALOGUE) -> ModelSpec:
    """Return the model with this id. Raises UnknownModel with the nearest id as a hint."""
    for spec in catalogue:
        if spec.id == model_id:
            return spec
    ids = [spec.id for spec in catalogue]
    raise UnknownModel("model", f'There is no model "{model_id}".', did_you_mean(model_id, ids))
