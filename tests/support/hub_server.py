"""The Hugging Face hub on loopback: a real HTTP server that `HF_ENDPOINT` leads to.

    with HubServer(model_repositories(checkpoint, ggufs)) as hub:
        hub.faults.append(Fault(Trouble.CUT, "*Q5_K_S.gguf", after_bytes=100_000))

It answers listings, `/resolve` with redirects to a store under another host's name, and ranges, and records
what was asked and every byte that was sent. By hand:

    python -m tests.support.hub_server
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from tests.support.hub.answering import Asked, HubHandler, HubState, Served
from tests.support.hub.faults import Fault, Trouble
from tests.support.hub.repositories import HubRepository
from tests.support.loopback_server import LoopbackServer

__all__ = ["Fault", "HubRepository", "HubServer", "Trouble", "model_repositories"]

TOKEN = "hf_loopback_0123456789"
PUBLISHED_AS = {"Q2_K": "Q2_K", "Q4_K_M": "Q4_K_M", "Q5_K_S": "Q5_K", "Q8_0": "Q8_0"}
"""The quantisations of the catalogue, and what the tiny checkpoint has in their place."""


class HubServer(LoopbackServer):
    """Serves repositories until it is closed; a context manager."""

    def __init__(
        self,
        repositories: Iterable[HubRepository],
        *,
        port: int = 0,
        token: str = TOKEN,
        bytes_per_second: float | None = None,
    ) -> None:
        self._state = HubState({repository.name: repository for repository in repositories}, token)
        self._state.bytes_per_second = bytes_per_second
        self._port = port
        self._server: _Server | None = None

    def start(self) -> None:
        """Listen, on the same port as before if it did."""
        self._state.closing.clear()
        handler = type("Handler", (HubHandler,), {"state": self._state})
        self._server = _Server(("127.0.0.1", self._port), handler, self._state)
        self._port = self._server.server_port
        # Another host by its name, as the hub's store is: no token may go there.
        self._state.cdn_url = f"http://localhost:{self._port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening. Raises what went wrong in the server itself."""
        server, self._server = self._server, None
        if server is None:
            return
        self._state.closing.set()
        server.shutdown()
        server.server_close()
        if self._state.errors:
            raise RuntimeError("the loopback hub itself failed") from self._state.errors[0]

    @property
    def url(self) -> str:
        """What `HF_ENDPOINT` is to be."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environ(self) -> dict[str, str]:
        """The variables that lead a process to this hub."""
        return {"HF_ENDPOINT": self.url}

    @property
    def token(self) -> str:
        """The token that opens gated repositories."""
        return self._state.token

    @property
    def repositories(self) -> dict[str, HubRepository]:
        """What it serves, by name; to be changed in place."""
        return self._state.repositories

    @property
    def faults(self) -> list[Fault]:
        """What goes wrong; to be added to."""
        return self._state.faults

    def set_rate(self, bytes_per_second: float | None) -> None:
        """Send so many bytes a second in each answer; None: as fast as can be."""
        self._state.bytes_per_second = bytes_per_second

    @property
    def asked(self) -> list[Asked]:
        """Every request, in order."""
        with self._state.lock:
            return list(self._state.asked)

    @property
    def served(self) -> list[Served]:
        """The bytes of files that were sent."""
        with self._state.lock:
            return list(self._state.served)

    @property
    def tokens_at_the_store(self) -> list[Asked]:
        """The requests by which a token went to the store, which is another host."""
        return [
            asked
            for asked in self.asked
            if asked.host.startswith("localhost") and "authorization" in asked.headers
        ]

    def forget(self) -> None:
        """Begin the records anew."""
        with self._state.lock:
            self._state.asked.clear()
            self._state.served.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[Any], state: HubState) -> None:
        super().__init__(address, handler)
        self._state = state

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as it is called
        error = sys.exception()
        # Clients come and go as they like.
        if not isinstance(error, (OSError, ValueError)):
            self._state.errors.append(error or RuntimeError("unknown"))


def model_repositories(
    checkpoint: Path,
    ggufs: Mapping[str, bytes | Path],
    *,
    more: Mapping[str, Mapping[str, bytes | Path]] = {},
) -> list[HubRepository]:
    """Return the repositories of the local model as they are published, with a checkpoint's files in them.

    `ggufs` are the transformers by the catalogue's quantisations; `more` are contents in place of, or beside,
    those that are made up here: the LoRAs and the compact text encoder, by repository.
    """
    weights = LOCAL_WEIGHTS
    commits = dict(weights.revisions)
    base: dict[str, bytes | Path] = {
        path.relative_to(checkpoint).as_posix(): path
        for path in checkpoint.rglob("*")
        if path.is_file() and path.suffix != ".gguf"
    }
    # What is there, and must not be downloaded.
    base |= {
        "README.md": b"# Qwen-Image-Edit-2509\n",
        "transformer/diffusion_pytorch_model.safetensors": b"x" * 99,
    }
    contents: dict[str, dict[str, bytes | Path]] = {
        weights.base_repo: base,
        weights.gguf_repo: {
            weights.gguf_pattern.format(quantisation=name): content for name, content in ggufs.items()
        },
        weights.lora_repo: {name: made_up(name, 40_000) for name in weights.loras},
    }
    for form in weights.text_encoders:
        if form.is_gguf:
            contents[form.repo] = {name: made_up(name, 60_000) for name in (form.language, form.vision)}
    for repo, files in more.items():
        contents[repo] = {**contents.get(repo, {}), **files}
    return [HubRepository.of(name, files, commits.get(name, "")) for name, files in contents.items()]


def made_up_repositories(gguf_bytes: int = 300_000) -> list[HubRepository]:
    """Return the local model's repositories with made-up bytes under the names that are published."""
    weights = LOCAL_WEIGHTS
    commits = dict(weights.revisions)
    shards = [f"text_encoder/model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    weight_map = {f"layer.{number}": Path(shard).name for number, shard in enumerate(shards)}
    index = {"metadata": {}, "weight_map": weight_map}
    configs = (
        "model_index.json",
        "scheduler/scheduler_config.json",
        "tokenizer/tokenizer_config.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "processor/preprocessor_config.json",
        "processor/vocab.json",
        "transformer/config.json",
        "vae/config.json",
        "text_encoder/config.json",
    )
    base: dict[str, bytes | Path] = {name: json.dumps({"name": name}).encode() for name in configs}
    # The same bytes twice, as the real one has them.
    base["processor/vocab.json"] = base["tokenizer/vocab.json"] = made_up("vocab", 30_000)
    base["text_encoder/model.safetensors.index.json"] = json.dumps(index).encode()
    base |= {name: made_up(name, 100_000) for name in (*shards, "vae/diffusion_pytorch_model.safetensors")}
    base |= {"README.md": b"# Qwen", "transformer/diffusion_pytorch_model.safetensors": made_up("no", 50_000)}
    ggufs = [weights.gguf_pattern.format(quantisation=name) for name, _ in weights.gguf_gb]
    contents: dict[str, dict[str, bytes | Path]] = {
        weights.base_repo: base,
        weights.gguf_repo: {name: made_up(name, gguf_bytes) for name in ggufs},
        weights.lora_repo: {name: made_up(name, 40_000) for name in weights.loras},
    }
    for form in weights.text_encoders:
        if form.is_gguf:
            contents[form.repo] = {name: made_up(name, 60_000) for name in (form.language, form.vision)}
    return [HubRepository.of(name, files, commits.get(name, "")) for name, files in contents.items()]


def made_up(name: str, size: int) -> bytes:
    """Return bytes that no other name has."""
    import numpy as np

    return np.random.default_rng(list(name.encode())).bytes(size)


def tiny_model_repositories(folder: Path) -> list[HubRepository]:
    """Return the local model's repositories with a tiny checkpoint, built in `folder`, in all its forms."""
    from tests.support.tiny_checkpoint import build_checkpoint, write_gguf

    checkpoint = build_checkpoint(folder / "checkpoint")
    ggufs = {
        name: write_gguf(checkpoint, folder / f"{name}.gguf", quantisation)
        for name, quantisation in PUBLISHED_AS.items()
    }
    return model_repositories(checkpoint, ggufs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a tiny checkpoint as the local model until Ctrl+C."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.hub_server")
    parser.add_argument("--port", type=int, default=0, help="the port; a free one if not given")
    parser.add_argument("--rate", type=float, metavar="BYTES", help="how many bytes a second an answer sends")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        repositories = tiny_model_repositories(Path(folder))
        with HubServer(repositories, port=asked.port, bytes_per_second=asked.rate) as hub:
            for name, value in hub.environ.items():
                sys.stdout.write(f"export {name}={value}\n")
            sys.stdout.flush()
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                sys.stdout.write("\n")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
