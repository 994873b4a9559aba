"""What a local model is downloaded in: parts, each some files of one repository on the hub."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from qie_desktop.core.errors import InvalidRequest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qie_desktop.core.model import HubWeights, ModelSpec

LICENCE = "Apache-2.0"
"""What all the repositories of the catalogue say of themselves."""
MAIN = "main"
"""The branch that is resolved to a commit where none is pinned."""


class PartKind(StrEnum):
    """What a part is for."""

    TRANSFORMER = "transformer"
    BASE = "base"
    TEXT_ENCODER = "text encoder"
    LIGHTNING = "lightning"


@dataclass(frozen=True, slots=True)
class ModelPart:
    """Files that are downloaded, checked and deleted together.

    `patterns` name them as `fnmatch` does; each must match at least one file. `gb` is about their size in GB
    (10⁹ bytes). `revision` is a commit, or what is resolved to one when it is first downloaded.
    """

    id: str
    kind: PartKind
    name: str
    repo: str
    patterns: tuple[str, ...]
    gb: float
    revision: str = MAIN
    licence: str = LICENCE

    def select(self, names: Iterable[str]) -> list[str]:
        """Return those of a repository's files that belong to the part."""
        return [name for name in names if any(fnmatchcase(name, pattern) for pattern in self.patterns)]

    def unmatched(self, names: Iterable[str]) -> list[str]:
        """Return the patterns that match none of the repository's files."""
        there = list(names)
        return [pattern for pattern in self.patterns if not any(fnmatchcase(name, pattern) for name in there)]


@dataclass(frozen=True, slots=True)
class TextEncoderFiles:
    """A form in which the text encoder is published.

    `name` is what `--text-encoder` takes. Of the compact form `language` and `vision` are the GGUF files in
    `repo`; its configuration comes from the base repository. Without them it is the base repository's own.
    """

    name: str
    label: str
    gb: float
    repo: str = ""
    language: str = ""
    vision: str = ""

    @property
    def is_gguf(self) -> bool:
        """Whether its weights are in GGUF files."""
        return bool(self.language)

    @property
    def part_id(self) -> str:
        """The id of the part that it is downloaded as."""
        return f"text-encoder-{self.name}"


@dataclass(frozen=True, slots=True)
class DownloadChoice:
    """What of a model is wanted: a quantisation, a form of the text encoder, the Lightning files or not."""

    model_id: str
    quantisation: str
    text_encoder: str = "full"
    lightning: bool = True


def model_parts(weights: HubWeights) -> tuple[ModelPart, ...]:
    """Return every part that there is of a model: quantisations first, in their order."""
    base, revisions = weights.base_repo, dict(weights.revisions)
    parts = [
        ModelPart(
            name,
            PartKind.TRANSFORMER,
            f"Transformer {name}",
            weights.gguf_repo,
            (weights.gguf_pattern.format(quantisation=name),),
            size_gb,
        )
        for name, size_gb in weights.gguf_gb
    ]
    parts.append(
        ModelPart("base", PartKind.BASE, "VAE, tokenizer", base, weights.base_files, weights.base_gb)
    )
    parts += [
        ModelPart(
            form.part_id,
            PartKind.TEXT_ENCODER,
            f"Text encoder, {form.label}",
            form.repo or base,
            (form.language, form.vision) if form.is_gguf else weights.text_encoder_files,
            form.gb,
        )
        for form in weights.text_encoders
    ]
    if weights.loras:
        parts.append(
            ModelPart(
                "lightning",
                PartKind.LIGHTNING,
                "Lightning, 4 and 8 steps",
                weights.lora_repo,
                weights.loras,
                weights.loras_gb,
            )
        )
    return tuple(replace(part, revision=revisions.get(part.repo, MAIN)) for part in parts)


def find_parts(spec: ModelSpec, weights: HubWeights, part_ids: Iterable[str]) -> tuple[ModelPart, ...]:
    """Return the parts with these ids, or all where none is given. Raises InvalidRequest with the nearest."""
    by_id = {part.id: part for part in model_parts(weights)}
    wanted = list(dict.fromkeys(part_ids)) or list(by_id)
    for part_id in wanted:
        if part_id not in by_id:
            message = f'{spec.name} has no part "{part_id}".'
            raise InvalidRequest("part", message, did_you_mean(part_id, by_id))
    return tuple(by_id[part_id] for part_id in wanted)


def chosen_parts(spec: ModelSpec, weights: HubWeights, choice: DownloadChoice) -> tuple[ModelPart, ...]:
    """Return the parts that a choice needs, in the order in which they are downloaded.

    Raises InvalidRequest, naming what there is, for a quantisation or text encoder that there is not.
    """
    by_id = {part.id: part for part in model_parts(weights)}
    quantisations = [name for name, _ in weights.gguf_gb]
    forms = [form.name for form in weights.text_encoders]
    for field, wanted, known in (
        ("quantisation", choice.quantisation, quantisations),
        ("text_encoder", choice.text_encoder, forms),
    ):
        if wanted not in known:
            message = f'{spec.name} has no {field.replace("_", " ")} "{wanted}".'
            raise InvalidRequest(field, message, did_you_mean(wanted, known))
    ids = ["base", f"text-encoder-{choice.text_encoder}", choice.quantisation]
    if choice.lightning and "lightning" in by_id:
        ids.append("lightning")
    return tuple(by_id[part_id] for part_id in ids)
