"""Parameters that several models have, written once."""

from __future__ import annotations

from qie_desktop.core.parameters import MAX_SEED, Choice, ParameterKind, ParameterSpec, Value, When

MATCH_INPUT_IMAGE = "match_input_image"
"""The aspect ratio that means: that of the input."""

SEED = ParameterSpec(
    "seed",
    "Seed",
    ParameterKind.SEED,
    None,
    "The same seed and settings give the same picture again; left out, one is drawn and recorded.",
    minimum=0,
    maximum=MAX_SEED,
)

NEGATIVE_PROMPT = ParameterSpec(
    "negative_prompt",
    "Negative prompt",
    ParameterKind.TEXT,
    " ",
    "What the picture should not show. One space means: nothing in particular.",
)

LORAS = ParameterSpec(
    "loras",
    "LoRAs",
    ParameterKind.LORAS,
    None,
    "Small files that change what the model makes, each with a strength: 1 as it was made, 0 not at all.",
    minimum=-4,
    maximum=4,
)

GO_FAST = ParameterSpec(
    "go_fast",
    "Fast mode",
    ParameterKind.BOOLEAN,
    True,
    "Runs the provider's faster version of the model.",
)

OUTPUT_FORMAT = ParameterSpec(
    "output_format",
    "Sent back as",
    ParameterKind.CHOICE,
    "webp",
    "The format in which the provider sends the picture; PNG loses nothing.",
    choices=(Choice("webp", "WebP"), Choice("jpg", "JPEG"), Choice("png", "PNG")),
)

DISABLE_SAFETY_CHECKER = ParameterSpec(
    "disable_safety_checker",
    "Without safety checker",
    ParameterKind.BOOLEAN,
    False,
    "Asks the provider not to check the result.",
)


def output_quality(default: int) -> ParameterSpec:
    """Return the compression quality of the formats that lose something."""
    return ParameterSpec(
        "output_quality",
        "Compression quality",
        ParameterKind.INTEGER,
        default,
        "How well WebP and JPEG are kept: 100 is best.",
        minimum=0,
        maximum=100,
        applies_when=When(OUTPUT_FORMAT.name, ("webp", "jpg")),
    )


def enhance_prompt(*, default: bool) -> ParameterSpec:
    """Return the switch that lets the provider rewrite the prompt."""
    value: Value = default
    return ParameterSpec(
        "enhance_prompt",
        "Enhance prompt",
        ParameterKind.BOOLEAN,
        value,
        "Lets the provider rewrite the prompt with more detail.",
    )


def aspect_ratio(default: str, ratios: tuple[str, ...], *, match_input: bool = False) -> ParameterSpec:
    """Return the choice of an aspect ratio; with `match_input`, that of the input where there is one."""
    own = (Choice(MATCH_INPUT_IMAGE, "As the input", min_inputs=1),) if match_input else ()
    return ParameterSpec(
        "aspect_ratio",
        "Aspect ratio",
        ParameterKind.ASPECT_RATIO,
        default,
        "The shape of the picture: width to height.",
        choices=own + tuple(Choice(ratio, ratio) for ratio in ratios),
    )


def custom_side(name: str, label: str) -> ParameterSpec:
    """Return a side in pixels that counts when the size is custom."""
    return ParameterSpec(
        name,
        label,
        ParameterKind.INTEGER,
        2048,
        f"The {name} in pixels.",
        minimum=1024,
        maximum=4096,
        applies_when=When("size", ("custom",)),
    )
