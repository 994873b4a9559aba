"""Check that the dependencies resolve to wheels on a Mac, for every Python that is supported.

Usage: python tools/check_macos.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLATFORM = "aarch64-apple-darwin"
MACOS = "14.0"
"""The oldest macOS that torch 2.13 has wheels for."""
VERSIONS = ("3.11", "3.12", "3.13")


def resolve(version: str) -> subprocess.CompletedProcess[str]:
    """Resolve the dependency set for one Python version, with wheels alone."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", str(ROOT / "pyproject.toml"), "--quiet", "--no-header",
        "--python-platform", PLATFORM, "--python-version", version, "--only-binary", ":all:", "--no-annotate",
    ]  # fmt: skip
    environ = os.environ | {"MACOSX_DEPLOYMENT_TARGET": MACOS}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def main() -> int:
    """Check every version; return the exit status."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    status = 0
    for version in VERSIONS:
        done = resolve(version)
        if done.returncode == 0:
            count = len(done.stdout.splitlines())
            print(f"macOS {MACOS} arm64, Python {version}: {len(wanted)} dependencies, {count} wheels")
        else:
            print(f"macOS {MACOS} arm64, Python {version}: does not resolve\n{done.stderr}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
