"""`qie download` and what comes after it, against a hub on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.download import TaskPhase
from qie_desktop.services.downloads import Downloads
from tests.cli.downloading import GGUF, MB, MODEL, SMALL, Qie, Serve, Start, parts_here, wait_until
from tests.support.hub_server import Fault, Trouble, made_up_repositories, model_repositories


def test_from_nothing_to_a_picture(
    qie: Qie, serve: Serve, tiny: Path, tiny_gguf: Path, photo: Path, tmp_path: Path
) -> None:
    serve(model_repositories(tiny, dict.fromkeys(("Q2_K", "Q4_K_M", "Q5_K_S", "Q8_0"), tiny_gguf)))
    ran = qie("download", "--quant", "Q8_0", "--text-encoder", "full", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert ran.json["state"] == "done"
    assert ran.json["bytes_done"] == ran.json["bytes_total"] > 0
    output = tmp_path / "out.png"
    options = ("--set", "quality=full", "--steps", "2", "--json", "--output", output)
    ran = qie("edit", photo, "warmer", "--model", MODEL, *options)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert (ran.json["width"], ran.json["height"]) == (96, 64)
    assert output.is_file()


def test_a_dry_run_tells_and_fetches_nothing(qie: Qie, serve: Serve, home: Path) -> None:
    hub = serve()
    ran = qie("download", "--quant", "Q4_K_M", "--text-encoder", "compact", "--dry-run", "--json")
    assert ran.exit_code == 0
    assert [part["id"] for part in ran.json["parts"]] == [
        "base",
        "text-encoder-compact",
        "Q4_K_M",
        "lightning",
    ]
    assert 20e9 < ran.json["missing_bytes"] < 23e9
    assert "GB" in ran.json["memory"]
    assert hub.asked == []
    assert not (home / "huggingface_cache").exists()


def test_an_unknown_quantisation_is_refused_with_the_nearest(qie: Qie, serve: Serve) -> None:
    hub = serve()
    ran = qie("download", "--quant", "Q5_K", "--json")
    assert ran.exit_code == 2
    assert ran.json["error"]["code"] == "invalid_request"
    assert "Q5_K_S" in ran.json["error"]["hint"]
    assert hub.asked == []


def test_models_tell_what_is_here_how_large_and_where(qie: Qie, serve: Serve, home: Path) -> None:
    serve()
    assert qie("download", *SMALL).exit_code == 0
    parts = {part["id"]: part for part in qie("models", "--json").json[0]["parts"]}
    assert parts["Q5_K_S"]["installed"]
    assert parts["Q5_K_S"]["bytes"] == 300_000
    assert Path(parts["Q5_K_S"]["path"]).name == GGUF
    assert Path(parts["Q5_K_S"]["path"]).is_relative_to(home)
    assert parts["Q5_K_S"]["fits"] in {"fits", "tight", "too large"}
    assert not parts["Q8_0"]["installed"]
    told = qie("models").stdout
    assert "300 kB" in told
    assert "text-encoder-compact" in told


def test_verify_finds_one_wrong_bit_and_download_mends_it(
    qie: Qie, serve: Serve, downloads: Downloads
) -> None:
    hub = serve()
    qie("download", *SMALL)
    assert qie("models", "verify").exit_code == 0
    path = next(state.path for state in downloads.parts(find_model(MODEL)) if state.part.id == "Q5_K_S")
    assert path is not None
    with path.open("r+b") as file:
        file.seek(123_456)
        byte = file.read(1)
        file.seek(123_456)
        file.write(bytes([byte[0] ^ 1]))
    ran = qie("models", "verify", "--json")
    assert ran.exit_code == 1
    assert ran.json["error"]["code"] == "file_damaged"
    assert GGUF in ran.json["error"]["message"]
    assert "Q5_K_S" not in parts_here(downloads)
    assert qie("models", "--json").json[0]["ready"] is False
    hub.forget()
    assert qie("download", *SMALL).exit_code == 0
    assert {served.name for served in hub.served} == {GGUF}
    assert qie("models", "verify", "Q5_K_S").exit_code == 0
    assert "Q5_K_S" in parts_here(downloads)


def test_delete_asks_frees_what_it_says_and_leaves_the_rest(
    qie: Qie, serve: Serve, downloads: Downloads, home: Path
) -> None:
    serve()
    qie("download", *SMALL)
    others = home / "huggingface_cache" / "hub" / "models--someone--else" / "blobs"
    others.mkdir(parents=True)
    (others / ("a" * 64)).write_bytes(b"theirs")

    def used() -> int:
        return sum(
            path.stat().st_size for path in home.rglob("*") if path.is_file() and not path.is_symlink()
        )

    before = used()
    ran = qie("models", "delete", "Q5_K_S", input="n\n")
    assert ran.exit_code == 1
    assert "300 kB" in ran.stdout
    assert "Q5_K_S" in parts_here(downloads)
    ran = qie("models", "delete", "Q5_K_S", "--yes")
    assert ran.exit_code == 0
    assert "300 kB" in ran.stdout
    assert parts_here(downloads) == {"base", "text-encoder-compact"}
    assert 299_000 < before - used() < 305_000
    assert qie("models", "delete", "base", "text-encoder-compact", "--yes").exit_code == 0
    left = {path.name for path in (home / "huggingface_cache" / "hub").iterdir()}
    assert left <= {"models--someone--else", ".locks"}
    assert (others / ("a" * 64)).read_bytes() == b"theirs"


def test_ctrl_c_pauses_and_the_same_command_goes_on(start: Start, serve: Serve, downloads: Downloads) -> None:
    hub = serve(made_up_repositories(3 * MB), bytes_per_second=2 * MB)
    process = start("download", *SMALL)
    wait_until(lambda: any(served.name == GGUF and served.count > MB for served in hub.served))
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=10)
    assert process.returncode == 130, err
    assert time.monotonic() - asked < 3
    assert "Go on with the same command" in err
    state = downloads.state()
    assert state is not None
    assert state.phase is TaskPhase.PAUSED
    assert "Q5_K_S" not in parts_here(downloads)
    hub.set_rate(None)
    process = start("download", *SMALL)
    assert process.wait(30) == 0
    assert sum(served.count for served in hub.served if served.name == GGUF) < 3.1 * MB
    assert parts_here(downloads) == {"base", "text-encoder-compact", "Q5_K_S"}


def test_two_downloads_of_one_data_folder_do_not_run_at_once(qie: Qie, start: Start, serve: Serve) -> None:
    hub = serve(made_up_repositories(3 * MB), bytes_per_second=MB)
    process = start("download", *SMALL)
    wait_until(lambda: hub.served)
    ran = qie("download", *SMALL, "--json")
    assert ran.exit_code == 2
    assert ran.json["error"]["code"] == "download_running"
    hub.set_rate(None)
    assert process.wait(30) == 0


def test_two_data_folders_with_one_cache_fetch_each_byte_once(
    start: Start, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = serve(made_up_repositories(2 * MB), bytes_per_second=2 * MB)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "shared"))
    processes = []
    for name in ("one", "two"):
        monkeypatch.setenv("QIE_HOME", str(tmp_path / name))
        processes.append(start("download", *SMALL, "--quiet"))
    assert [process.wait(60) for process in processes] == [0, 0]
    assert sum(served.count for served in hub.served if served.name == GGUF) == 2 * MB


def test_a_failure_says_what_to_do_and_exits_with_1(qie: Qie, serve: Serve) -> None:
    hub = serve()
    hub.faults.append(Fault(Trouble.LOGIN_PAGE, "api"))
    ran = qie("download", *SMALL)
    assert ran.exit_code == 1
    assert "login page" in ran.stderr
    assert "browser" in ran.stderr


def test_what_is_not_there_cannot_be_verified_and_exits_with_3(qie: Qie, serve: Serve) -> None:
    serve()
    assert qie("download", *SMALL, "--quiet").exit_code == 0
    assert qie("models", "delete", "Q5_K_S", "--yes").exit_code == 0
    ran = qie("models", "verify", "Q5_K_S")
    assert ran.exit_code == 3
    assert "is not installed" in ran.stderr


def test_models_import_no_network_library(home: Path) -> None:
    code = (
        "import sys; sys.argv = ['qie', 'models']\n"
        "from qie_desktop.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "found = {'torch', 'httpx', 'httpx2', 'numpy', 'huggingface_hub'} & set(sys.modules)\n"
        "assert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, env=os.environ)
    assert done.returncode == 0, done.stderr
