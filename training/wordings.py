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
from typing import TYPE_CHECKING, Any

from training.instructions import NAMES, Instruction, Step, Strength, draw_pair
from training.operations import OPERATIONS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

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
_CHINESE_JOINS = ("{}并{}", "{}，然后{}", "先{}再{}", "{}和{}", "{}，{}", "{}并且{}", "{}再{}", "{}，再{}")
_CHINESE_PICTURES = ("图片", "照片", "这张图", "这张照片", "图像", "它", "画面", "这幅图", "我的照片")
_CHINESE_OPENINGS = ("请", "帮我", "请帮我", "麻烦", "能不能", "我想")
_CHINESE_CLOSINGS = ("", "", "", "。", "！", "吧", "，谢谢", "一下")
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


@cache
def unknown() -> dict[str, Any]:
    """Return the lists of what is not to be acted on, and of what surrounds a wish."""
    return tomllib.loads((_HERE / "unknown.toml").read_text("utf-8"))


def draw(rng: random.Random) -> tuple[str, Instruction]:
    """Draw a prompt and what it means: mostly one step, a fifth nothing, a fifth two steps."""
    kind = rng.random()
    if kind < 0.18:
        instruction = Instruction((Step(NAMES[0]),))
    elif kind < 0.38:
        instruction = draw_pair(rng)
    else:
        instruction = Instruction((draw_step(rng),))
    return write(instruction, rng), instruction


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
    chinese = rng.random() < 0.28
    if instruction.steps[0].name == NAMES[0]:
        text = rng.choice(unknown()["chinese"]) if chinese else _unknown(rng)
    elif chinese:
        parts = [_chinese(step, rng) for step in instruction.steps]
        text = parts[0] if len(parts) == 1 else rng.choice(_CHINESE_JOINS).format(*parts)
    else:
        parts = [_english(step, rng) for step in instruction.steps]
        text = parts[0] if len(parts) == 1 else rng.choice(_JOINS).format(*parts)
    text = _chinese_typing(text, rng) if chinese else _typing(text, rng)
    return cut(text)


def cut(text: str) -> str:
    """Return the text cut to MAX_BYTES of UTF-8."""
    return text.encode()[:MAX_BYTES].decode(errors="ignore")


def _english(step: Step, rng: random.Random) -> str:
    own = words()[step.name]
    named = rng.random() < 0.35
    if step.strength is Strength.PLAIN:
        return _name(rng.choice(own.names), "", rng) if named else _picture(rng.choice(own.phrases), rng)
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
    frame = rng.choice(unknown()["frames"]).replace("{a} ", article).replace("{x}", adjective + name)
    return _picture(frame, rng)


def _chinese(step: Step, rng: random.Random) -> str:
    phrase = rng.choice(words()[step.name].chinese).replace("{它}", rng.choice(_CHINESE_PICTURES))
    if step.strength is not Strength.PLAIN:
        return rng.choice(_CHINESE_DEGREES[step.strength]).format(phrase)
    if rng.random() < 0.25:
        lead = rng.choice(
            ("把{}变成", "将{}做成", "给{}加", "让{}", "把{}", "使{}", "我要", "做成", "加上", "变成", "改成")
        )
        return lead.format(rng.choice(_CHINESE_PICTURES)) + phrase
    if rng.random() < 0.2:
        return phrase + rng.choice(("效果", "的效果", "滤镜", "的感觉", "处理", "风格"))
    return phrase


def _picture(text: str, rng: random.Random) -> str:
    return text.replace("{it}", "it" if rng.random() < 0.4 else rng.choice(unknown()["pictures"]))


def _unknown(rng: random.Random) -> str:
    lists, kind = unknown(), rng.random()
    if kind < 0.3:
        text = rng.choice(lists["unchanged"])
    elif kind < 0.72:
        text = rng.choice(lists["templates"])
        for hole, filling in (("{o2}", "objects"), ("{o}", "objects"), ("{c}", "colours")):
            text = text.replace(hole, rng.choice(lists[filling]))
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


def _typing(text: str, rng: random.Random) -> str:
    """Add politeness, slips, capitals and full stops as people do."""
    if not text:
        return text
    lists = unknown()
    if rng.random() < 0.2:
        text = rng.choice(lists["openings"]) + text
    if rng.random() < 0.12:
        text = text + rng.choice(lists["closings"])
    if rng.random() < 0.12:
        text = _slip(text, rng)
    case = rng.random()
    if case < 0.35:
        text = text[:1].upper() + text[1:]
    elif case < 0.43:
        text = text.upper()
    elif case < 0.5:
        text = text.title()
    return text + rng.choice(("", "", "", "", "", ".", ".", "!", " "))


def _chinese_typing(text: str, rng: random.Random) -> str:
    if rng.random() < 0.25:
        text = rng.choice(_CHINESE_OPENINGS) + text
    return text + rng.choice(_CHINESE_CLOSINGS)


def _slip(text: str, rng: random.Random) -> str:
    """Return the text with a letter missing, doubled, wrong, or changed with its neighbour."""
    if len(text) < 6:
        return text
    at, kind = rng.randrange(1, len(text) - 1), rng.random()
    if kind < 0.3:
        return text[:at] + text[at + 1 :]
    if kind < 0.6:
        return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]
    if kind < 0.8:
        return text[:at] + text[at] + text[at:]
    return text[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + text[at + 1 :]


def examination(*, chinese: bool) -> Iterator[tuple[str, str]]:
    """Yield every held-out prompt of a language with the name of its operation."""
    key = "chinese_held_out" if chinese else "held_out"
    for prompt in unknown()[key]:
        yield prompt, NAMES[0]
    for name, own in words().items():
        for prompt in own.chinese_held_out if chinese else own.held_out:
            yield prompt.replace("{它}", "照片").replace("{it}", "it"), name
