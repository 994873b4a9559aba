"""The person's LoRA files: taking them into the data folder, and naming them in a request.

A request holds names alone: it is stored in every result, and must not tell of anybody's folders. So a file
from elsewhere is taken into `{data folder}/loras/` first, where a job that is run again finds it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import InvalidRequest, UnknownParameter, did_you_mean
from qie_desktop.core.loras import SUFFIX, Lora, file_name, format_loras, parse_loras, split_strength
from qie_desktop.core.parameters import ParameterKind
from qie_desktop.engines.local.lora_file import read_lora
from qie_desktop.storage.lora_folder import lora_names, take_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.parameters import ParameterSpec

_FIELD = "lora"


def add_lora(folder: Path, path: Path) -> str:
    """Check a LoRA file's header, take it into the folder, and return the name under which it is there.

    Raises LoraError, saying what the file is, where it cannot be used; StorageError or DiskFull. Reads the
    whole file where one of the same name is there: call it off the GUI thread.
    """
    read_lora(path)
    return take_in(folder, path, _name_for(path))


def own_lora_names(folder: Path) -> list[str]:
    """Return the names of the person's LoRA files, without those that belong to a model's qualities."""
    qualities = (quality for spec in CATALOGUE if spec.local for quality in spec.local.qualities)
    taken = {PurePosixPath(quality.lora).name for quality in qualities if quality.lora}
    return [name for name in lora_names(folder) if name not in taken]


def loras_parameter(spec: ModelSpec) -> ParameterSpec | None:
    """Return the parameter that names LoRAs, of a model that takes them."""
    return next((each for each in spec.parameters if each.kind is ParameterKind.LORAS), None)


def with_loras(
    spec: ModelSpec, options: Mapping[str, object], typed: Sequence[str], folder: Path
) -> dict[str, object]:
    """Return the options with LoRAs as they were typed: `FILE` or `FILE:0.8`.

    FILE is a path, or a name in the folder, `.safetensors` left out. All are checked before the first is
    taken into the folder. Raises UnknownParameter where the model takes none, InvalidRequest for a file that
    is not there or a strength out of range, and what `add_lora` does.
    """
    if not typed:
        return dict(options)
    parameter = loras_parameter(spec)
    if parameter is None:
        able = " or ".join(each.id for each in CATALOGUE if loras_parameter(each) is not None)
        raise UnknownParameter(_FIELD, f"{spec.name} takes no LoRAs.", f"Choose another: --model {able}.")
    found = [_found(text, parameter, folder) for text in typed]
    for path, _ in found:
        if path is not None:
            read_lora(path)
    loras = [replace(lora, name=add_lora(folder, path)) if path else lora for path, lora in found]
    before = parse_loras(str(parameter.parse(options.get(parameter.name, ""), 0)))
    return {**options, parameter.name: format_loras((*before, *loras))}


def _found(text: str, parameter: ParameterSpec, folder: Path) -> tuple[Path | None, Lora]:
    """Return the file that is meant, None where it is in the folder, with its name and strength."""
    file, strength = split_strength(text)
    path: Path | None = Path(file).expanduser()
    name = _name_for(path)
    if file == path.name and (folder / name).is_file():
        path = None
    elif not path.is_file():
        raise InvalidRequest(
            _FIELD, f"There is no LoRA file {file}.", _nearest(file, folder) or "Check the path."
        )
    # The parameter knows what a strength can be.
    (lora,) = parse_loras(str(parameter.parse(f"{name}:{1.0 if strength is None else strength}", 0)))
    return path, lora


def _nearest(file: str, folder: Path) -> str:
    names = [name[: -len(SUFFIX)] for name in lora_names(folder)]
    return did_you_mean(file, names) if file and "/" not in file else ""


def _name_for(path: Path) -> str:
    """Return the name that a file has in the folder: its own, without what a request cannot write."""
    bare = "".join(
        "-" if letter in ":;\\" or not letter.isprintable() else letter for letter in path.name
    ).lstrip(".")
    try:
        return file_name(bare)
    except ValueError as error:
        raise InvalidRequest(_FIELD, f"{path} names no LoRA file.", "Name a .safetensors file.") from error
