"""The model's files changed, or gone, while the app is running, and configurations that make no sense."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from qie_desktop.core.errors import CheckpointDamaged
from qie_desktop.core.lora_errors import LoraDamaged
from qie_desktop.engines.local import planning
from qie_desktop.engines.local.checkpoint import Checkpoint, CheckpointLocator
from qie_desktop.engines.local.engine import LocalEngine
from qie_desktop.engines.local.gguf_file import read_gguf
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.gguf_tensors import read_blocks
from qie_desktop.engines.local.inference.lora import Loras, LoraUse
from qie_desktop.engines.local.lora_file import read_lora
from qie_desktop.engines.local.planning import parts_of
from tests.engines.local.test_engine import SPEC, Desk, run
from tests.support.tiny_checkpoint import write_gguf
from tests.support.tiny_loras import ALL_LAYERS, write_lora


@pytest.fixture
def copy(tiny, tmp_path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def test_a_file_that_has_been_replaced_is_loaded_again(tiny, tmp_path):
    """As when a damaged file is downloaded anew: its name is the same."""
    gguf = write_gguf(tiny, tmp_path / "model.gguf", "Q2_K")
    locator = CheckpointLocator(tmp_path, tmp_path, folder=tiny, transformer=gguf)

    def replace() -> None:
        write_gguf(tiny, tmp_path / "fresh.gguf", "Q8_0").replace(gguf)

    before, after, alone = Desk(tmp_path), Desk(tmp_path), Desk(tmp_path)
    before_is_done = before.task.save
    object.__setattr__(before.task, "save", lambda result: (before_is_done(result), replace())[0])

    run(LocalEngine(locator), before, after)
    run(LocalEngine(locator), alone)

    assert "transformer" in after.loaded
    pictures = [np.asarray(desk.results[0].picture) for desk in (before, after, alone)]
    assert (pictures[1] == pictures[2]).all()
    assert (pictures[0] != pictures[1]).any()


def test_weights_that_are_gone_in_mid_job_are_named(tiny, tmp_path):
    """Modulation is read whenever the schedule is another."""
    gguf = write_gguf(tiny, tmp_path / "model.gguf", "Q8_0")
    tensor = next(iter(read_gguf(gguf).tensors.values()))
    gguf.unlink()

    with pytest.raises(CheckpointDamaged, match=r"model\.gguf cannot be read: .*No such file"):
        read_blocks(gguf, tensor)


def test_a_lora_that_is_gone_in_mid_job_is_named(tmp_path):
    path = write_lora(tmp_path / "style.safetensors")
    loras = Loras([LoraUse(path)], choose_device("cpu"))
    path.unlink()

    with pytest.raises(LoraDamaged, match=r"style\.safetensors cannot be read"):
        loras.side_path("transformer_blocks.0.attn.to_q")


def test_loras_are_planned_with_what_is_kept_of_them(tiny, tiny_gguf, tmp_path):
    """In the type that is computed in, whatever the file's; what modulation takes is let go of."""
    path = write_lora(tmp_path / "style.safetensors", layers=ALL_LAYERS, rank=3)
    checkpoint = Checkpoint(tiny, tiny_gguf)

    for number_bytes in (2, 4):
        planned = parts_of(checkpoint, number_bytes, (path,)).loras
        assert 0 < planned == read_lora(path).resident_bytes(number_bytes) < path.stat().st_size


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("transformer", {"attention_head_dim": "wide"}),
        ("transformer", {"attention_head_dim": 0, "num_attention_heads": None}),
        ("text_encoder", {"text_config": [1]}),
        ("vae", {"dim_mult": 4}),
        ("vae", {"dim_mult": ["a"]}),
    ],
)
def test_a_configuration_that_makes_no_sense_is_named(copy, tiny_gguf, part, changes):
    config = copy / part / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))

    with pytest.raises(CheckpointDamaged, match="configuration of .*copy makes no sense"):
        parts_of(Checkpoint(copy, tiny_gguf), 4)


@pytest.mark.parametrize("index", ['{"weight_map": ["a"]}', "{}", "[" * 100_000])
def test_an_index_that_makes_no_sense_is_named(copy, tiny_gguf, tmp_path, index):
    for file in (copy / "text_encoder").glob("*.safetensors"):
        file.unlink()
    (copy / "text_encoder" / "model.safetensors.index.json").write_text(index)

    problem = CheckpointLocator(tmp_path, tmp_path, folder=copy, transformer=tiny_gguf).problem(SPEC)

    assert isinstance(problem, CheckpointDamaged)
    assert "index.json" in problem.message


def test_too_little_memory_is_no_damage_while_a_plan_is_made(tiny, tiny_gguf, monkeypatch):
    import safetensors

    from qie_desktop.core.errors import OutOfMemory

    def short(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(safetensors, "safe_open", short)

    with pytest.raises(OutOfMemory, match="looking at the text encoder"):
        planning.parts_of(Checkpoint(tiny, tiny_gguf), 4)
