"""The five models that run in the cloud, as data.

Facts: their input schemas at Replicate. List prices as seen on the day given with each.
"""

from __future__ import annotations

from dataclasses import replace

from qie_desktop.core import shared_parameters as p
from qie_desktop.core.model import CloudSpec, InputSpec, ModelKind, ModelSpec, OutputSpec, Place, Price
from qie_desktop.core.parameters import Choice, ParameterKind, ParameterSpec, When

_SEEN_ON = "2026-11-22"

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
        replace(
            p.aspect_ratio(
                p.MATCH_INPUT_IMAGE,
                ("1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"),
                match_input=True,
            ),
            # Of a custom size the provider takes no notice of it.
            applies_when=When("size", ("1K", "2K", "4K")),
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

CLOUD_MODELS: tuple[ModelSpec, ...] = (_EDIT, _EDIT_PLUS, _HUNYUAN, _QWEN_IMAGE, _SEEDREAM)
"""In the order in which they are shown."""
