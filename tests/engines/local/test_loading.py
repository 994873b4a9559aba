import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from gguf import GGUFWriter

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import (
    CheckpointDamaged,
    CheckpointIncomplete,
    CheckpointMismatch,
    ModelNotInstalled,
    SettingsError,
)
from qie_desktop.engines.local.checkpoint import Checkpoint, CheckpointLocator
from qie_desktop.engines.local.gguf_file import read_gguf
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.gguf_weights import load_transformer
from tests.support.tiny_checkpoint import big_gguf, write_gguf

SPEC = find_model("qwen-image-edit-2509-gguf")


def load(checkpoint: Path, gguf: Path):
    return load_transformer(Checkpoint(checkpoint, gguf), choose_device("cpu"), CancelToken(), lambda _: None)


@pytest.fixture
def copy_of_tiny(tiny, tmp_path):
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def test_loading_tells_how_far_it_is(tiny, tiny_gguf):
    fractions = []

    load_transformer(Checkpoint(tiny, tiny_gguf), choose_device("cpu"), CancelToken(), fractions.append)

    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_loading_can_be_cancelled(tiny, tiny_gguf):
    cancel = CancelToken()

    with pytest.raises(JobCancelled):
        load_transformer(
            Checkpoint(tiny, tiny_gguf),
            choose_device("cpu"),
            cancel,
            lambda done: done > 0.3 and cancel.cancel(),
        )


def test_a_converters_prefix_is_taken_off(tiny, tmp_path):
    plain = read_gguf(write_gguf(tiny, tmp_path / "plain.gguf", "F32"))
    data = (tmp_path / "plain.gguf").read_bytes()
    writer = GGUFWriter(tmp_path / "prefixed.gguf", "qwen_image")
    import numpy as np

    for tensor in plain.tensors.values():
        raw = np.frombuffer(data, np.float32, tensor.byte_count // 4, tensor.offset).reshape(tensor.shape)
        writer.add_tensor(f"model.diffusion_model.{tensor.name}", raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    assert read_gguf(tmp_path / "prefixed.gguf").tensors.keys() == plain.tensors.keys()
    load(tiny, tmp_path / "prefixed.gguf")


def test_another_architecture_is_refused_with_what_it_is(tmp_path):
    writer = GGUFWriter(tmp_path / "llama.gguf", "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    with pytest.raises(CheckpointMismatch, match="llama"):
        read_gguf(tmp_path / "llama.gguf")


@pytest.mark.parametrize("keep", [0, 3, 40, 5_000])
def test_a_file_that_is_cut_off_is_named(tiny_gguf, tmp_path, keep):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny_gguf.read_bytes()[:keep])

    with pytest.raises(CheckpointDamaged, match=r"cut\.gguf"):
        read_gguf(cut)


def test_a_file_cut_off_within_its_weights_is_named(tiny_gguf, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny_gguf.read_bytes()[:-1000])

    with pytest.raises(CheckpointDamaged, match=r"cut\.gguf"):
        read_gguf(cut)


def test_a_file_of_something_else_is_named(tmp_path):
    (tmp_path / "notes.gguf").write_text("not a model at all, just some words that are long enough\n" * 9)

    with pytest.raises(CheckpointDamaged, match=r"notes\.gguf"):
        read_gguf(tmp_path / "notes.gguf")


def test_files_of_two_models_do_not_go_together(copy_of_tiny, tiny_gguf):
    path = copy_of_tiny / "transformer" / "config.json"
    config = json.loads(path.read_text()) | {"num_layers": 60}
    path.write_text(json.dumps(config))

    with pytest.raises(CheckpointMismatch, match="transformer blocks: 2.*60"):
        load(copy_of_tiny, tiny_gguf)


def test_tensors_of_other_shapes_are_named(copy_of_tiny, tiny_gguf):
    path = copy_of_tiny / "transformer" / "config.json"
    config = json.loads(path.read_text()) | {"joint_attention_dim": 512}
    path.write_text(json.dumps(config))

    with pytest.raises(CheckpointMismatch, match="text width 256.*512"):
        load(copy_of_tiny, tiny_gguf)


@pytest.mark.parametrize(
    "name",
    ["vae/config.json", "tokenizer/tokenizer_config.json", "scheduler/scheduler_config.json", "vae"],
)
def test_what_a_checkpoint_lacks_is_named(copy_of_tiny, tiny_gguf, name):
    path = copy_of_tiny / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    with pytest.raises(CheckpointIncomplete, match=name):
        Checkpoint(copy_of_tiny, tiny_gguf).check()


def test_a_missing_shard_of_the_text_encoder_is_named(copy_of_tiny, tiny_gguf):
    shard = sorted((copy_of_tiny / "text_encoder").glob("*-of-*.safetensors"))[0]
    shard.unlink()

    with pytest.raises(CheckpointIncomplete, match=shard.name):
        Checkpoint(copy_of_tiny, tiny_gguf).check()


def test_own_weights_come_before_the_hubs_cache(tiny, tiny_gguf, tmp_path):
    locator = CheckpointLocator(tmp_path, tmp_path, folder=tiny, transformer=tiny_gguf)

    assert locator.locate(SPEC) == Checkpoint(tiny, tiny_gguf)


def test_a_model_in_the_hubs_cache_is_found_by_quantisation(tiny, tiny_gguf, tmp_path):
    for repo, source in (
        ("Qwen--Qwen-Image-Edit-2509", tiny),
        ("QuantStack--Qwen-Image-Edit-2509-GGUF", None),
    ):
        root = tmp_path / f"models--{repo}"
        (root / "refs").mkdir(parents=True)
        (root / "refs" / "main").write_text("abc123")
        snapshot = root / "snapshots" / "abc123"
        if source:
            shutil.copytree(source, snapshot)
        else:
            snapshot.mkdir(parents=True)
            shutil.copy(tiny_gguf, snapshot / "Qwen-Image-Edit-2509-Q2_K.gguf")
    locator = CheckpointLocator(tmp_path, tmp_path)

    assert locator.locate(SPEC, "Q2_K").transformer.name == "Qwen-Image-Edit-2509-Q2_K.gguf"
    with pytest.raises(ModelNotInstalled, match="Q8_0"):
        locator.locate(SPEC, "Q8_0")


def test_a_model_that_is_nowhere_is_not_installed(tmp_path):
    with pytest.raises(ModelNotInstalled, match=r"Qwen/Qwen-Image-Edit-2509 and .*Q5_K_S"):
        CheckpointLocator(tmp_path, tmp_path).locate(SPEC)


def test_a_device_that_is_not_here_is_refused():
    with pytest.raises(SettingsError, match="mps"):
        choose_device("mps")


def test_loading_takes_no_more_memory_than_the_file_and_its_largest_tensor(tmp_path):
    gguf = big_gguf(tmp_path, 300)
    size = gguf.stat().st_size
    program = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from qie_desktop.core.cancel import CancelToken
        from qie_desktop.engines.local.checkpoint import Checkpoint
        from qie_desktop.engines.local.gguf_file import read_gguf
        from qie_desktop.engines.local.inference.device import choose_device
        from qie_desktop.engines.local.inference.gguf_weights import load_transformer

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

        folder, gguf = map(Path, sys.argv[1:])
        # What the class itself takes, whatever the weights: an empty model is built once before.
        from accelerate import init_empty_weights
        from diffusers import QwenImageTransformer2DModel
        with init_empty_weights():
            QwenImageTransformer2DModel()
        before = peak()
        checkpoint = Checkpoint(folder, gguf)
        model = load_transformer(checkpoint, choose_device("cpu"), CancelToken(), lambda _: None)
        tensors = read_gguf(gguf).tensors.values()
        largest = max(tensor.byte_count for tensor in tensors)
        kept = sum(tensor.byte_count for tensor in tensors if "_mod.1." not in tensor.name)
        print(peak() - before, largest, kept, model.resident_bytes)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(gguf)], check=True, capture_output=True, text=True
    )
    grown, largest, kept, held = map(int, done.stdout.split())

    assert 280e6 < size < 340e6
    assert kept < 0.8 * size, "modulation stays in the file"
    assert held > 0.9 * kept, "the weights are really there"
    assert grown < 1.2 * kept + largest
