"""The byte-level tokenizer and the prompt template: sixty-four tokens exactly before the user's text.

Training needs the numbers alone, so that it can run where transformers is not installed: `Tokens.build` takes
them from the real tokenizer and `save` keeps them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
PREFIX_TOKENS = 64
"""What the stock pipeline drops."""
MULTIPLE = 64
"""A prompt is filled up with spaces until it and its picture are a multiple of so many tokens: then batches
have few lengths, and no edit has another. Trained on 24 tokens and more, and asked with fewer, turns and bars
failed at some sizes."""
_SYSTEM = (
    "Describe the key features of the input image (color, shape, size, texture, objects, background), then "
    "explain how the user's text instruction should alter or modify the image. Generate a new image that "
    "meets the user's requirements while maintaining consistency with the original input where appropriate."
)
_PREFIX = f"<|im_start|>system\n{_SYSTEM}<|im_end|>\n<|im_start|>user\n"
_HEAD = "Picture 1: <|vision_start|>"
_TAIL = "<|im_end|>\n<|im_start|>assistant\n"
_WHOLE = ("Picture ", "assistant")
"""Words that are one token each, wherever they stand."""


def build_tokenizer() -> Any:
    """Return the tokenizer: bytes, the special tokens of Qwen2.5-VL, and three long tokens.

    The longest one swallows the head of the system prompt, so that PREFIX_TOKENS come before the user's text.
    """
    from tokenizers import AddedToken
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    vocabulary = {letter: index for index, letter in enumerate(sorted(ByteLevel.alphabet()))}
    for special in SPECIALS:
        vocabulary[special] = len(vocabulary)
    tokenizer: Any = Qwen2Tokenizer(vocab=vocabulary, merges=[], additional_special_tokens=list(SPECIALS))
    # Besides it: <|im_start|>, "system\n", <|im_end|>, "\n", <|im_start|>, "user\n".
    single = PREFIX_TOKENS - (1 + len("system\n") + 1 + 1 + 1 + 1 + len("user\n"))
    long = _SYSTEM[: len(_SYSTEM) - single]
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in (long, *_WHOLE)])
    return tokenizer


@dataclass(frozen=True, slots=True)
class Tokens:
    """The numbers of everything that a prompt consists of."""

    size: int
    prefix: list[int]
    head: list[int]
    tail: list[int]
    bytes: list[int]
    """The token of each byte."""
    whole: dict[str, int]
    special: dict[str, int]

    @classmethod
    def build(cls) -> Tokens:
        """Ask the real tokenizer."""
        tokenizer = build_tokenizer()

        def ids(text: str) -> list[int]:
            return list(tokenizer(text, add_special_tokens=False)["input_ids"])

        from tokenizers.pre_tokenizers import ByteLevel

        level = ByteLevel(add_prefix_space=False, use_regex=False)
        letters = {0: "\0"} | {byte: chr(byte) for byte in range(128)}
        found = [0] * 256
        for byte, letter in letters.items():
            found[byte] = tokenizer.convert_tokens_to_ids(level.pre_tokenize_str(letter)[0][0])
        # The others stand for themselves or are moved up, as in GPT-2: read off two-byte characters.
        for code in range(0x80, 0x800):
            for byte, mark in zip(chr(code).encode(), level.pre_tokenize_str(chr(code))[0][0], strict=True):
                found[byte] = tokenizer.convert_tokens_to_ids(mark)
        for character in "\u0800\u4e00\uac00\uff01\U0001f600\U00040000\U000fffff":
            marks = level.pre_tokenize_str(character)[0][0]
            for byte, mark in zip(character.encode(), marks, strict=True):
                found[byte] = tokenizer.convert_tokens_to_ids(mark)
        for code in range(0x800, 0x10000, 0x40):
            if not 0xD800 <= code < 0xE000:
                for byte, mark in zip(
                    chr(code).encode(), level.pre_tokenize_str(chr(code))[0][0], strict=True
                ):
                    found[byte] = tokenizer.convert_tokens_to_ids(mark)
        prefix = ids(_PREFIX)
        if len(prefix) != PREFIX_TOKENS:
            raise ValueError(f"the template has {len(prefix)} tokens before the prompt")
        return cls(
            size=len(tokenizer),
            prefix=prefix,
            head=ids(_HEAD),
            tail=ids(_TAIL),
            bytes=found,
            whole={text: tokenizer.convert_tokens_to_ids(text) for text in _WHOLE},
            special={text: tokenizer.convert_tokens_to_ids(text) for text in SPECIALS},
        )

    @classmethod
    def load(cls, path: Path) -> Tokens:
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text("utf-8")))

    def save(self, path: Path) -> None:
        """Write the numbers as JSON."""
        path.write_text(json.dumps(asdict(self)), "utf-8")

    def prompt(self, text: str) -> list[int]:
        """Return the tokens of a user's text, as the real tokenizer does."""
        pattern = "(" + "|".join(map(re.escape, self.whole)) + ")"
        found: list[int] = []
        for part in re.split(pattern, unicodedata.normalize("NFC", text)):
            if part in self.whole:
                found.append(self.whole[part])
            else:
                found += [self.bytes[byte] for byte in part.encode()]
        return found

    def filled(self, text: str, cells: int) -> list[int]:
        """Return the tokens of a user's text about a picture of so many cells, and of the spaces after it."""
        found = self.prompt(text)
        return found + [self.bytes[ord(" ")]] * (-(cells + len(found)) % MULTIPLE)

    def picture(self, cells: int) -> list[int]:
        """Return what comes between prefix and text: a picture of so many cells."""
        return [*self.head, *[self.special["<|image_pad|>"]] * cells, self.special["<|vision_end|>"]]

    def suffix(self, text: str, cells: int) -> list[int]:
        """Return what comes after the prefix: picture, text and spaces, the template's tail."""
        return [*self.picture(cells), *self.filled(text, cells), *self.tail]
