"""What the encoders gave is kept by content, and only by content."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.events import PhaseName
from qie_desktop.engines.local.checkpoint import Checkpoint
from qie_desktop.engines.local.inference.caches import EncodingCache, content_hash
from qie_desktop.engines.local.inference.device import Device, choose_device
from qie_desktop.engines.local.inference.pipeline import Edit, LocalPipeline

LOCAL = find_model("qwen-image-edit-2509-gguf").local
CPU = torch.device("cpu")
TEXT_LOADED = (PhaseName.LOADING, "text encoder")
TEXT = (PhaseName.ENCODING, "prompt")
PICTURES = (PhaseName.ENCODING, "pictures")


class Phases(list):
    """What the pipeline tells, the beginnings of stages alone."""

    def phase(self, name, fraction=None, detail=""):
        if fraction is None:
            self.append((name, detail))

    def step(self, index, total, seconds_left, preview=None):
        pass


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 48, 3), dtype=np.uint8))


EDIT = Edit((picture(),), "warmer", " ", steps=1, guidance=4.0, seed=5)


@pytest.fixture
def cache() -> EncodingCache:
    return EncodingCache()


@pytest.fixture
def pipeline(tiny, tiny_gguf, cache) -> LocalPipeline:
    return LocalPipeline(Checkpoint(tiny, tiny_gguf), choose_device("cpu"), cache=cache)


def run(pipeline: LocalPipeline, edit: Edit = EDIT, local=LOCAL) -> tuple[Phases, Image.Image]:
    phases = Phases()
    return phases, pipeline.edit(edit, local, phases, CancelToken())


@pytest.mark.parametrize("changes", [{"seed": 6}, {"steps": 2}, {"guidance": 2.0}, {"guidance": 1.0}])
def test_another_seed_or_step_count_needs_no_encoder(tiny, tiny_gguf, cache, pipeline, changes):
    run(pipeline)
    fresh = LocalPipeline(Checkpoint(tiny, tiny_gguf), choose_device("cpu"), cache=cache)

    phases, result = run(fresh, replace(EDIT, **changes))

    assert TEXT_LOADED not in phases
    assert not [name for name, _ in phases if name is PhaseName.ENCODING]
    # It is needed for the result, and told before that.
    assert phases.index((PhaseName.LOADING, "VAE")) > phases.index((PhaseName.DENOISING, ""))
    alone = LocalPipeline(Checkpoint(tiny, tiny_gguf), choose_device("cpu"))
    assert result.tobytes() == run(alone, replace(EDIT, **changes))[1].tobytes()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"prompt": "cooler"}, [TEXT]),
        ({"negative_prompt": "blurry"}, [TEXT]),
        ({"pictures": (picture(1),)}, [TEXT, PICTURES]),
        ({"pictures": (picture(), picture(1))}, [TEXT, PICTURES]),
    ],
)
def test_what_is_new_is_encoded_and_that_alone(tiny, tiny_gguf, pipeline, changes, expected):
    run(pipeline)

    phases, result = run(pipeline, replace(EDIT, **changes))

    assert [phase for phase in phases if phase[0] is PhaseName.ENCODING] == expected
    alone = LocalPipeline(Checkpoint(tiny, tiny_gguf), choose_device("cpu"))
    assert result.tobytes() == run(alone, replace(EDIT, **changes))[1].tobytes()


def test_a_picture_worked_on_at_another_size_is_encoded_again(pipeline):
    run(pipeline)

    phases, _ = run(pipeline, local=replace(LOCAL, working_area_px=32 * 32))

    assert TEXT not in phases
    assert PICTURES in phases


def test_only_the_negative_prompt_is_read_when_guidance_comes_later(pipeline, cache):
    run(pipeline, replace(EDIT, guidance=1.0))
    held = len(cache._kept)

    phases, _ = run(pipeline)

    assert phases.count(TEXT) == 1
    assert len(cache._kept) == held + 1


def test_other_weights_or_another_type_know_nothing_of_it(tiny, tiny_gguf, tmp_path, pipeline, cache):
    run(pipeline)
    half = Device(CPU, torch.bfloat16)
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    for other in (
        LocalPipeline(Checkpoint(tiny, tiny_gguf), half, cache=cache),
        LocalPipeline(Checkpoint(copy, tiny_gguf), choose_device("cpu"), cache=cache),
    ):
        phases, _ = run(other)
        assert TEXT in phases
        assert PICTURES in phases
    # The same folder with other files in it.
    os.utime(copy / "vae" / "config.json", ns=(1, 1))

    phases, _ = run(LocalPipeline(Checkpoint(copy, tiny_gguf), choose_device("cpu"), cache=cache))

    assert TEXT not in phases
    assert PICTURES in phases


def test_another_quantisation_of_the_same_checkpoint_needs_no_encoder(
    tiny, tiny_gguf, tmp_path, cache, pipeline
):
    run(pipeline)
    other = Checkpoint(tiny, Path(shutil.copy(tiny_gguf, tmp_path / "other.gguf")))

    phases, _ = run(LocalPipeline(other, choose_device("cpu"), cache=cache))

    assert TEXT not in phases
    assert PICTURES not in phases


def test_staged_a_new_seed_leaves_the_transformer_where_it_is(tiny, tiny_gguf):
    staged = LocalPipeline(Checkpoint(tiny, tiny_gguf), choose_device("cpu"), staged=True)
    run(staged)
    transformer = staged._transformer

    phases, _ = run(staged, replace(EDIT, seed=6))

    assert staged._transformer is transformer
    assert PhaseName.LOADING not in {name for name, _ in phases}


def test_what_was_used_longest_ago_goes_first():
    cache = EncodingCache(limit_bytes=3 * 400)
    for key in "abc":
        cache.put(key, torch.full((100,), float(ord(key))))
    cache.get("a", CPU)

    cache.put("d", torch.zeros(100))

    assert cache.get("b", CPU) is None
    assert all(cache.get(key, CPU) is not None for key in "acd")
    assert cache.held_bytes == 1200


def test_what_is_too_large_is_not_kept_and_drives_nothing_out():
    cache = EncodingCache(limit_bytes=400)
    cache.put("a", torch.zeros(50))

    cache.put("b", torch.zeros(101))

    assert cache.get("b", CPU) is None
    assert cache.get("a", CPU) is not None
    assert cache.held_bytes == 200


def test_the_same_key_again_counts_once_and_clearing_lets_go_of_all():
    cache = EncodingCache()
    for value in (1.0, 2.0):
        cache.put("a", torch.full((10,), value), torch.zeros(3))

    assert cache.held_bytes == 52
    assert float(cache.get("a", CPU)[0][0]) == 2
    cache.clear()
    assert cache.get("a", CPU) is None
    assert cache.held_bytes == 0


def test_a_part_of_a_tensor_does_not_keep_the_whole():
    cache = EncodingCache()
    whole = torch.randn(1, 1000, 8)

    cache.put("a", whole[:, 990:])

    (kept,) = cache.get("a", CPU)
    assert torch.equal(kept, whole[:, 990:])
    assert kept.untyped_storage().nbytes() == cache.held_bytes == 320


def test_numbers_that_are_not_finite_are_not_kept():
    cache = EncodingCache()

    cache.put("a", torch.tensor([1.0, float("nan")]))

    assert cache.get("a", CPU) is None


def test_the_content_of_a_picture_is_its_pixels_and_its_size():
    one = Image.frombytes("RGB", (4, 2), bytes(range(24)))
    other = Image.frombytes("RGB", (2, 4), bytes(range(24)))
    changed = one.copy()
    changed.putpixel((3, 1), (0, 0, 0))

    assert content_hash(one) == content_hash(one.copy())
    assert len({content_hash(each) for each in (one, other, changed)}) == 3
