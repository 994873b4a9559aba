"""models, jobs, cleanup, config and doctor."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from qie_desktop.core.catalogue import CATALOGUE


@pytest.fixture
def job(qie, photo):
    return qie("edit", photo, "sepia", "--steps", 1, "--json").json


def test_models_lists_all_of_them_and_what_is_in_the_way(qie):
    told = qie("models").stdout

    for spec in CATALOGUE:
        assert spec.id in told
    assert "needs a Replicate token" in told
    assert "not installed" in told
    ready = {each["id"]: each["ready"] for each in qie("models", "--json").json}
    assert [name for name, yes in ready.items() if yes] == ["starter"]


def test_models_lists_what_the_starter_understands(qie):
    assert "Understands: unchanged · black and white" in qie("models").stdout
    understood = {each["id"]: each["understands"] for each in qie("models", "--json").json}
    assert "pencil sketch" in understood.pop("starter")
    assert not any(understood.values())


def test_jobs_are_listed_shown_and_found(qie, job):
    assert job["job_id"] in qie("jobs", "list").stdout
    assert qie("jobs", "list", "sep", "--json").json[0]["job_id"] == job["job_id"]
    assert qie("jobs", "list", "watercolour", "--json").json == []
    shown = qie("jobs", "show", job["job_id"][:18])
    assert "sepia" in shown.stdout
    assert "input_1.jpg (96×64)" in shown.stdout
    assert qie("jobs", "show", job["job_id"], "--json").json["request"]["prompt"] == "sepia"


def test_a_job_that_is_not_there_is_named(qie, job):
    refused = qie("jobs", "show", "20200101")

    assert refused.exit_code == 2
    assert "20200101" in refused.stderr


def test_retry_makes_a_new_job_with_the_same_seed_or_another(qie, job, tmp_path):
    again = qie("jobs", "retry", job["job_id"], "-o", tmp_path / "again.png", "--json").json
    other = qie("jobs", "retry", job["job_id"], "--new-seed", "--json").json

    assert again["job_id"] != job["job_id"]
    assert again["seed"] == job["seed"] != other["seed"]
    assert (tmp_path / "again.png").is_file()


def test_delete_asks_first(qie, home, job):
    folder = home / "jobs" / job["job_id"]

    assert qie("jobs", "delete", job["job_id"], input="n\n").exit_code == 1
    assert folder.is_dir()
    assert qie("jobs", "delete", job["job_id"], input="y\n").exit_code == 0
    assert not folder.exists()


def test_cleanup_tells_the_room_and_names_what_will_go(qie, home, job):
    assert "1 jobs" in qie("cleanup", "--status").stdout
    assert "sepia" in qie("cleanup", "--list").stdout
    assert "Nothing to delete" in qie("cleanup", "--hours", "1").stdout
    refused = qie("cleanup", "--all", input="n\n")
    assert job["job_id"] in refused.stdout
    assert (home / "jobs" / job["job_id"]).is_dir()
    assert qie("cleanup", "--all", "--yes").exit_code == 0
    assert not (home / "jobs" / job["job_id"]).exists()


def test_cleanup_deletes_what_the_settings_keep_no_longer(qie, home, job):
    folder = home / "jobs" / job["job_id"]
    assert "Nothing to delete" in qie("cleanup", "--expired", "--yes").stdout
    qie("config", "set", "general.keep_jobs", "30-days")
    assert "Nothing to delete" in qie("cleanup", "--expired", "--yes").stdout
    document = json.loads((folder / "metadata.json").read_text())
    document |= {"created_at": "2020-01-01T00:00:00+00:00", "finished_at": "2020-01-01T00:00:09+00:00"}
    (folder / "metadata.json").write_text(json.dumps(document))
    assert job["job_id"] in qie("cleanup", "--expired", input="n\n").stdout
    assert folder.is_dir()
    assert "Deleted 1 jobs" in qie("cleanup", "--expired", "--yes").stdout
    assert not folder.exists()


def test_cleanup_takes_one_choice(qie):
    assert qie("cleanup", "--all", "--hours", "2").exit_code == 2


def test_config_gets_sets_and_unsets(qie, home):
    assert qie("config", "get", "general.theme").stdout == "system\n"
    assert qie("config", "set", "general.theme", "dark").exit_code == 0
    assert "dark" in (home / "config.toml").read_text()
    assert qie("config", "get", "general.theme").stdout == "dark\n"
    qie("config", "unset", "general.theme")
    assert qie("config", "get", "general.theme").stdout == "system\n"
    assert "local.checkpoint" in qie("config", "get").stdout


def test_config_refuses_what_is_wrong(qie):
    unknown = qie("config", "set", "general.thme", "dark")
    assert unknown.exit_code == 2
    assert "general.theme" in unknown.stderr
    assert qie("config", "set", "general.theme", "purple").exit_code == 2
    assert "Keychain" in qie("config", "set", "cloud.token", "r8_abc").stderr


def test_a_bad_setting_is_told_and_does_not_stop_anything(qie, home, photo):
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text('[general]\ntheme = "purple"\n')

    done = qie("edit", photo, "sepia", "--steps", 1)

    assert done.exit_code == 0
    assert "general.theme" in done.stderr


def test_doctor_reports_and_never_tells_the_token(qie, monkeypatch):
    token = "r8_" + "s" * 37
    monkeypatch.setenv("REPLICATE_API_TOKEN", token)

    done = qie("doctor", "--json")

    found = {each["name"]: each for each in done.json}
    assert done.exit_code == 0
    assert token not in json.dumps(found)
    assert found["Replicate token"]["value"] == "known, from the environment"
    assert "CPU, float32" in found["Device"]["value"]
    assert {"Python", "System", "Chip", "Memory", "Disk", "Model cache", "Starter"} <= found.keys()
    assert "✓ Device" in qie("doctor").stdout


def test_a_prompt_is_shown_as_it_is_and_on_one_line(qie, photo):
    prompt = "sepia [/red] [bold]x[/bold] :smile:\n\x1b[31mred " + "long " * 100
    job = qie("edit", photo, prompt, "--steps", 1, "--json").json["job_id"]

    for words in (["jobs", "list"], ["jobs", "show", job], ["cleanup", "--list"]):
        told = qie(*words)
        assert told.exit_code == 0
        assert "sepia [/red] [bold]x[/bold] :smile:" in told.stdout
        assert "\x1b" not in told.stdout
    refused = qie("cleanup", "--all", input="n\n")
    assert all(len(line) < 100 for line in refused.stdout.splitlines())


def test_numbers_beyond_all_bounds_are_usage_errors(qie):
    assert qie("jobs", "list", "--limit", "9" * 30).exit_code == 2
    assert qie("cleanup", "--hours", "1e300").exit_code == 2


def test_a_path_in_the_settings_holds_in_every_folder(qie, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    monkeypatch.chdir(tmp_path)

    assert qie("config", "set", "local.checkpoint", "weights").exit_code == 0
    assert qie("config", "get", "local.checkpoint").stdout.strip() == str(tmp_path / "weights")
    assert qie("config", "set", "local.checkpoint", "wieghts").exit_code == 2


def test_a_job_with_own_weights_is_retried_with_them(qie, photo, tiny, tiny_gguf):
    weights = ("--checkpoint", tiny, "--gguf", tiny_gguf)
    job = qie("edit", photo, "warmer", *weights, "--set", "quality=full", "--steps", 1, "--json").json

    again = qie("jobs", "retry", job["job_id"], "--json")

    assert again.exit_code == 0
    assert again.json["seed"] == job["seed"]


def test_what_nobody_foresaw_is_told_in_a_sentence(home, tmp_path):
    """A data folder that is a file, say: whatever comes of it, a person sees no traceback."""
    home.write_text("not a folder")
    done = subprocess.run(
        [sys.executable, "-m", "qie_desktop", "jobs", "list"], capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_the_command_line_imports_no_torch():
    program = (
        "import sys, qie_desktop.cli.main; "
        "print(sorted({'torch', 'diffusers', 'transformers', 'PySide6', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_version_is_told(qie):
    assert qie("--version").stdout.startswith("qie 0.")
