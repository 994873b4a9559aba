"""The bundle as a person gets it: in another folder, with no Python and no variables of a shell.

Built here (some minutes), unless `QIE_BUNDLE` names one that `make app` has built.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.download import TaskPhase
from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from qie_desktop.core.model_parts import DownloadChoice
from qie_desktop.services.downloads import Downloads
from qie_desktop.services.licences import package_names
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.settings import Settings
from tests.cli.downloading import wait_until
from tests.support.hub_server import HubServer, made_up_repositories, model_repositories
from tests.support.real_window import MISSING, Screen, real_screen
from tests.support.replicate_server import ReplicateServer
from tests.support.tiny_loras import write_lora
from tests.support.tiny_text_encoder import write_text_encoder

ROOT = Path(__file__).resolve().parents[2]
NAME = "Qwen Image Editor"
MODEL = "qwen-image-edit-2509-gguf"
MAC = sys.platform == "darwin"
MOST_BYTES = 1_200_000_000
PAINT_RATIO = 1.5
START_S, EDIT_S = 60, 300

pytestmark = pytest.mark.slow
with_screen = pytest.mark.skipif(MAC or bool(MISSING), reason="needs an X display in memory")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, copied to a folder with a name as people give them."""
    given = os.environ.get("QIE_BUNDLE", "")
    built = Path(given).resolve() if given else build(tmp_path_factory.mktemp("built"))
    copy = tmp_path_factory.mktemp("elsewhere") / "Ünterwegs, two" / built.name
    shutil.copytree(built, copy, symlinks=True)
    return copy


def build(folder: Path) -> Path:
    folders = ("--distpath", str(folder), "--workpath", str(folder / "work"))
    options = ("--noconfirm", "--log-level", "ERROR", *folders)
    done = subprocess.run(
        [sys.executable, "-m", "PyInstaller", *options, "build_app.spec"],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / (f"{NAME}.app" if MAC else NAME)


@pytest.fixture(scope="module")
def programs(bundle: Path) -> Path:
    """The folder of the bundle's programs."""
    return bundle / "Contents" / "MacOS" if MAC else bundle


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """What a double-clicked app finds: a home, and nothing else."""
    home = tmp_path / "person"
    home.mkdir()
    return {"HOME": str(home)}


@pytest.fixture
def screen(tmp_path: Path, environ: dict[str, str]) -> Iterator[Screen]:
    with real_screen(tmp_path) as screen:
        environ["DISPLAY"] = screen.name
        screen.environ.update(HOME=environ["HOME"])
        yield screen


def run(*command: str | Path, environ: dict[str, str], timeout_s: float = START_S) -> Any:
    return subprocess.run(
        list(map(str, command)),
        check=False, capture_output=True, text=True, timeout=timeout_s, env=environ, cwd="/",
    )  # fmt: skip


def start(screen: Screen, environ: dict[str, str], *command: str | Path) -> subprocess.Popen[bytes]:
    variables = [f"{key}={value}" for key, value in environ.items()]
    return screen.start("/usr/bin/env", "-i", *variables, *map(str, command))


def all_files(bundle: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in bundle.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(bundle)): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_it_is_not_too_large(bundle: Path) -> None:
    assert sum(size for size, _ in all_files(bundle).values()) < MOST_BYTES


def test_nothing_of_cuda_qml_or_tests_is_in_it(bundle: Path) -> None:
    libraries = ("libcudart", "libcublas", "libtorch_cuda", "Qt6Qml", "QtQml", "Qt6Quick", "QtQuick")
    unwanted = (*libraries, "/tests/", "hypothesis", "pytest")
    assert [name for name in all_files(bundle) if any(word in name for word in unwanted)] == []


def test_licence_of_every_package_is_in_it(bundle: Path) -> None:
    folders = [*bundle.rglob("*.dist-info"), *bundle.rglob("*.egg-info")]
    there = {re.split(r"-\d|\.egg-info", path.name)[0].lower() for path in folders}
    wanted = {name.lower() for name in package_names()}
    assert {re.sub(r"[-.]", "_", name) for name in wanted} <= {re.sub(r"[-.]", "_", name) for name in there}


@with_screen
def test_window_is_painted_without_a_word_on_stderr(
    programs: Path, screen: Screen, environ: dict[str, str]
) -> None:
    assert screen.name
    done = run(programs / NAME, "--smoke", environ=environ)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["torch_imported"] is False
    assert report["first_paint_ms"] > 0


def test_sample_is_edited_and_nothing_is_written_into_the_bundle(
    bundle: Path, programs: Path, environ: dict[str, str], resources: Path, tmp_path: Path
) -> None:
    before = all_files(bundle)
    output = tmp_path / "out.png"
    done = run(
        programs / "qie", "edit", resources / "sample.jpg", "make it black and white", "-o", output,
        environ=environ, timeout_s=EDIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Image.open(output) as result, Image.open(resources / "sample.jpg") as sample:
        assert result.size == sample.size
        red, green, blue = (band.resize((1, 1)).getpixel((0, 0)) for band in result.convert("RGB").split())
        assert max(red, green, blue) - min(red, green, blue) < 10
    assert (Path(environ["HOME"]) / "qwen-image-editor" / "logs" / "qie.log").is_file()
    assert all_files(bundle) == before


def test_doctor_finds_the_machine_well(programs: Path, environ: dict[str, str]) -> None:
    done = run(programs / NAME, "doctor", "--json", environ=environ, timeout_s=EDIT_S)
    findings = {each["name"]: each for each in json.loads(done.stdout)}
    assert findings["Device"]["verdict"] == "good", findings["Device"]


@pytest.mark.parametrize("text_encoder", ["full", "compact"])
def test_model_is_downloaded_and_used(
    programs: Path, environ: dict[str, str], tiny: Path, tiny_gguf: Path, photo: Path, tmp_path: Path,
    text_encoder: str,
) -> None:  # fmt: skip
    form = next(form for form in LOCAL_WEIGHTS.text_encoders if form.is_gguf)
    language, vision = write_text_encoder(tiny, tmp_path / "published", "Q8_0")
    more = {form.repo: {form.language: language, form.vision: vision}}
    with HubServer(model_repositories(tiny, {"Q8_0": tiny_gguf}, more=more)) as hub:
        led = environ | hub.environ
        done = run(
            programs / "qie", "download", "--quant", "Q8_0", "--text-encoder", text_encoder, "--json",
            environ=led,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    output = tmp_path / "out.png"
    done = run(
        programs / "qie", "edit", photo, "warmer", "--model", MODEL, "--set", "quality=full", "--steps", "2",
        "--lora", write_lora(tmp_path / "style.safetensors"), "-o", output,
        environ=environ, timeout_s=EDIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Image.open(output) as result, Image.open(photo) as given:
        assert result.size == given.size


def test_cloud_model_is_used(programs: Path, environ: dict[str, str], photo: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    with ReplicateServer(area_px=128 * 128) as server:
        led = environ | server.environ | {"REPLICATE_POLL_INTERVAL": "0.02"}
        done = run(
            programs / "qie", "edit", photo, "make it autumn", "--model", "qwen-image-edit", "-o", output,
            environ=led, timeout_s=EDIT_S,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Image.open(output) as result, Image.open(photo) as given:
        assert result.size == given.size


def test_window_starts_its_download_as_a_process_of_its_own(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DataFolder.at(tmp_path / "data", {})
    downloads = Downloads(folder, Settings.load(folder.config))
    # What the window inside the bundle is to Python.
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(programs / NAME))
    with HubServer(made_up_repositories()) as hub:
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        for name in ("PYTHONPATH", "VIRTUAL_ENV", "PATH"):
            monkeypatch.delenv(name, raising=False)
        downloads.start(DownloadChoice(MODEL, "Q2_K", "compact", lightning=False))
        wait_until(lambda: (state := downloads.state()) and state.phase is TaskPhase.DONE, START_S)
    parts = downloads.parts(find_model(MODEL))
    installed = {part.part.id for part in parts if part.is_installed}
    assert {"base", "text-encoder-compact", "Q2_K"} <= installed


def test_process_of_multiprocessing_opens_no_window(programs: Path, environ: dict[str, str]) -> None:
    readable, writable = os.pipe()
    os.close(writable)
    code = f"from multiprocessing.resource_tracker import main;main({readable})"
    done = subprocess.run(
        [programs / NAME, "-B", "-S", "-I", "-X", "utf8", "-c", code],
        check=False, capture_output=True, timeout=START_S, env=environ, pass_fds=[readable],
    )  # fmt: skip
    os.close(readable)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@with_screen
def test_second_start_hands_its_picture_to_the_first(
    programs: Path, screen: Screen, environ: dict[str, str], resources: Path
) -> None:
    first = start(screen, environ, programs / NAME)
    screen.wait_until(lambda: screen.active_title().startswith("Welcome"), "the welcome", START_S)
    screen.press("Escape")
    screen.wait_until(lambda: screen.active_title() == NAME, "the window in front", START_S)
    assert screen.vivid_pixels() < 60_000
    assert start(screen, environ, programs / NAME, resources / "sample.jpg").wait(START_S) == 0
    screen.wait_until(lambda: screen.vivid_pixels() > 60_000, "the photo on the screen", START_S)
    screen.press("ctrl+q")
    assert first.wait(START_S) == 0
    log = (screen.folder / "programs.log").read_text()
    assert [line for line in log.splitlines() if line and not line.startswith("Openbox")] == []


@with_screen
def test_start_after_a_crash_tells_of_it(programs: Path, screen: Screen, environ: dict[str, str]) -> None:
    crashing = start(screen, environ, programs / NAME)
    screen.wait_until(lambda: screen.active_title().startswith("Welcome"), "the welcome", START_S)
    crashing.send_signal(11)
    assert crashing.wait(START_S) == -11
    again = start(screen, environ, programs / NAME)
    screen.wait_until(lambda: screen.active_title().startswith("Crash Report"), "the crash report", START_S)
    screen.press("Escape")
    screen.wait_until(lambda: screen.active_title() == NAME, "the window in front", START_S)
    screen.press("ctrl+q")
    assert again.wait(START_S) == 0


@pytest.mark.skipif(MAC, reason="ldd is Linux's")
def test_every_library_of_qt_finds_what_it_needs(bundle: Path, environ: dict[str, str]) -> None:
    missing: dict[str, list[str]] = {}
    for library in (bundle / "_internal" / "PySide6").rglob("*.so*"):
        done = run("/usr/bin/ldd", library, environ=environ)
        lost = [line.split()[0] for line in done.stdout.splitlines() if line.endswith("not found")]
        if lost:
            missing[library.name] = lost
    assert missing == {}


@with_screen
def test_first_paint_is_nearly_as_soon_as_from_source(
    programs: Path, screen: Screen, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Side by side, in turns, so that whatever else the machine does happens to both."""
    assert screen.name
    sources = environ | {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    measured: dict[str, list[int]] = {"bundle": [], "source": []}
    for _ in range(9):
        for name, command, variables in (
            ("bundle", [programs / NAME], environ),
            ("source", [sys.executable, "-m", "qie_desktop"], sources),
        ):
            done = run(*command, "--smoke", environ=variables)
            measured[name].append(json.loads(done.stdout)["first_paint_ms"])
    # The first of each reads its files from the disk.
    medians = {name: statistics.median(times[1:]) for name, times in measured.items()}
    with capsys.disabled():
        print(f"\nfirst paint: {medians}")  # noqa: T201 - the figure
    assert medians["bundle"] <= PAINT_RATIO * medians["source"], measured
