"""The folder that holds everything of the user's, and the few things that its `.env` says."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DOT_ENV_KEYS = ("REPLICATE_API_TOKEN", "HF_HOME", "JOBS_DIR")


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The paths of one data folder. Nothing is made or opened by asking for one.

    `jobs_folder` and `cache_folder` are set where the environment or `.env` puts these elsewhere.
    """

    home: Path
    jobs_folder: Path | None = None
    cache_folder: Path | None = None
    dot_env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, compare=False)
    """What `.env` says of the keys known here. It may hold the token: no repr."""

    @classmethod
    def locate(cls, environ: Mapping[str, str] | None = None) -> DataFolder:
        """Return the folder of `QIE_HOME`, or `~/qwen-image-editor`."""
        given = os.environ if environ is None else environ
        home = _path(given.get("QIE_HOME") or "~/qwen-image-editor", given, Path.cwd())
        return cls.at(home, given)

    @classmethod
    def at(cls, home: Path, environ: Mapping[str, str] | None = None) -> DataFolder:
        """Return this folder, with its `.env` read; `environ` (the process's own where None) wins over it."""
        given = os.environ if environ is None else environ
        dot_env = _read_dot_env(home / ".env")
        known = dot_env | {key: given[key] for key in _DOT_ENV_KEYS if given.get(key)}
        jobs, cache = known.get("JOBS_DIR"), known.get("HF_HOME")
        return cls(
            home,
            jobs_folder=_path(jobs, given, home) if jobs else None,
            cache_folder=_path(cache, given, home) if cache else None,
            dot_env=dot_env,
        )

    @property
    def config(self) -> Path:
        """The settings."""
        return self.home / "config.toml"

    @property
    def prompts(self) -> Path:
        """The last prompts."""
        return self.home / "prompts.json"

    @property
    def index(self) -> Path:
        """The index over the jobs."""
        return self.home / "index.sqlite3"

    @property
    def ledger(self) -> Path:
        """What was spent."""
        return self.home / "ledger.jsonl"

    @property
    def huggingface_cache(self) -> Path:
        """Where downloaded weights are."""
        return self.cache_folder or self.home / "huggingface_cache"

    @property
    def hub_cache(self) -> Path:
        """Where the hub's own cache of repositories is in it."""
        return self.huggingface_cache / "hub"

    @property
    def downloads(self) -> Path:
        """How far the download is that runs, or ran last."""
        return self.home / "downloads"

    @property
    def schemas(self) -> Path:
        """What the cloud models took as input when they were last asked."""
        return self.home / "schemas"

    @property
    def loras(self) -> Path:
        """The person's LoRA files."""
        return self.home / "loras"

    @property
    def swept(self) -> tuple[Path, ...]:
        """Where `storage.atomic` writes besides the jobs' folders: kills leave parts there."""
        return self.home, self.schemas, self.loras, self.huggingface_cache

    @property
    def logs(self) -> Path:
        """Where the logs are."""
        return self.home / "logs"

    @property
    def jobs(self) -> Path:
        """Where the jobs are, a folder each."""
        return self.jobs_folder or self.home / "jobs"


def _path(text: str, environ: Mapping[str, str], base: Path) -> Path:
    """Return the path with `~` put in from `environ`, and a relative one taken from `base`."""
    home = environ.get("HOME")
    if home and (text == "~" or text.startswith("~/")):
        return Path(home) / text[2:]
    return base / Path(text).expanduser()


def _read_dot_env(path: Path) -> dict[str, str]:
    try:
        if not path.is_file():
            return {}
        from dotenv import dotenv_values  # noqa: PLC0415 - only where there is such a file to read

        values = dotenv_values(path, encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return {key: value for key in _DOT_ENV_KEYS if (value := values.get(key))}
