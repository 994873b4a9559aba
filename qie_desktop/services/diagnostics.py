"""What `qie doctor` and the Diagnostics window tell of this machine and this installation."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from qie_desktop import __version__
from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import QieError
from qie_desktop.core.memory_plan import GB
from qie_desktop.core.model import HubWeights, Place
from qie_desktop.services.machine_memory import memory_needs, recommended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.engines.local.self_test import SelfTest
    from qie_desktop.services.machine_memory import MemoryNeed
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.secrets import ReplicateToken
    from qie_desktop.storage.settings import Settings

_LOW_DISK_BYTES = 5 * GB
_WORDS = {
    "environment": "known, from the environment",
    ".env": "known, from .env",
    "keychain": "in the Keychain",
}


class Verdict(StrEnum):
    """Whether a finding is as it should be."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `hint` says what to do where something is amiss."""

    name: str
    value: str
    verdict: Verdict = Verdict.GOOD
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at. `self_test` computes on the device (seconds); `readiness` looks for a model.

    `whose_token` asks the provider whose token this is, and returns a name or raises QieError; None: nothing
    is asked of anybody.
    """

    folder: DataFolder
    settings: Settings
    token: ReplicateToken
    readiness: Callable[[ModelSpec], QieError | None]
    self_test: Callable[[], SelfTest]
    whose_token: Callable[[str], str] | None = None


def diagnose(subject: Subject) -> Iterator[Finding]:
    """Yield the findings one by one, as they are found. Never tells the token. Off the GUI thread."""
    yield Finding("Qwen Image Editor", __version__)
    yield Finding("Python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("System", f"{_system()}, {platform.machine()}")
    yield Finding("Chip", _chip())
    yield _device(_self_test(subject))
    yield from _memory(subject.settings)
    yield _disk(subject.folder)
    yield from _models(subject)
    source = subject.token.source()
    yield Finding(
        "Replicate token", _WORDS.get(source, source) if source else "none", _noted(there=bool(source))
    )
    yield _proxies()
    if subject.whose_token is not None:
        yield _account(subject.token.find(), subject.whose_token)
    for problem in subject.settings.problems:
        yield Finding("Settings", problem, Verdict.BAD, "Mend it with `qie config set`.")


def _system() -> str:
    mac = platform.mac_ver()[0]
    return f"macOS {mac}" if mac else f"{platform.system()} {platform.release()}"


def _chip() -> str:
    """Return the processor's name as the system tells it."""
    if platform.system() == "Darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=5, check=True
            ).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return platform.processor() or "unknown"
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {psutil.cpu_count()} threads"
    return platform.processor() or "unknown"


def _memory(settings: Settings) -> Iterator[Finding]:
    memory = psutil.virtual_memory()
    yield Finding("Memory", f"{memory.total / GB:.1f} GB, {memory.available / GB:.1f} GB free")
    device, policy = str(settings.get("local.device")), str(settings.get("local.memory_policy"))
    for spec in CATALOGUE:
        weights = spec.local.weights if spec.local else None
        if isinstance(weights, HubWeights):
            needs = memory_needs(weights, device, policy=policy)
            for need in needs:
                yield Finding(f"{spec.name} {need.quantisation}", need.text, Verdict.NOTE)
            yield _best_fit(spec, recommended(needs, str(settings.get("local.quantisation"))))


def _best_fit(spec: ModelSpec, best: MemoryNeed | None) -> Finding:
    """Return which quantisation is best here, and how and why its runs go as they do."""
    if best is None:
        return Finding(f"{spec.name}: memory", "no quantisation fits", Verdict.NOTE, "Use a cloud model.")
    return Finding(f"{spec.name}: memory", " ".join((f"{best.quantisation} is best here.", *best.reasons)))


def _self_test(subject: Subject) -> SelfTest | QieError:
    try:
        return subject.self_test()
    except QieError as error:
        return error


def _device(test: SelfTest | QieError) -> Finding:
    if isinstance(test, QieError):
        return Finding("Device", test.message, Verdict.BAD, test.hint)
    value = (
        f"{test.device}, {test.dtype}, torch {test.torch_version}; matmul off by {test.matmul_error:.1e}, "
        f"attention by {test.attention_error:.1e}"
    )
    if test.passed:
        return Finding("Device", value)
    return Finding(
        "Device", value, Verdict.BAD, "It computes wrongly: use the CPU, `qie config set local.device cpu`."
    )


def _disk(folder: DataFolder) -> Finding:
    there = next(path for path in (folder.home, *folder.home.parents) if path.exists())
    free = shutil.disk_usage(there).free
    value = f"{free / GB:.1f} GB free at {folder.home}"
    if free < _LOW_DISK_BYTES:
        return Finding(
            "Disk", value, Verdict.BAD, "Make room: `qie cleanup --status` tells what the jobs take."
        )
    return Finding("Disk", value)


def _models(subject: Subject) -> Iterator[Finding]:
    yield Finding("Model cache", _cache_text(subject.folder.huggingface_cache))
    for spec in CATALOGUE:
        if spec.place is Place.LOCAL:
            problem = subject.readiness(spec)
            if problem is None:
                yield Finding(spec.name, "ready")
            else:
                yield Finding(spec.name, problem.message, Verdict.NOTE, problem.hint)


def _cache_text(folder: Path) -> str:
    hub = folder / "hub"
    if not hub.is_dir():
        return f"empty ({folder})"
    # Snapshots are links into blobs: only those are counted.
    blobs = [path for path in hub.glob("models--*/blobs/*") if path.is_file()]
    size = sum(path.stat().st_size for path in blobs)
    partial = sum(path.name.endswith(".incomplete") for path in blobs)
    text = f"{size / GB:.1f} GB in {len(list(hub.glob('models--*')))} repositories ({folder})"
    return text + (f", {partial} files not complete" if partial else "")


def _proxies() -> Finding:
    """Return which proxies the environment (on a Mac, the system settings too) names, without passwords."""
    from urllib.request import getproxies  # noqa: PLC0415 - slow to import, and only wanted here

    found = getproxies()
    exempt = found.pop("no", "")
    told = [f"{_without_password(url)} for {scheme}" for scheme, url in sorted(found.items())]
    if not told:
        return Finding("Proxy", "none")
    return Finding("Proxy", ", ".join(told) + (f"; not for {exempt}" if exempt else ""))


def _without_password(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _account(token: str | None, whose: Callable[[str], str]) -> Finding:
    if token is None:
        return Finding("Replicate account", "not asked for: no token is known", Verdict.NOTE)
    try:
        return Finding("Replicate account", whose(token))
    except QieError as error:
        return Finding("Replicate account", error.message, Verdict.BAD, error.hint)


def _noted(*, there: bool) -> Verdict:
    return Verdict.GOOD if there else Verdict.NOTE
