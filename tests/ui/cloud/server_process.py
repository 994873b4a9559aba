"""The loopback server in a process of its own, so that it takes no turn of Python from the window.

    python -m tests.ui.cloud.server_process SEED

Tells its environment as a line of JSON; once its input is closed, id and prompt of each prediction.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.replicate.faults import Faults
from tests.support.replicate_server import ReplicateServer

AREA_PX = 128 * 128
ROOT = Path(__file__).resolve().parents[3]


@dataclass
class ServerElsewhere:
    """A server that runs; `created` is known once it has ended."""

    environ: dict[str, str]
    created: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


@contextmanager
def server_elsewhere(seed: int) -> Iterator[ServerElsewhere]:
    """Start a server on which things go wrong, and end it."""
    command = [sys.executable, "-m", "tests.ui.cloud.server_process", str(seed)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        server = ServerElsewhere(json.loads(process.stdout.readline()))
        try:
            yield server
        finally:
            process.stdin.close()
            server.created = [(item[0], item[1]) for item in json.loads(process.stdout.readline())]


def main() -> None:
    """Serve until the input is closed."""
    with ReplicateServer(area_px=AREA_PX, faults=Faults.random(int(sys.argv[1]))) as server:
        sys.stdout.write(json.dumps(server.environ) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        created = [(prediction.id, prediction.input["prompt"]) for prediction in server.created]
        sys.stdout.write(json.dumps(created) + "\n")


if __name__ == "__main__":
    main()
