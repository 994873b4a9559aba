"""One number and one wording for what a local model needs, wherever it is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import EngineError
from qie_desktop.core.machine import this_machine
from qie_desktop.core.memory_plan import GB, Fit
from qie_desktop.core.request import build_request
from qie_desktop.engines.local.self_test import SelfTest
from qie_desktop.services.diagnostics import Subject, diagnose
from qie_desktop.services.machine_memory import (
    computing_device,
    machine_memory,
    memory_needs,
    recommended,
    run_note,
)
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.secrets import ReplicateToken
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.controls.memory_notes import memory_notes
from qie_desktop.ui.sheets.model_states import look_at_models

LOCAL = find_model("qwen-image-edit-2509-gguf")
WEIGHTS = LOCAL.local.weights


def needs(device: str, total_gb: int, text_encoder: str | None = "full") -> dict[str, tuple[int, str]]:
    found = memory_needs(WEIGHTS, device, total_gb * 2**30, text_encoder=text_encoder)
    return {need.quantisation: (round(need.needed_bytes / GB), need.fit_text) for need in found}


def test_on_the_cpu_the_text_encoder_takes_four_bytes_a_number() -> None:
    assert needs("mps", 32)["Q5_K_S"] == (16, f"fits {this_machine()}")
    assert needs("cuda", 24)["Q5_K_S"] == needs("mps", 32)["Q5_K_S"]
    assert needs("cpu", 48)["Q5_K_S"] == (32, f"fits {this_machine()}")
    assert needs("cpu", 32)["Q5_K_S"] == (32, "too large")


def test_the_smaller_text_encoder_is_taken_where_the_full_one_leaves_no_comfortable_room() -> None:
    forms = {
        total_gb: {need.text_encoder for need in memory_needs(WEIGHTS, "mps", total_gb * 2**30)}
        for total_gb in (16, 24, 32)
    }

    assert forms == {16: {"compact"}, 24: {"full", "compact"}, 32: {"full"}}
    [first, *_] = memory_needs(WEIGHTS, "mps", 16 * 2**30)
    assert first.text == "fits this 16 GB Mac with 4 GB to spare; needs 7.0 GB with the compact text encoder"
    assert first.reasons[0].startswith("Text encoder and model take turns in memory")


@pytest.mark.parametrize(("total_gb", "name"), [(8, None), (16, "Q5_K_S"), (24, "Q5_K_S"), (64, "Q5_K_S")])
def test_the_default_is_recommended_where_it_fits(total_gb: int, name: str | None) -> None:
    best = recommended(memory_needs(WEIGHTS, "mps", total_gb * 2**30), "Q5_K_S")

    assert (best.quantisation if best else None) == name


def test_where_the_default_does_not_fit_the_largest_that_does_is_recommended() -> None:
    best = recommended(memory_needs(WEIGHTS, "mps", 16 * 2**30), "Q8_0")

    assert best is not None
    assert best.quantisation == "Q5_K_S"


def test_without_a_gpu_of_nvidias_nothing_is_told_of_it() -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("This machine has a GPU of NVIDIA's, whose own memory is told.")
    assert machine_memory("cuda").total_bytes == psutil.virtual_memory().total


@pytest.mark.parametrize("preference", ["auto", "cpu"])
def test_the_device_is_foretold_as_the_engine_chooses_it(preference: str) -> None:
    from qie_desktop.engines.local.inference.device import choose_device

    assert computing_device(preference) == choose_device(preference).device.type


@pytest.mark.parametrize("device", ["mps", "cpu"])
@pytest.mark.parametrize("total_gb", [16, 24, 36, 64])
def test_doctor_controls_and_models_say_the_same(
    monkeypatch: pytest.MonkeyPatch, folder: DataFolder, settings: Settings, device: str, total_gb: int
) -> None:
    settings.set("local.device", device)
    memory = SimpleNamespace(total=total_gb * 2**30, available=total_gb * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    def no_test() -> SelfTest:
        raise EngineError("not here")

    subject = Subject(folder, settings, ReplicateToken(folder, {}), lambda _spec: None, no_test)
    told = {finding.name: finding.value for finding in diagnose(subject)}
    notes = memory_notes(LOCAL, LOCAL.parameter("quantisation"), device)
    for need in look_at_models(folder, settings)[0].needs:
        assert told[f"{LOCAL.name} {need.quantisation}"] == need.text
        assert notes[need.quantisation] == need.fit_text
        assert need.text.startswith(need.spare_text)
    assert told[f"{LOCAL.name}: memory"]


def test_a_mac_is_called_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert this_machine() == "this Mac"
    [first, *_] = memory_needs(WEIGHTS, "mps", 64 * GB)
    assert (first.fit, first.fit_text) == (Fit.FITS, "fits this Mac")
    monkeypatch.setattr("sys.platform", "linux")
    assert this_machine() == "this machine"
    assert first.fit_text == "fits this machine"


@pytest.mark.parametrize(
    ("changes", "quantisation", "words"),
    [
        ({"local.device": "mps"}, "Q5_K_S", ""),
        ({"local.device": "mps", "local.text_encoder": "full"}, "Q5_K_S", "Q5_K_S is tight: 1.5 GB to spare"),
        (
            {"local.device": "mps", "local.memory_policy": "resident"},
            "Q8_0",
            "Keeping all parts in memory needs",
        ),
        ({"local.device": "mps", "local.transformer": "/own.gguf"}, "Q8_0", ""),
    ],
)
def test_before_a_run_what_is_not_comfortable_is_said(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    photo: Path,
    changes: dict[str, str],
    quantisation: str,
    words: str,
) -> None:
    memory = SimpleNamespace(total=24 * 2**30, available=24 * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    for key, value in changes.items():
        settings.set(key, value)
    request = build_request(LOCAL.id, "warmer", [photo], {"quantisation": quantisation})

    note = run_note(LOCAL, request, settings)

    assert note.startswith(words)
    assert bool(note) == bool(words)


def test_of_a_cloud_model_and_of_the_starter_nothing_is_said_of_memory(
    settings: Settings, photo: Path
) -> None:
    for model in ("starter", "qwen-image-edit"):
        request = build_request(model, "warmer", [photo], {})
        assert not run_note(find_model(model), request, settings)
