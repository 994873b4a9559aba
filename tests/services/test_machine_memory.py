"""One number and one wording for what a local model needs, wherever it is told."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import EngineError
from qie_desktop.core.machine import this_machine
from qie_desktop.core.memory_fit import GB, Fit
from qie_desktop.engines.local.self_test import SelfTest
from qie_desktop.services.diagnostics import Subject, diagnose
from qie_desktop.services.machine_memory import computing_device, memory_needs
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.secrets import ReplicateToken
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.controls.memory_notes import memory_notes
from qie_desktop.ui.sheets.model_states import look_at_models

LOCAL = find_model("qwen-image-edit-2509-gguf")
WEIGHTS = LOCAL.local.weights


def needs(device: str, total_gb: int) -> dict[str, tuple[int, str]]:
    found = memory_needs(WEIGHTS, device, total_gb * GB)
    return {need.quantisation: (round(need.needed_bytes / GB), need.fit_text) for need in found}


def test_on_the_cpu_the_text_encoder_takes_four_bytes_a_number() -> None:
    assert needs("mps", 64)["Q5_K_S"] == (20, f"fits {this_machine()}")
    assert needs("cuda", 64) == needs("mps", 64)
    assert needs("cpu", 64)["Q5_K_S"] == (36, f"fits {this_machine()}")
    assert needs("cpu", 32)["Q5_K_S"] == (36, "too large")


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
    memory = SimpleNamespace(total=total_gb * GB, available=total_gb * GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    def no_test() -> SelfTest:
        raise EngineError("not here")

    subject = Subject(folder, settings, ReplicateToken(folder, {}), lambda _spec: None, no_test)
    told = {finding.name: finding.value for finding in diagnose(subject)}
    notes = memory_notes(LOCAL, LOCAL.parameter("quantisation"), device)
    for state in look_at_models(folder, settings)[0].quantisations:
        assert told[f"{LOCAL.name} {state.name}"] == state.need.text
        assert notes[state.name] == state.need.fit_text
        assert state.need.text.endswith(state.need.fit_text)


def test_a_mac_is_called_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert this_machine() == "this Mac"
    [first, *_] = memory_needs(WEIGHTS, "mps", 64 * GB)
    assert (first.fit, first.fit_text) == (Fit.FITS, "fits this Mac")
    monkeypatch.setattr("sys.platform", "linux")
    assert this_machine() == "this machine"
    assert first.fit_text == "fits this machine"
