"""The seven models. A new model is one new entry here, and nothing else anywhere.

Facts of the cloud models: their input schemas at Replicate. List prices as seen on the day given with each.
"""

from __future__ import annotations

from qie_desktop.core import shared_parameters as p
from qie_desktop.core.errors import UnknownModel, did_you_mean
from qie_desktop.core.model import (
    CloudSpec,
    EmbeddedWeights,
    HubWeights,
    InputSpec,
    LocalSpec,
    ModelKind,
    ModelSpec,
    OutputSpec,
    Place,
    Price,
    Quality,
)
from qie_desktop.core.parameters import Choice, ParameterKind, ParameterSpec, When

_SEEN_ON = "2026-11-22"

_QUALITIES = (
    Quality(
        "lightning-4",
        "Lightning · 4 steps",
        steps=4,
        guidance=1.0,
        lora="Qwen-Image-Edit-2509/Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors",
    ),
    Quality(
        "lightning-8",
        "Lightning · 8 steps",
        steps=8,
        guidance=1.0,
        lora="Qwen-Image-Edit-2509/Qwen-Image-Edit-2509-Lightning-8steps-V1.0-bf16.safetensors",
    ),
    Quality("full", "Full quality · 40 steps", steps=40, guidance=4.0),
)

_GGUF_GB = (("Q2_K", 7.1), ("Q4_K_M", 13.1), ("Q5_K_S", 14.3), ("Q8_0", 21.8))


def _quantisation(name: str, help_text: str) -> Choice:
    return Choice(name, f"{name} · {dict(_GGUF_GB)[name]:.0f} GB", help_text)


_LOCAL = ModelSpec(
    id="qwen-image-edit-2509-gguf",
    name="Qwen-Image-Edit 2509",
    kind=ModelKind.EDIT,
    place=Place.LOCAL,
    summary="Edits one or two pictures on this machine: free and private.",
    inputs=InputSpec(1, 2),
    local=LocalSpec(
        weights=HubWeights(
            base_repo="Qwen/Qwen-Image-Edit-2509",
            gguf_repo="QuantStack/Qwen-Image-Edit-2509-GGUF",
            gguf_pattern="Qwen-Image-Edit-2509-{quantisation}.gguf",
            gguf_gb=_GGUF_GB,
            text_encoder_gb=16.6,
            lora_repo="lightx2v/Qwen-Image-Lightning",
        ),
        working_area_px=1024 * 1024,
        qualities=_QUALITIES,
    ),
    parameters=(
        ParameterSpec(
            "quality",
            "Quality",
            ParameterKind.CHOICE,
            "lightning-4",
            "Lightning makes a picture in 4 or 8 steps; full quality takes 40 steps of two passes each.",
            choices=tuple(Choice(quality.name, quality.label) for quality in _QUALITIES),
        ),
        ParameterSpec(
            "steps",
            "Steps",
            ParameterKind.INTEGER,
            40,
            "How many denoising steps are taken.",
            minimum=1,
            maximum=100,
            default_when=tuple((When("quality", (quality.name,)), quality.steps) for quality in _QUALITIES),
        ),
        ParameterSpec(
            "guidance",
            "Guidance",
            ParameterKind.NUMBER,
            4.0,
            "How strongly the prompt is followed (true CFG). Above 1 each step takes two passes.",
            minimum=1,
            maximum=20,
            default_when=tuple(
                (When("quality", (quality.name,)), quality.guidance) for quality in _QUALITIES
            ),
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
                _quantisation("Q5_K_S", "Recommended: hardly to be told from the original."),
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
    ),
)

_EDIT = ModelSpec(
    id="qwen-image-edit",
    name="Qwen-Image-Edit",
    kind=ModelKind.EDIT,
    place=Place.CLOUD,
    summary="Edits one picture in the cloud.",
    inputs=InputSpec(1, 1),
    price=Price(0.03, _SEEN_ON),
    typical_seconds=(10, 20),
    cloud=CloudSpec("qwen", "qwen-image-edit", image_field="image"),
    parameters=(p.GO_FAST, p.SEED, p.OUTPUT_FORMAT, p.output_quality(80), p.DISABLE_SAFETY_CHECKER),
)

_EDIT_PLUS = ModelSpec(
    id="qwen-image-edit-plus",
    name="Qwen-Image-Edit-Plus",
    kind=ModelKind.EDIT,
    place=Place.CLOUD,
    summary="Edits with up to three pictures in the cloud; the first sets the size.",
    inputs=InputSpec(1, 3, min_side_px=384, max_side_px=3072, ideal_area_px=1024 * 1024),
    price=Price(0.03, _SEEN_ON),
    typical_seconds=(15, 30),
    cloud=CloudSpec(
        "qwen",
        "qwen-image-edit-plus",
        image_field="image",
        image_is_list=True,
        fixed=(("aspect_ratio", "match_input_image"),),
    ),
    parameters=(p.GO_FAST, p.SEED, p.OUTPUT_FORMAT, p.output_quality(95), p.DISABLE_SAFETY_CHECKER),
)

_HUNYUAN = ModelSpec(
    id="hunyuan-image-3",
    name="Hunyuan Image 3",
    kind=ModelKind.GENERATE,
    place=Place.CLOUD,
    summary="Generates a picture from words in the cloud.",
    inputs=InputSpec(0, 0),
    price=Price(0.08, _SEEN_ON),
    typical_seconds=(30, 45),
    cloud=CloudSpec("tencent", "hunyuan-image-3"),
    parameters=(
        p.aspect_ratio(
            "1:1", ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")
        ),
        p.GO_FAST,
        p.SEED,
        p.OUTPUT_FORMAT,
        p.output_quality(95),
        p.DISABLE_SAFETY_CHECKER,
    ),
)

_QWEN_IMAGE = ModelSpec(
    id="qwen-image",
    name="Qwen-Image",
    kind=ModelKind.GENERATE,
    place=Place.CLOUD,
    summary="Generates a picture from words in the cloud; good at text in pictures.",
    inputs=InputSpec(0, 0),
    price=Price(0.025, _SEEN_ON),
    typical_seconds=(20, 40),
    cloud=CloudSpec("qwen", "qwen-image"),
    parameters=(
        p.aspect_ratio("16:9", ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")),
        ParameterSpec(
            "image_size",
            "Optimise for",
            ParameterKind.CHOICE,
            "optimize_for_quality",
            "Quality makes a larger picture; speed a smaller one, sooner.",
            choices=(Choice("optimize_for_quality", "Quality"), Choice("optimize_for_speed", "Speed")),
        ),
        ParameterSpec(
            "guidance",
            "Guidance",
            ParameterKind.NUMBER,
            3.0,
            "How strongly the prompt is followed.",
            minimum=0,
            maximum=10,
        ),
        ParameterSpec(
            "steps",
            "Steps",
            ParameterKind.INTEGER,
            30,
            "How many denoising steps are taken.",
            minimum=1,
            maximum=50,
            wire_name="num_inference_steps",
        ),
        p.NEGATIVE_PROMPT,
        p.enhance_prompt(default=False),
        p.GO_FAST,
        p.SEED,
        p.OUTPUT_FORMAT,
        p.output_quality(80),
        p.DISABLE_SAFETY_CHECKER,
    ),
)

_SEEDREAM = ModelSpec(
    id="seedream-4",
    name="Seedream 4",
    kind=ModelKind.HYBRID,
    place=Place.CLOUD,
    summary="Generates and edits in the cloud: up to ten pictures in, up to fifteen out, up to 4K.",
    inputs=InputSpec(0, 10),
    outputs=OutputSpec(maximum=15, maximum_with_inputs=15),
    price=Price(0.03, _SEEN_ON),
    typical_seconds=(30, 60),
    cloud=CloudSpec("bytedance", "seedream-4", image_field="image_input", image_is_list=True),
    parameters=(
        ParameterSpec(
            "size",
            "Size",
            ParameterKind.CHOICE,
            "2K",
            "The resolution of the result; custom takes a width and a height.",
            choices=(*(Choice(size, size) for size in ("1K", "2K", "4K")), Choice("custom", "Custom")),
        ),
        p.custom_side("width", "Width"),
        p.custom_side("height", "Height"),
        p.aspect_ratio(
            p.MATCH_INPUT_IMAGE, ("1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"), match_input=True
        ),
        ParameterSpec(
            "sequential_image_generation",
            "Several images",
            ParameterKind.CHOICE,
            "disabled",
            "Auto lets the model make a series of related images, up to the number set below.",
            choices=(Choice("disabled", "One image"), Choice("auto", "A series")),
        ),
        ParameterSpec(
            "count",
            "Number of images",
            ParameterKind.INTEGER,
            1,
            "How many images at most; inputs and outputs together are at most 15.",
            minimum=1,
            maximum=15,
            applies_when=When("sequential_image_generation", ("auto",)),
            wire_name="max_images",
        ),
        p.enhance_prompt(default=True),
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
        working_area_px=512 * 512,
        max_side_px=576,
        # Its weights know only pictures of an even number of tokens a side: on a grid of 16, flips break.
        grid_px=32,
        steps=4,
        guidance=1.0,
    ),
    parameters=(
        ParameterSpec(
            "steps",
            "Steps",
            ParameterKind.INTEGER,
            4,
            "How many denoising steps are taken; more than four do not make it better.",
            minimum=1,
            maximum=20,
        ),
        p.SEED,
    ),
    examples=(
        "make it black and white",
        "sepia",
        "as if at night",
        "warmer",
        "flip it horizontally",
        "pencil sketch",
        "add a vignette",
        "pixelate it",
    ),
)

CATALOGUE: tuple[ModelSpec, ...] = (_LOCAL, _EDIT, _EDIT_PLUS, _HUNYUAN, _QWEN_IMAGE, _SEEDREAM, _STARTER)
"""Every model, in the order in which they are shown."""


def find_model(model_id: str, catalogue: tuple[ModelSpec, ...] = CATALOGUE) -> ModelSpec:
    """Return the model with this id. Raises UnknownModel with the nearest id as a hint."""
    for spec in catalogue:
        if spec.id == model_id:
            return spec
    ids = [spec.id for spec in catalogue]
    raise UnknownModel("model", f'There is no model "{model_id}".', did_you_mean(model_id, ids))
