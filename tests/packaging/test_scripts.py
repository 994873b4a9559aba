"""The shell scripts: linted, and run with recorded stand-ins for macOS's own tools."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIGN = ROOT / "packaging" / "sign_and_notarize.sh"
MAKE_DMG = ROOT / "packaging" / "make_dmg.sh"
SCRIPTS = sorted([*ROOT.glob("packaging/*.sh"), *ROOT.glob("tools/*.sh")])

MACH_O = bytes.fromhex("cffaedfe0c000001")
IDENTITY = "Developer ID Application: A Person (TEAM123456)"
FRAMEWORK = "Contents/Frameworks/PySide6/Qt/lib/QtCore.framework"
CODE = (
    "Contents/MacOS/My App",
    "Contents/Frameworks/libpython3.13.dylib",
    "Contents/Frameworks/torch/lib/libtorch_cpu.dylib",
    "Contents/Frameworks/torch/bin/torch_shm_manager",
    f"{FRAMEWORK}/Versions/A/QtCore",
    "Contents/Frameworks/numpy/_core/_multiarray_umath.cpython-313-darwin.so",
)
NO_CODE = ("Contents/Resources/sample.jpg", "Contents/Resources/run.py")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app of several levels, with a link and files that are no code."""
    app = tmp_path / "My App.app"
    for name in (*CODE, *NO_CODE):
        path = app / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MACH_O if name in CODE else b"#!/usr/bin/env python")
        path.chmod(0o755)
    (app / "Contents/MacOS/qie").symlink_to("My App")
    (app / "Contents/Resources/libpython3.13.dylib").symlink_to("../Frameworks/libpython3.13.dylib")
    return app


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of programs with the names of macOS's, that note how they were called."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("codesign", "xcrun", "ditto", "spctl", "hdiutil"):
        write_tool(folder, name, "")
    write_tool(folder, "uname", "echo Darwin", noted=False)
    write_tool(
        folder, "xcrun", """[ "$1 $2" != "notarytool submit" ] || echo '{"id":"1","status":"Accepted"}'"""
    )
    return folder


def write_tool(folder: Path, name: str, then: str, *, noted: bool = True) -> None:
    note = f'printf "%s\\n" "{name} $*" >> "{folder}/calls"' if noted else ""
    (folder / name).write_text(f"#!/bin/sh\n{note}\n{then}\n")
    (folder / name).chmod(0o755)


def run(script: Path, *arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    inherited = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    return subprocess.run(
        ["bash", str(script), *map(str, arguments)],
        check=False, capture_output=True, text=True, timeout=30, env=inherited | environ,
    )  # fmt: skip


def run_with(tools: Path, script: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    path = f"{tools}:{os.environ['PATH']}"
    return run(script, *arguments, PATH=path, SIGNING_IDENTITY=IDENTITY, NOTARY_PROFILE="profile")


def calls(tools: Path) -> list[str]:
    return (tools / "calls").read_text().splitlines()


def test_scripts_pass_shellcheck() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    assert len(SCRIPTS) >= 3
    done = subprocess.run([shellcheck, *SCRIPTS], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", [SIGN, MAKE_DMG], ids=lambda script: script.name)
def test_scripts_can_be_run(script: Path) -> None:
    assert os.access(script, os.X_OK)


def test_dry_run_signs_from_the_inside_out(app: Path) -> None:
    done = run(SIGN, "--dry-run", app, SIGNING_IDENTITY=IDENTITY, NOTARY_PROFILE="profile")
    assert done.returncode == 0, done.stderr
    commands = [shlex.split(line) for line in done.stdout.splitlines()]
    signing = [command for command in commands if command[:2] == ["codesign", "--force"]]
    targets = [Path(command[-1]).relative_to(app).as_posix() for command in signing]
    # Each thing once; what is inside another before it; the app last, and its program with it.
    assert sorted(targets) == sorted([*CODE[1:], FRAMEWORK, "."])
    assert targets.index(CODE[4]) < targets.index(FRAMEWORK)
    assert targets[-1] == "."
    for command in signing:
        assert "--deep" not in command
        assert command[command.index("--options") + 1] == "runtime"
        assert command[command.index("--sign") + 1] == IDENTITY
        assert "--timestamp" in command
        assert ("--entitlements" in command) is (command is signing[-1])
    kinds = [" ".join(command[:2]) for command in commands if command not in signing]
    assert kinds == [
        "codesign --verify",
        "ditto -c",
        "xcrun notarytool",
        "rm -f",
        "xcrun stapler",
        "xcrun stapler",
        "spctl --assess",
    ]


def test_dry_run_needs_nothing_at_all(tmp_path: Path) -> None:
    done = run(SIGN, "--dry-run", tmp_path / "Nothing.app")
    assert done.returncode == 0, done.stderr
    assert "notarytool submit" in done.stdout


def test_ad_hoc_signs_without_identity_and_asks_nobody(app: Path, tools: Path) -> None:
    done = run(SIGN, "--ad-hoc", app, PATH=f"{tools}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert {call.split()[0] for call in calls(tools)} == {"codesign"}
    signing = [call for call in calls(tools) if call.startswith("codesign --force --sign - ")]
    assert len(signing) == len(CODE) + 1
    assert not any("runtime" in call for call in signing)
    assert calls(tools)[-1].startswith("codesign --verify --strict")


def test_image_is_signed_notarised_and_stapled(tmp_path: Path, tools: Path) -> None:
    image = tmp_path / "My App.dmg"
    image.touch()
    done = run_with(tools, SIGN, image)
    assert done.returncode == 0, done.stderr
    begun = [" ".join(call.split()[:2]) for call in calls(tools)]
    assert begun == [
        "codesign --force",
        "codesign --verify",
        "xcrun notarytool",
        *["xcrun stapler"] * 2,
        "spctl --assess",
    ]


@pytest.mark.parametrize("tool", ["codesign", "ditto", "xcrun", "spctl"])
def test_step_that_fails_ends_it(app: Path, tools: Path, tool: str) -> None:
    write_tool(tools, tool, "exit 3")
    done = run_with(tools, SIGN, app)
    assert done.returncode == 1
    assert f"{tool if tool != 'xcrun' else 'notarytool'} failed (exit 3)" in done.stderr
    assert calls(tools)[-1].startswith(tool)


def test_what_apple_refuses_is_an_error_with_its_log(app: Path, tools: Path) -> None:
    write_tool(tools, "xcrun", """echo '{"id":"abc-1","status":"Invalid"}'""")
    done = run_with(tools, SIGN, app)
    assert done.returncode == 1
    assert "Apple did not accept" in done.stderr
    assert calls(tools)[-1] == "xcrun notarytool log abc-1 --keychain-profile profile"


@pytest.mark.parametrize(
    ("arguments", "environ", "told"),
    [
        (["--sign-everything"], {}, "unknown option"),
        (["Nothing.app"], {"SIGNING_IDENTITY": IDENTITY, "NOTARY_PROFILE": "p"}, "make app builds it"),
        (["App.zip"], {"SIGNING_IDENTITY": IDENTITY, "NOTARY_PROFILE": "p"}, "neither an .app nor a .dmg"),
        (["App.app"], {}, "SIGNING_IDENTITY is not set"),
        (["App.app"], {"SIGNING_IDENTITY": IDENTITY, "NOTARY_KEY": "k"}, "NOTARY_KEY_ID"),
    ],
)
def test_what_is_missing_is_told(
    tools: Path, arguments: list[str], environ: dict[str, str], told: str
) -> None:
    done = run(SIGN, *arguments, PATH=f"{tools}:{os.environ['PATH']}", **environ)
    assert done.returncode == 1
    assert told in done.stderr
    assert not (tools / "calls").exists()


def test_image_is_made_of_the_app_and_a_link_and_verified(app: Path, tools: Path) -> None:
    image = app.with_suffix(".dmg")
    write_tool(
        tools, "hdiutil", 'for last; do :; done; case "$1" in create) ls "$5" >> "$0.saw"; : > "$last";; esac'
    )
    write_tool(tools, "ditto", 'cp -R "$1" "$2"')
    done = run_with(tools, MAKE_DMG, app, image)
    assert done.returncode == 0, done.stderr
    assert (tools / "hdiutil.saw").read_text().split("\n")[:2] == ["Applications", "My App.app"]
    assert image.exists()
    assert calls(tools)[-1] == f"hdiutil verify {image}"
