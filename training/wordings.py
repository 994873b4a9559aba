"""A grammar of what people write, in English and Chinese, with the typing of people.

The words themselves stand in `wordings.toml` and `unknown.toml`. What a list calls held out is never drawn
for training: it is what the text encoder is examined on.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from training.instructions import NAMES, Instruction, Step, Strength, draw_pair
from training.keyboard import chinese_typing, lists, typing
from training.operations import OPERATIONS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

_TWICE = 0.05
MAX_BYTES = 120
"""Longer prompts are cut: what one such prompt costs in time, all of its batch does."""
_HERE = Path(__file__).parent
_ADVERBS = {
    Strength.SLIGHT: (
        "slightly",
        "a little",
        "a bit",
        "a touch",
        "just a little",
        "subtly",
        "gently",
        "mildly",
    ),
    Strength.STRONG: ("strongly", "a lot", "very", "much", "heavily", "extremely", "really", "very strongly"),
}
_ADJECTIVES = {
    Strength.SLIGHT: ("slight", "subtle", "light", "faint", "gentle", "weak", "mild"),
    Strength.STRONG: ("strong", "heavy", "intense", "extreme", "very strong", "powerful", "big"),
}
_CHINESE_DEGREES = {
    Strength.SLIGHT: ("稍微{}", "轻微{}", "略微{}", "{}一点", "有点{}", "{}，轻一点"),
    Strength.STRONG: ("强烈{}", "非常{}", "大幅{}", "{}很多", "特别{}", "{}，强一点"),
}
_BEFORE_ONLY = ("very", "much", "really", "extremely")
_JOINS = (
    "{} and {}", "{} and {}", "{} and then {}", "{}, then {}", "{} then {}", "{}, and {}", "{}, {}",
    "first {}, then {}", "{} plus {}", "{} + {}", "{} with {}", "{} and also {}", "{}. {}", "{} & {}",
)  # fmt: skip
_NO_ARTICLE = ("more", "less", "higher", "lower", "stronger", "black bars", "bars")


@dataclass(frozen=True, slots=True)
class Words:
    """What an operation is called."""

    phrases: tuple[str, ...]
    names: tuple[str, ...]
    held_out: tuple[str, ...]
    chinese: tuple[str, ...]
    chinese_held_out: tuple[str, ...]


@cache
def words() -> dict[str, Words]:
    """Return the words for each operation but `unchanged`."""
    read = tomllib.loads((_HERE / "wordings.toml").read_text("utf-8"))
    return {
        name: Words(**{key: tuple(value) for key, value in lists.items()}) for name, lists in read.items()
    }


def draw(rng: random.Random) -> tuple[str, Instruction]:
    """Draw a prompt and what it means: mostly one step, a fifth nothing, a fifth two steps."""
    kind = rng.random()
    if kind < 0.18:
        instruction = Instruction((Step(NAMES[0]),))
    elif kind < 0.38:
        instruction = draw_pair(rng)
    else:
        instruction = Instruction((draw_step(rng),))
        if rng.random() < _TWICE:
            return _said_twice(instruction, rng), instruction
    return write(instruction, rng), instruction


def _said_twice(instruction: Instruction, rng: random.Random) -> str:
    """Return two wordings of the same wish: who asks twice does not want it done twice."""
    first, second = (write(instruction, rng).rstrip(" .!") for _ in range(2))
    return cut(rng.choice(("{}, {}", "{}. {}", "{} - {}", "{}，{}", "{} {}")).format(first, second))


def draw_step(rng: random.Random) -> Step:
    """Draw an operation, a third of the graded ones with a strength."""
    name = rng.choice(NAMES[1:])
    graded = rng.random() < 0.35
    return Step(name, rng.choice((Strength.SLIGHT, Strength.STRONG)) if graded else Strength.PLAIN)


def settled(instruction: Instruction) -> Instruction:
    """Return the instruction without strengths that make no difference."""
    return Instruction(
        tuple(step if OPERATIONS[step.name].graded else Step(step.name) for step in instruction.steps)
    )


def write(instruction: Instruction, rng: random.Random) -> str:
    """Return a prompt that asks for an instruction."""
    chinese = rng.random() < 0.4
    if instruction.steps[0].name == NAMES[0]:
        text = _chinese_unknown(rng) if chinese else _unknown(rng)
    elif chinese:
        parts = [_chinese(step, rng) for step in instruction.steps]
        text = parts[0] if len(parts) == 1 else rng.choice(lists()["chinese_joins"]).format(*parts)
    else:
        parts = [_english(step, rng) for step in instruction.steps]
        text = parts[0] if len(parts) == 1 else rng.choice(_JOINS).format(*parts)
    if _plain(text) in _examined():
        return write(instruction, rng)
    typed = chinese_typing(text, rng) if chinese else typing(text, rng)
    return write(instruction, rng) if _plain(typed) in _examined() else cut(typed)


def _plain(text: str) -> str:
    return text.lower().strip(" .!?。！")


@cache
def _examined() -> frozenset[str]:
    """Return what must never be trained on, whatever the grammar puts together."""
    return frozenset(
        _plain(prompt) for chinese in (False, True) for prompt, _ in examination(chinese=chinese)
    )


def cut(text: str) -> str:
    """Return the text cut to MAX_BYTES of UTF-8."""
    return text.encode()[:MAX_BYTES].decode(errors="ignore")


def _english(step: Step, rng: random.Random) -> str:
    own = words()[step.name]
    named = rng.random() < 0.35
    if step.strength is Strength.PLAIN:
        if named:
            return _name(rng.choice(own.names), "", rng)
        phrase = rng.choice(own.phrases)
        if phrase.startswith("make {it} ") and rng.random() < 0.35:
            phrase = phrase.replace("make {it} ", rng.choice(lists()["wishes"]), 1)
        return _picture(phrase, rng)
    if named:
        return _name(rng.choice(own.names), rng.choice(_ADJECTIVES[step.strength]) + " ", rng)
    adverb, phrase = rng.choice(_ADVERBS[step.strength]), rng.choice(own.phrases)
    if phrase.startswith("make {it} ") and rng.random() < 0.7:
        return _picture(phrase.replace("make {it} ", f"make {{it}} {adverb} ", 1), rng)
    phrase = _picture(phrase, rng)
    if adverb in _BEFORE_ONLY or rng.random() < 0.4:
        return f"{adverb} {phrase}"
    return f"{phrase} {adverb}"


def _name(name: str, adjective: str, rng: random.Random) -> str:
    article = "" if name.startswith(_NO_ARTICLE) else rng.choice(("a ", "a ", "a ", "the ", "some ", ""))
    frame = rng.choice(lists()["frames"]).replace("{a} ", article).replace("{x}", adjective + name)
    return _picture(frame, rng)


def _chinese(step: Step, rng: random.Random) -> str:
    phrase = rng.choice(words()[step.name].chinese).replace("{它}", rng.choice(lists()["chinese_pictures"]))
    if step.strength is not Strength.PLAIN:
        return rng.choice(_CHINESE_DEGREES[step.strength]).format(phrase)
    if rng.random() < 0.4:
        phrase = rng.choice(lists()["chinese_leads"]).format(rng.choice(lists()["chinese_pictures"])) + phrase
    return phrase + rng.choice(lists()["chinese_ends"]) if rng.random() < 0.3 else phrase


def _picture(text: str, rng: random.Random) -> str:
    return text.replace("{it}", "it" if rng.random() < 0.4 else rng.choice(lists()["pictures"]))


def _unknown(rng: random.Random) -> str:
    known, kind = lists(), rng.random()
    if kind < 0.3:
        text = rng.choice(known["unchanged"])
    elif kind < 0.72:
        text = rng.choice(known["templates"])
        for hole, filling in (("{o2}", "objects"), ("{o}", "objects"), ("{c}", "colours")):
            text = text.replace(hole, rng.choice(known[filling]))
    elif kind < 0.92:
        line = rng.choice(_prose()).split()
        count = rng.randint(1, min(10, len(line)))
        first = rng.randint(0, len(line) - count)
        text = " ".join(line[first : first + count])
    elif kind < 0.97:
        text = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz     ", k=rng.randint(1, 30))).strip()
    else:
        text = ""
    return _picture(text, rng)


def _chinese_unknown(rng: random.Random) -> str:
    known = lists()
    if rng.random() < 0.4:
        return rng.choice(known["chinese"])
    text = rng.choice(known["chinese_templates"])
    for hole, filling in (
        ("{o2}", "chinese_objects"),
        ("{o}", "chinese_objects"),
        ("{c}", "chinese_colours"),
    ):
        text = text.replace(hole, rng.choice(known[filling]))
    return text


@cache
def _prose() -> list[str]:
    """Return lines of plain prose without any of the words for looks: Python's own documentation strings."""
    from pydoc_data import topics

    said = {
        part
        for name in words()
        for phrase in words()[name].phrases + words()[name].names
        for part in phrase.split()
    }
    common = {
        "a",
        "the",
        "it",
        "in",
        "and",
        "of",
        "to",
        "is",
        "on",
        "for",
        "with",
        "{it}",
        "make",
        "turn",
        "add",
        "at",
        "as",
    }
    lines = re.findall(r"[A-Za-z][a-z,' ]{12,80}", " ".join(topics.topics.values()))
    return sorted({line.strip() for line in lines if not (set(line.lower().split()) & (said - common))})


def examination(*, chinese: bool) -> Iterator[tuple[str, str]]:
    """Yield every held-out prompt of a language with the name of its operation."""
    key = "chinese_held_out" if chinese else "held_out"
    for prompt in lists()[key]:
        yield prompt, NAMES[0]
    for name, own in words().items():
        for prompt in own.chinese_held_out if chinese else own.held_out:
            yield prompt.replace("{它}", "照片").replace("{it}", "it"), name
