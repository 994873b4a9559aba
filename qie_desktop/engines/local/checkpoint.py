"""Where a local model's files are, and whether all of them are there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from qie_desktop.core.errors import CheckpointDamaged, CheckpointIncomplete, ModelNotInstalled, QieError
from qie_desktop.core.model import EmbeddedWeights, HubWeights
from qie_desktop.engines.local.gguf_file import read_gguf

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
_PUBLISHED_BYTES = 2
_WEIGHTS = ("vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder in the layout of `Qwen/Qwen-Image-Edit-2509`, and the GGUF file with its transformer."""

    folder: Path
    transformer: Path

    def part(self, name: str) -> Path:
        """Return the folder of a component: `vae`, `text_encoder`, `tokenizer`, …."""
        return self.folder / name

    def memory_bytes(self, bytes_per_number: int) -> int:
        """Return what all weights take in memory, the GGUF file's kept in blocks.

        The others are published in 16 bits, and held in the type that is computed in.
        """
        files = [*self.part("text_encoder").glob("*.safetensors"), *self.part("vae").glob("*.safetensors")]
        numbers = sum(file.stat().st_size for file in files) // _PUBLISHED_BYTES
        return self.transformer.stat().st_size + numbers * bytes_per_number

    def missing_files(self) -> list[str]:
        """Return the names of the files that must be there and are not."""
        missing = [name for name in _CONFIGS if not (self.folder / name).is_file()]
        for name in _WEIGHTS:
            missing += self._missing_weights(name)
        tokenizer = self.part("tokenizer")
        if not any(all((tokenizer / name).is_file() for name in names) for names in _TOKENIZERS):
            missing.append("tokenizer/tokenizer.json")
        if not self.transformer.is_file():
            missing.append(str(self.transformer))
        return missing

    def _missing_weights(self, name: str) -> list[str]:
        """Return what is missing of weights that are one file, or several listed in an index."""
        path = self.folder / name
        if path.is_file():
            return []
        index = path.with_name(path.name + ".index.json")
        if not index.is_file():
            return [name]
        shards = cast("dict[str, str]", read_json(index).get("weight_map", {}))
        return [
            f"{path.parent.name}/{shard}"
            for shard in sorted(set(shards.values()))
            if not (path.parent / shard).is_file()
        ]

    def check_transformer(self) -> None:
        """Compare the GGUF file's header with the folder's config; no weights are read.

        Raises CheckpointDamaged or CheckpointMismatch, saying what the file is.
        """
        read_gguf(self.transformer).check_config(read_json(self.part("transformer") / "config.json"))

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


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object. Raises CheckpointDamaged naming the file."""
    try:
        data: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointDamaged(f"{path} cannot be read: {error}.", "Download it again.") from error
    if not isinstance(data, dict):
        raise CheckpointDamaged(f"{path} is not a JSON object.", "Download it again.")
    return cast("dict[str, object]", data)


@dataclass(frozen=True, slots=True)
class CheckpointLocator:
    """Finds the files of a local model: in the app's resources, in the settings, or in the hub's cache.

    `hub_cache` is the folder in which `huggingface_hub` keeps repositories; `folder` and `transformer` are
    the person's own weights, which come first.
    """

    resources: Path
    hub_cache: Path
    folder: Path | None = None
    transformer: Path | None = None

    def locate(self, spec: ModelSpec, quantisation: str | None = None) -> Checkpoint:
        """Return the complete checkpoint of a local model.

        Raises ModelNotInstalled when it is not on this machine, CheckpointIncomplete when files are missing.
        """
        if spec.local is None:
            raise ModelNotInstalled(f"{spec.name} does not run on this machine.", "Choose a local model.")
        match spec.local.weights:
            case EmbeddedWeights(folder=folder, gguf=gguf):
                checkpoint = Checkpoint(self.resources / folder, self.resources / folder / gguf)
            case HubWeights() as hub:
                parameter = spec.parameter("quantisation")
                default = str(parameter.default) if parameter else ""
                checkpoint = self._from_hub(spec, hub, quantisation or default)
        checkpoint.check()
        return checkpoint

    def _from_hub(self, spec: ModelSpec, hub: HubWeights, quantisation: str) -> Checkpoint:
        folder = self.folder or cached_snapshot(self.hub_cache, hub.base_repo)
        gguf_name = hub.gguf_pattern.format(quantisation=quantisation)
        transformer = self.transformer or cached_file(self.hub_cache, hub.gguf_repo, gguf_name)
        if folder is not None and transformer is not None:
            return Checkpoint(folder, transformer)
        missing = " and ".join(
            name for name, found in ((hub.base_repo, folder), (gguf_name, transformer)) if found is None
        )
        raise ModelNotInstalled(
            f"{spec.name} is not installed: {missing} not found on this machine.",
            "Use your own weights with --checkpoint DIR --gguf FILE (or set local.checkpoint and "
            "local.transformer with `qie config set`), or try the built-in model with --model starter.",
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

        With `thorough`, the GGUF file's header is read too, and compared with the folder's config.
        """
        try:
            checkpoint = self.locate(spec, quantisation)
            if thorough:
                checkpoint.check_transformer()
        except QieError as error:
            return error
        return None


def cached_snapshot(hub_cache: Path, repo: str) -> Path | None:
    """Return the folder of a repository's newest revision in the hub's cache, if there is one.

    The layout is that of huggingface_hub (docs: "Understand caching"); read here without importing the
    library, which would take longer than the whole of `qie models` may.
    """
    root = hub_cache / f"models--{repo.replace('/', '--')}"
    reference = root / "refs" / "main"
    if not reference.is_file():
        return None
    snapshot = root / "snapshots" / reference.read_text(encoding="utf-8").strip()
    return snapshot if snapshot.is_dir() else None


def cached_file(hub_cache: Path, repo: str, name: str) -> Path | None:
    """Return a file of a repository in the hub's cache, if it is there whole."""
    snapshot = cached_snapshot(hub_cache, repo)
    if snapshot is None or not (snapshot / name).is_file():
        return None
    return snapshot / name
