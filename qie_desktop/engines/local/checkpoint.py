"""Where a local model's files are, and whether all of them are there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, cast

from qie_desktop.core.errors import CheckpointDamaged, CheckpointIncomplete, ModelNotInstalled, QieError
from qie_desktop.core.model import EmbeddedWeights, HubWeights
from qie_desktop.engines.local.gguf_file import read_gguf
from qie_desktop.engines.local.hub.installed import best_snapshot, cached_file, spoilt_files
from qie_desktop.engines.local.text_encoder_files import CompactTextEncoder, TextEncoderWish

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.model import ModelSpec

_CONFIGS = (
    "transformer/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "tokenizer/tokenizer_config.json",
    "processor/preprocessor_config.json",
    "scheduler/scheduler_config.json",
)
_TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"))
"""What a tokenizer is kept in: one file, or the two of older releases."""
_VAE = "vae/diffusion_pytorch_model.safetensors"
_TEXT_ENCODER = "text_encoder/model.safetensors"
_NAMED = 3
"""So many missing files are named where they can be downloaded."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder in the layout of `Qwen/Qwen-Image-Edit-2509`, and the GGUF file with its transformer.

    With `compact` the text encoder's weights are in those files; otherwise they are in the folder. `spoilt`
    are files of the folder that are there and are not what they should be.
    """

    folder: Path
    transformer: Path
    compact: CompactTextEncoder | None = None
    spoilt: tuple[str, ...] = ()

    def part(self, name: str) -> Path:
        """Return the folder of a component: `vae`, `text_encoder`, `tokenizer`, …."""
        return self.folder / name

    def used_files(self) -> dict[str, str]:
        """Return, by name, the files and folders whose weights are used: to be noted with a job."""
        used = {"checkpoint": self.folder, "transformer": self.transformer}
        if self.compact is None:
            used["text_encoder"] = self.part("text_encoder")
        else:
            used["text_encoder"], used["text_encoder_mmproj"] = self.compact.files
        return {name: str(path) for name, path in used.items()}

    def missing_files(self) -> list[str]:
        """Return the names of the files that must be there and are not."""
        missing = [name for name in _CONFIGS if not (self.folder / name).is_file()]
        for name in (_VAE,) if self.compact else (_VAE, _TEXT_ENCODER):
            missing += self._missing_weights(name)
        tokenizer = self.part("tokenizer")
        if not any(all((tokenizer / name).is_file() for name in names) for names in _TOKENIZERS):
            missing.append("tokenizer/tokenizer.json")
        # With a compact text encoder the folder's own is not read.
        weights = "text_encoder/*.safetensors*"
        missing += [name for name in self.spoilt if not (self.compact and fnmatchcase(name, weights))]
        files = (self.transformer, *(self.compact.files if self.compact else ()))
        return missing + [str(file) for file in files if not file.is_file()]

    def _missing_weights(self, name: str) -> list[str]:
        """Return what is missing of weights that are one file, or several listed in an index."""
        path = self.folder / name
        if path.is_file():
            return []
        index = path.with_name(path.name + ".index.json")
        if not index.is_file():
            return [name]
        shards = read_json(index).get("weight_map")
        if not isinstance(shards, dict):
            raise CheckpointDamaged(f"{index} does not list any weights.", "Download it again.")
        names = {str(shard) for shard in cast("dict[str, object]", shards).values()}
        return [f"{path.parent.name}/{name}" for name in sorted(names) if not (path.parent / name).is_file()]

    def check_transformer(self) -> None:
        """Compare the GGUF file's header with the folder's config; no weights are read.

        Raises CheckpointDamaged or CheckpointMismatch, saying what the file is.
        """
        read_gguf(self.transformer).check_config(read_json(self.part("transformer") / "config.json"))

    def check_text_encoder(self) -> None:
        """Compare a compact text encoder's headers with the folder's config, as `check_transformer` does."""
        if self.compact is not None:
            self.compact.check(read_json(self.part("text_encoder") / "config.json"))

    def check(self) -> None:
        """Raise CheckpointIncomplete, naming what is missing, unless all files are there."""
        if not self.folder.is_dir():
            raise CheckpointIncomplete(
                f"There is no folder {self.folder}.",
                "Set local.checkpoint (or --checkpoint) to a folder laid out as Qwen/Qwen-Image-Edit-2509.",
            )
        missing = self.missing_files()
        if missing:
            raise CheckpointIncomplete(
                f"The checkpoint {self.folder} is incomplete. Missing: {', '.join(missing)}.",
                "Add what is missing, or choose another folder.",
            )


def _half_there(spec: ModelSpec, checkpoint: Checkpoint) -> ModelNotInstalled:
    names = [name.rpartition("/")[2] for name in checkpoint.missing_files()]
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ModelNotInstalled(
        f"{spec.name} is only in part on this machine. Missing: {', '.join(names[:_NAMED])}{rest}.",
        "Get the rest with `qie download`.",
    )


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object. Raises CheckpointDamaged naming the file."""
    try:
        data: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointDamaged(f"{path} cannot be read: {error}.", "Download it again.") from error
    if not isinstance(data, dict):
        raise CheckpointDamaged(f"{path} is not a JSON object.", "Download it again.")
    return cast("dict[str, object]", data)


@dataclass(frozen=True, slots=True)
class CheckpointLocator:
    """Finds the files of a local model: in the app's resources, in the settings, or in the hub's cache.

    `hub_cache` is the folder in which `huggingface_hub` keeps repositories; `folder`, `transformer` and the
    files of `text_encoder` are the person's own weights, which come first; `loras` is their folder of LoRA
    files.
    """

    resources: Path
    hub_cache: Path
    folder: Path | None = None
    transformer: Path | None = None
    text_encoder: TextEncoderWish = field(default_factory=TextEncoderWish)
    loras: Path | None = None

    def locate(self, spec: ModelSpec, quantisation: str | None = None) -> Checkpoint:
        """Return the complete checkpoint of a local model: the first of `candidates`, which says more."""
        return self.candidates(spec, quantisation)[0]

    def candidates(self, spec: ModelSpec, quantisation: str | None = None) -> tuple[Checkpoint, ...]:
        """Return the complete checkpoints of a local model, the best first, the one of least memory last.

        There are two where both text encoders are here and nothing says which is wanted. Raises
        ModelNotInstalled when it is not on this machine, CheckpointIncomplete when files are missing.
        """
        if spec.local is None:
            raise ModelNotInstalled(f"{spec.name} does not run on this machine.", "Choose a local model.")
        match spec.local.weights:
            case EmbeddedWeights(folder=folder, gguf=gguf):
                found = (Checkpoint(self.resources / folder, self.resources / folder / gguf),)
            case HubWeights() as hub:
                wanted = quantisation or self._first_quantisation(spec, hub)
                found = self._with_text_encoders(self._from_hub(spec, hub, wanted), hub)
        complete = tuple(checkpoint for checkpoint in found if not checkpoint.missing_files())
        if not complete and self.folder is None and isinstance(spec.local.weights, HubWeights):
            raise _half_there(spec, found[-1])
        if not complete:
            found[-1].check()
        return complete

    def _first_quantisation(self, spec: ModelSpec, hub: HubWeights) -> str:
        """Return what is used where nothing says which: the default, unless only others are here."""
        parameter = spec.parameter("quantisation")
        default = str(parameter.default) if parameter else ""
        names = [default, *(name for name, _ in hub.gguf_gb if name != default)]
        files = {name: hub.gguf_pattern.format(quantisation=name) for name in names}
        here = (name for name in names if cached_file(self.hub_cache, hub.gguf_repo, files[name]))
        return default if self.transformer else next(here, default)

    def _with_text_encoders(self, full: Checkpoint, hub: HubWeights) -> tuple[Checkpoint, ...]:
        """Return a checkpoint with each text encoder that may be used, whether or not it is complete."""
        wish = self.text_encoder
        if wish.form == "full":
            return (full,)
        form = next((form for form in hub.text_encoders if form.is_gguf), None)
        language, vision = wish.language, wish.vision
        if form is not None:
            language = language or cached_file(self.hub_cache, form.repo, form.language)
            vision = vision or cached_file(self.hub_cache, form.repo, form.vision)
        if language is not None and vision is not None:
            compact = replace(full, compact=CompactTextEncoder(language, vision))
            return (compact,) if wish.wants_compact else (full, compact)
        if not wish.wants_compact:
            return (full,)
        missing = [name for name, path in (("model", language), ("mmproj", vision)) if path is None]
        raise ModelNotInstalled(
            f"The compact text encoder's {' and '.join(missing)} file was not found on this machine.",
            "Set local.text_encoder_gguf and local.text_encoder_mmproj to your own files, or "
            "local.text_encoder to full.",
            missing_gb=form.gb if form is not None else 0.0,
        )

    def _from_hub(self, spec: ModelSpec, hub: HubWeights, quantisation: str) -> Checkpoint:
        cached = None if self.folder else best_snapshot(self.hub_cache, hub)
        folder = self.folder or cached
        gguf_name = hub.gguf_pattern.format(quantisation=quantisation)
        transformer = self.transformer or cached_file(self.hub_cache, hub.gguf_repo, gguf_name)
        if folder is not None and transformer is not None:
            spoilt = spoilt_files(self.hub_cache, hub.base_repo, cached) if cached else ()
            return Checkpoint(folder, transformer, spoilt=spoilt)
        missing = " and ".join(
            name for name, found in ((hub.base_repo, folder), (gguf_name, transformer)) if found is None
        )
        raise ModelNotInstalled(
            f"{spec.name} is not installed: {missing} not found on this machine.",
            "Get it with `qie download`, use your own weights with --checkpoint DIR --gguf FILE (or set "
            "local.checkpoint and local.transformer with `qie config set`), or try the built-in model with "
            "--model starter.",
            missing_gb=sum(
                size
                for size, found in (
                    (hub.text_encoder_gb, folder),
                    (dict(hub.gguf_gb).get(quantisation, 0.0), transformer),
                )
                if found is None
            ),
            quantisation=quantisation if folder is not None else "",
        )

    def problem(
        self, spec: ModelSpec, quantisation: str | None = None, *, thorough: bool = False
    ) -> QieError | None:
        """Return why the model cannot be loaded, or None when its files are all there.

        With `thorough`, the GGUF files' headers are read too, and compared with the folder's config.
        """
        try:
            checkpoint = self.locate(spec, quantisation)
            if thorough:
                checkpoint.check_transformer()
                checkpoint.check_text_encoder()
        except QieError as error:
            return error
        return None
