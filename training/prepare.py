"""What training needs and does not train: photographs, the tokenizer's numbers, the vision tower."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training import pictures, vision
from training.tokens import Tokens

if TYPE_CHECKING:
    from training.workplace import Workplace


def prepare(place: Workplace) -> None:
    """Fetch and check the photographs, and write tokens and vision features, where they are not there yet."""
    place.folder.mkdir(parents=True, exist_ok=True)
    pictures.fetch(place.pictures, place.folder / "downloads")
    if not place.tokens.is_file():
        Tokens.build().save(place.tokens)
    if not place.vision.is_file():
        photographs = sorted((place.pictures / "training").glob("*.jpg"))
        vision.save_features(place.vision, Tokens.load(place.tokens), photographs)
