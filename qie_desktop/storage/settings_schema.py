"""Every setting as data: its key, what it can be, its default and its help.

The dialog and `qie config` are derived from it. Nothing here may hold a secret: the token is in the Keychain.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from qie_desktop.core.parameters import Value

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_SECRET_WORDS = ("token", "secret", "password", "api_key", "apikey")
_SECRET_STARTS = ("r8_", "hf_", "bearer ")


class SettingKind(StrEnum):
    """What sort of value a setting takes."""

    TEXT = "text"
    PATH = "path"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One setting. `default` None means that it is not set; a path is text, with `~` kept as it was typed."""

    key: str
    label: str
    kind: SettingKind
    default: Value | None
    help: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def parse(self, given: object) -> Value:
        """Return `given`, a value or its text, as this setting's value, or raise SettingsError."""
        match self.kind:
            case SettingKind.TEXT | SettingKind.PATH:
                return self._text(given)
            case SettingKind.CHOICE:
                if given in self.choices:
                    return str(given)
                raise self._bad(f'cannot be "{given}".', did_you_mean(str(given), self.choices))
            case SettingKind.BOOLEAN:
                text = str(given).strip().lower()
                if text in _TRUE | _FALSE:
                    return text in _TRUE
                raise self._bad(f"must be true or false, not {given!r}.")
            case SettingKind.INTEGER | SettingKind.NUMBER:
                return self._number(given)

    def _text(self, given: object) -> str:
        if not isinstance(given, str) or not given.strip():
            raise self._bad(f"must be a text, not {given!r}.")
        if given.strip().lower().startswith(_SECRET_STARTS):
            raise secret_refused(self.key)
        return given.strip()

    def _number(self, given: object) -> int | float:
        whole = self.kind is SettingKind.INTEGER
        kind = "a whole number" if whole else "a number"
        try:
            number = float("nan") if isinstance(given, bool) else float(str(given))
        except ValueError:
            number = float("nan")
        if number - number != 0 or (whole and number != int(number)):
            raise self._bad(f"must be {kind}, not {given!r}.")
        low, high = self.minimum, self.maximum
        if (low is not None and number < low) or (high is not None and number > high):
            bounds = f"at least {low:g}" if high is None else f"between {low or 0:g} and {high:g}"
            raise self._bad(f"must be {bounds}, not {number:g}.")
        return int(number) if whole else number

    def _bad(self, what: str, hint: str = "") -> SettingsError:
        return SettingsError(f"{self.key} {what}", hint or self.help)


def _prices() -> tuple[SettingSpec, ...]:
    return tuple(
        SettingSpec(
            f"cloud.prices.{spec.id}",
            f"Price of {spec.name}",
            SettingKind.NUMBER,
            None,
            f"USD for each image, instead of the list price of {spec.price.usd_per_output:g}.",
            minimum=0,
            maximum=1000,
        )
        for spec in CATALOGUE
        if spec.price is not None
    )


def _quantisations() -> tuple[str, ...]:
    """Return what any model of the catalogue offers, in its order."""
    specs = [spec.parameter("quantisation") for spec in CATALOGUE]
    names = [str(choice.value) for spec in specs if spec is not None for choice in spec.choices]
    return tuple(dict.fromkeys(names))


SETTINGS: tuple[SettingSpec, ...] = (
    SettingSpec("general.last_model", "Last model", SettingKind.TEXT, None, "The model used last."),
    SettingSpec(
        "general.output_format",
        "Save pictures as",
        SettingKind.CHOICE,
        "png",
        "The format in which pictures are saved where no name says otherwise.",
        choices=("png", "jpg", "webp"),
    ),
    SettingSpec(
        "general.keep_jobs",
        "Keep finished jobs",
        SettingKind.CHOICE,
        "forever",
        "When the window opens, jobs that are older, or whose pictures have all been saved, go to the Trash; "
        "starred ones always stay.",
        choices=("forever", "30-days", "until-saved"),
    ),
    SettingSpec(
        "general.confirm", "Ask before deleting", SettingKind.BOOLEAN, True, "Ask before jobs are deleted."
    ),
    SettingSpec(
        "general.notifications",
        "Notifications",
        SettingKind.BOOLEAN,
        True,
        "Tell when a job ends and the app is not in front.",
    ),
    SettingSpec(
        "general.theme",
        "Appearance",
        SettingKind.CHOICE,
        "system",
        "Light, dark, or as the system is.",
        choices=("system", "light", "dark"),
    ),
    SettingSpec(
        "cloud.max_jobs",
        "Jobs at a time",
        SettingKind.INTEGER,
        4,
        "How many cloud jobs run at a time; the others wait.",
        minimum=1,
        maximum=16,
    ),
    SettingSpec(
        "cloud.monthly_cap_usd",
        "Monthly cap",
        SettingKind.NUMBER,
        None,
        "Asks before a job would bring what a month has cost above this many USD.",
        minimum=0,
        maximum=100_000,
    ),
    *_prices(),
    SettingSpec(
        "local.checkpoint",
        "Own checkpoint",
        SettingKind.PATH,
        None,
        "A folder in the layout of Qwen/Qwen-Image-Edit-2509, used instead of the downloaded one.",
    ),
    SettingSpec(
        "local.transformer",
        "Own transformer",
        SettingKind.PATH,
        None,
        "A .gguf file of that architecture, used instead of the downloaded one.",
    ),
    SettingSpec(
        "local.quantisation",
        "Quantisation",
        SettingKind.CHOICE,
        "Q5_K_S",
        "How finely the weights of the local model are stored: more bits, better pictures, more memory.",
        choices=_quantisations(),
    ),
    SettingSpec(
        "local.text_encoder",
        "Text encoder",
        SettingKind.CHOICE,
        "auto",
        "What reads the prompt: full is as it was published, 16.6 GB; compact is quantised, 6 GB. Auto takes "
        "full where it is here and fits the memory.",
        choices=("auto", "full", "compact"),
    ),
    SettingSpec(
        "local.text_encoder_gguf",
        "Own text encoder",
        SettingKind.PATH,
        None,
        "A .gguf file of Qwen2.5-VL-7B-Instruct: a compact text encoder instead of the downloaded one.",
    ),
    SettingSpec(
        "local.text_encoder_mmproj",
        "Own mmproj",
        SettingKind.PATH,
        None,
        "The mmproj .gguf file that belongs to your own text encoder.",
    ),
    SettingSpec(
        "local.memory_policy",
        "Memory",
        SettingKind.CHOICE,
        "auto",
        "How much of the model is in memory at once: all of it (resident), or one part at a time (staged).",
        choices=("auto", "resident", "staged"),
    ),
    SettingSpec(
        "local.keep_loaded",
        "Keep the model loaded",
        SettingKind.BOOLEAN,
        True,
        "Keeps the local model in memory between jobs, so that the next one starts at once.",
    ),
    SettingSpec(
        "local.device",
        "Device",
        SettingKind.CHOICE,
        "auto",
        "What the local model runs on.",
        choices=("auto", "mps", "cuda", "cpu"),
    ),
)
"""Every setting, in the order in which they are shown."""


def find_setting(key: str) -> SettingSpec:
    """Return the setting with this key. Raises SettingsError with the nearest key as a hint."""
    for spec in SETTINGS:
        if spec.key == key:
            return spec
    if any(word in key.lower() for word in _SECRET_WORDS):
        raise secret_refused(key)
    raise SettingsError(f'There is no setting "{key}".', did_you_mean(key, [spec.key for spec in SETTINGS]))


def secret_refused(key: str) -> SettingsError:
    """Return why a secret is not taken here; its value is not told."""
    return SettingsError(
        f"{key} would put a secret into config.toml.",
        "Put the Replicate token in the Keychain (Settings, Cloud) or in REPLICATE_API_TOKEN.",
    )
