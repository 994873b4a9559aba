"""Which LoRA files a request means, and where they are: that of its quality, and the person's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from qie_desktop.core.errors import InvalidRequest
from qie_desktop.core.lora_errors import LoraMissing, QualityNotInstalled
from qie_desktop.core.loras import Lora, parse_loras
from qie_desktop.core.model import HubWeights
from qie_desktop.core.parameters import ParameterKind
from qie_desktop.engines.local.gguf_file import read_gguf
from qie_desktop.engines.local.hub.installed import cached_file
from qie_desktop.engines.local.lora_file import read_lora

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.model import LocalSpec, ModelSpec, Quality
    from qie_desktop.core.request import Request
    from qie_desktop.engines.local.checkpoint import Checkpoint, CheckpointLocator

_CHUNK_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class FoundLora:
    """A LoRA file, and how strongly it acts."""

    path: Path
    lora: Lora

    @property
    def strength(self) -> float:
        """How strongly it acts."""
        return self.lora.strength


class LoraLocator:
    """Finds LoRA files, in the hub's cache and in the data folder, and knows their contents by their hash."""

    def __init__(self, locator: CheckpointLocator) -> None:
        self._hub_cache = locator.hub_cache
        self._folder = locator.loras
        self._hashes: dict[tuple[str, int, int], str] = {}

    def of(self, spec: ModelSpec, request: Request) -> tuple[FoundLora, ...]:
        """Return the files of a request: first that of its quality, then the person's own, in their order.

        Raises QualityNotInstalled for the former and LoraMissing for the latter, naming the file.
        """
        quality = quality_of(spec.local, request)
        found = [] if quality is None or quality.lora is None else [self._of_quality(spec, quality)]
        for lora in _own(spec, request):
            path = None if self._folder is None else self._folder / lora.name
            if path is None or not path.is_file():
                raise LoraMissing(
                    f"The LoRA {lora.name} is not in the folder {self._folder}.",
                    "Add it again (--lora FILE, or Add LoRA… in the window), or leave it out.",
                )
            found.append(FoundLora(path, lora))
        return tuple(found)

    def check(self, spec: ModelSpec, request: Request, checkpoint: Checkpoint) -> None:
        """Raise what is in the way of a request's LoRAs; of files, the headers are read, no weights.

        Raises what `of` does, and LoraError for a file that cannot be used with this checkpoint.
        """
        files = [read_lora(found.path) for found in self.of(spec, request) if found.strength]
        if files:
            tensors = read_gguf(checkpoint.transformer).tensors
            shapes = {name: tensor.shape for name, tensor in tensors.items()}
            for file in files:
                file.check_fits(shapes)

    def noted(self, found: Iterable[FoundLora], cancel: CancelToken) -> dict[str, str]:
        """Return what is noted with a job: each file's name, strength and SHA-256. Raises JobCancelled."""
        notes = [f"{each.lora} sha256:{self._sha256(each.path, cancel)}" for each in found]
        return {"loras": "; ".join(notes)} if notes else {}

    def _of_quality(self, spec: ModelSpec, quality: Quality) -> FoundLora:
        """Return the file of a quality: from the hub's cache, or by its name from the data folder."""
        assert spec.local is not None
        assert quality.lora is not None
        weights, name = spec.local.weights, PurePosixPath(quality.lora).name
        repo = weights.lora_repo if isinstance(weights, HubWeights) else ""
        path = cached_file(self._hub_cache, repo, quality.lora) if repo else None
        if path is None and self._folder is not None and (self._folder / name).is_file():
            path = self._folder / name
        if path is None:
            raise QualityNotInstalled(
                f"{quality.label} needs the file {name}, which is not on this machine.",
                f"Get it with `qie download`, or put it into {self._folder}; "
                "or run it in full quality: --set quality=full (add --steps N for fewer steps).",
                quality=quality.label,
                missing_gb=weights.loras_gb if isinstance(weights, HubWeights) else 0.0,
            )
        return FoundLora(path, Lora(name))

    def _sha256(self, path: Path, cancel: CancelToken) -> str:
        stat = path.stat()
        key = str(path), stat.st_size, stat.st_mtime_ns
        if key not in self._hashes:
            content = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    cancel.raise_if_cancelled()
                    content.update(chunk)
            self._hashes[key] = content.hexdigest()
        return self._hashes[key]


def quality_of(local: LocalSpec | None, request: Request) -> Quality | None:
    """Return the quality that a request names, where the model has several."""
    name = request.value("quality")
    return next((quality for quality in local.qualities if quality.name == name), None) if local else None


def _own(spec: ModelSpec, request: Request) -> tuple[Lora, ...]:
    texts = [
        (parameter.name, str(request.value(parameter.name) or ""))
        for parameter in spec.parameters
        if parameter.kind is ParameterKind.LORAS
    ]
    loras: list[Lora] = []
    for name, text in texts:
        try:
            loras += parse_loras(text)
        except ValueError as error:
            # The request may have come from a file that somebody else made.
            raise InvalidRequest(name, str(error), "Choose LoRAs by the names of their files.") from error
    return tuple(loras)
