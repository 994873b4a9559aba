"""`qie edit` and `qie generate`: from words on the command line to a job, and to its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qie_desktop.cli.reporting import refusals_reported
from qie_desktop.cli.running import Report, Wish, fulfil
from qie_desktop.core.errors import InvalidRequest
from qie_desktop.core.model import ModelKind
from qie_desktop.engines.local.text_encoder_files import TextEncoderWish

if TYPE_CHECKING:
    from qie_desktop.cli.front import Front

ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="The model; see `qie models`.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Also put the picture here: a file or a folder.")
]
SeedOption = Annotated[str | None, typer.Option("--seed", help="The same seed gives the same picture.")]
StepsOption = Annotated[str | None, typer.Option("--steps", help="How many denoising steps.")]
RatioOption = Annotated[str | None, typer.Option("--aspect-ratio", help="The shape, such as 16:9.")]
CountOption = Annotated[str | None, typer.Option("--count", help="How many pictures.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any parameter of the model; may be repeated."),
]
LoraOption = Annotated[
    list[str] | None,
    typer.Option(
        "--lora", metavar="FILE[:STRENGTH]", help="A LoRA file, or one in the data folder; may be repeated."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object; progress on stderr.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Run it even if it goes beyond the monthly cap.")
]
CheckpointOption = Annotated[
    Path | None, typer.Option("--checkpoint", help="A folder laid out like Qwen/Qwen-Image-Edit-2509.")
]
GgufOption = Annotated[Path | None, typer.Option("--gguf", help="A .gguf file of its transformer.")]
TextEncoderOption = Annotated[
    Path | None, typer.Option("--text-encoder-gguf", help="A .gguf file of Qwen2.5-VL-7B-Instruct.")
]
MmprojOption = Annotated[
    Path | None, typer.Option("--text-encoder-mmproj", help="The mmproj .gguf file that belongs to it.")
]


def edit(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar='IMAGE... "PROMPT"', help="The pictures, then the prompt.")
    ],
    model: ModelOption = None,
    output: OutputOption = None,
    seed: SeedOption = None,
    steps: StepsOption = None,
    aspect_ratio: RatioOption = None,
    count: CountOption = None,
    parameters: SetOption = None,
    scale: Annotated[
        bool, typer.Option("--scale", help="Send a scaled copy of a picture that the model does not take.")
    ] = False,
    lora: LoraOption = None,
    checkpoint: CheckpointOption = None,
    gguf: GgufOption = None,
    text_encoder_gguf: TextEncoderOption = None,
    text_encoder_mmproj: MmprojOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Edit a picture as the prompt says. The result has exactly the size of the picture."""
    with refusals_reported(as_json=as_json, model=model):
        *images, prompt = words
        if not images and Path(prompt).is_file():
            raise InvalidRequest(
                "prompt", "The prompt is missing.", f'Say what to do with it: "{prompt}" "warmer".'
            )
        check_there("checkpoint", checkpoint)
        check_there("gguf", gguf)
        encoder = _own_text_encoder(text_encoder_gguf, text_encoder_mmproj)
        named = {"seed": seed, "steps": steps, "aspect_ratio": aspect_ratio, "count": count}
        wish = Wish(
            kinds=(ModelKind.EDIT, ModelKind.HYBRID),
            prompt=prompt,
            images=tuple(Path(image) for image in images),
            options=_options(named, parameters),
            model_id=model,
            own_weights=any(own is not None for own in (checkpoint, gguf, encoder)),
            scale=scale,
            beyond_cap=yes,
            loras=tuple(lora or ()),
        )
        front: Front = context.obj(checkpoint, gguf, encoder)
        fulfil(front, wish, Report(output, as_json=as_json, quiet=quiet))


def generate(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help="What the picture should show.")],
    model: ModelOption = None,
    output: OutputOption = None,
    seed: SeedOption = None,
    steps: StepsOption = None,
    aspect_ratio: RatioOption = None,
    count: CountOption = None,
    parameters: SetOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a picture from words, in the aspect ratio that you choose."""
    with refusals_reported(as_json=as_json, model=model):
        named = {"seed": seed, "steps": steps, "aspect_ratio": aspect_ratio, "count": count}
        wish = Wish(
            kinds=(ModelKind.GENERATE, ModelKind.HYBRID),
            prompt=prompt,
            images=(),
            options=_options(named, parameters),
            model_id=model,
            beyond_cap=yes,
        )
        front: Front = context.obj()
        fulfil(front, wish, Report(output, as_json=as_json, quiet=quiet))


def _own_text_encoder(language: Path | None, vision: Path | None) -> TextEncoderWish | None:
    check_there("text-encoder-gguf", language)
    check_there("text-encoder-mmproj", vision)
    return TextEncoderWish("compact", language, vision) if language or vision else None


def check_there(option: str, path: Path | None) -> None:
    """Raise InvalidRequest for a path that was given and is not there."""
    if path is not None and not path.expanduser().exists():
        raise InvalidRequest(option, f"--{option}: there is no {path}.", "Check the path.")


def _options(named: dict[str, str | None], parameters: list[str] | None) -> dict[str, object]:
    """Collect the parameters that were given, by name; those of `--set` come last."""
    options: dict[str, object] = {name: value for name, value in named.items() if value is not None}
    for given in parameters or []:
        name, equals, value = given.partition("=")
        if not (equals and name):
            raise InvalidRequest("set", f'"{given}" is not NAME=VALUE.', "Write it as --set steps=8.")
        options[name.strip()] = value
    return options
