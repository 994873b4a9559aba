"""Which text encoder is taken: the full one, the compact one, or whichever of both fits."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import CheckpointIncomplete, ModelNotInstalled
from qie_desktop.core.model import HubWeights
from qie_desktop.engines.local.checkpoint import Checkpoint, CheckpointLocator
from qie_desktop.engines.local.engine import LocalEngine
from qie_desktop.engines.local.inference.caches import Weights
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.text_encoder_files import CompactTextEncoder, TextEncoderWish
from tests.engines.local.test_engine import Desk
from tests.support.tiny_text_encoder import write_text_encoder

SPEC = find_model("qwen-image-edit-2509-gguf")


@pytest.fixture(scope="module")
def files(tiny, tmp_path_factory) -> CompactTextEncoder:
    return CompactTextEncoder(*write_text_encoder(tiny, tmp_path_factory.mktemp("compact"), "Q8_0"))


@pytest.fixture
def without_weights(tiny, tmp_path) -> Path:
    """A checkpoint as it is downloaded for the compact text encoder: of the full one the config alone."""
    folder = Path(shutil.copytree(tiny, tmp_path / "without"))
    for path in (folder / "text_encoder").glob("model*"):
        path.unlink()
    return folder


@pytest.fixture
def hub_cache(files, tmp_path) -> Path:
    """A hub's cache with the compact text encoder as it is published."""
    assert SPEC.local is not None
    weights = SPEC.local.weights
    assert isinstance(weights, HubWeights)
    form = next(form for form in weights.text_encoders if form.is_gguf)
    root = tmp_path / "hub" / f"models--{form.repo.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("abc123")
    snapshot = root / "snapshots" / "abc123"
    snapshot.mkdir(parents=True)
    shutil.copy(files.language, snapshot / form.language)
    shutil.copy(files.vision, snapshot / form.vision)
    return tmp_path / "hub"


@pytest.fixture
def locator(tiny, tiny_gguf, tmp_path):
    return CheckpointLocator(tmp_path, tmp_path / "empty", folder=tiny, transformer=tiny_gguf)


def own(files: CompactTextEncoder, form: str = "auto") -> TextEncoderWish:
    return TextEncoderWish(form, files.language, files.vision)


def test_alone_the_full_one_is_taken(locator, tiny, tiny_gguf):
    assert locator.candidates(SPEC) == (Checkpoint(tiny, tiny_gguf),)


def test_alone_the_compact_one_is_taken(locator, without_weights, hub_cache):
    found = replace(locator, folder=without_weights, hub_cache=hub_cache).candidates(SPEC)

    assert [checkpoint.compact is not None for checkpoint in found] == [True]


def test_with_both_here_the_full_one_comes_first(locator, hub_cache):
    found = replace(locator, hub_cache=hub_cache).candidates(SPEC)

    assert [checkpoint.compact is not None for checkpoint in found] == [False, True]


@pytest.mark.parametrize(("form", "compact"), [("full", False), ("compact", True)])
def test_a_setting_decides(locator, hub_cache, form, compact):
    found = replace(locator, hub_cache=hub_cache, text_encoder=TextEncoderWish(form)).candidates(SPEC)

    assert [checkpoint.compact is not None for checkpoint in found] == [compact]


def test_own_files_come_first_unless_the_full_one_is_asked_for(locator, hub_cache, files):
    locator = replace(locator, hub_cache=hub_cache)

    assert replace(locator, text_encoder=own(files)).locate(SPEC).compact == files
    assert replace(locator, text_encoder=own(files, "compact")).locate(SPEC).compact == files
    assert replace(locator, text_encoder=own(files, "full")).locate(SPEC).compact is None


def test_an_own_language_model_goes_with_the_downloaded_mmproj(locator, hub_cache, files):
    wish = TextEncoderWish(language=files.language)

    found = replace(locator, hub_cache=hub_cache, text_encoder=wish).locate(SPEC)

    assert found.compact is not None
    assert found.compact.language == files.language
    assert hub_cache in found.compact.vision.parents


@pytest.mark.parametrize(
    ("language", "vision", "missing"), [(False, False, "model and mmproj"), (True, False, "mmproj")]
)
def test_a_compact_one_that_is_not_here_is_named(locator, files, language, vision, missing):
    wish = TextEncoderWish("compact", files.language if language else None, files.vision if vision else None)

    with pytest.raises(ModelNotInstalled, match=f"encoder's {missing} file was not found") as caught:
        replace(locator, text_encoder=wish).locate(SPEC)
    assert "local.text_encoder_mmproj" in caught.value.hint
    assert caught.value.missing_gb > 5


def test_with_neither_here_what_is_missing_is_named(locator, without_weights, tmp_path, files):
    locator = replace(locator, folder=without_weights)

    with pytest.raises(CheckpointIncomplete, match=r"text_encoder/model\.safetensors"):
        locator.locate(SPEC)
    gone = TextEncoderWish(language=files.language, vision=tmp_path / "gone.gguf")
    with pytest.raises(CheckpointIncomplete, match=r"gone\.gguf"):
        replace(locator, text_encoder=gone).locate(SPEC)


def test_the_starter_has_its_own(resources, files):
    locator = CheckpointLocator(resources, resources, text_encoder=own(files, "compact"))

    assert locator.locate(find_model("starter")).compact is None


def test_files_that_do_not_belong_together_are_named_before_a_run(locator, files, tmp_path):
    wish = TextEncoderWish(language=files.vision, vision=files.language)

    problem = replace(locator, text_encoder=wish).problem(SPEC, thorough=True)

    assert problem is not None
    assert "vision tower" in problem.message


def test_what_was_used_is_noted_and_can_be_asked_for_again(tiny, tiny_gguf, files, tmp_path):
    full, compact = Checkpoint(tiny, tiny_gguf), Checkpoint(tiny, tiny_gguf, files)
    gone = Checkpoint(tiny, tiny_gguf, CompactTextEncoder(files.language, tmp_path / "gone.gguf"))

    assert TextEncoderWish.again(full.used_files()) == TextEncoderWish("full")
    assert TextEncoderWish.again(compact.used_files()) == own(files, "compact")
    assert TextEncoderWish.again(gone.used_files()) is None
    assert TextEncoderWish.again({"checkpoint": "x", "transformer": "y"}) is None


def test_what_one_text_encoder_said_is_not_taken_for_what_another_would(files, tmp_path):
    device = choose_device("cpu")
    copy = Path(shutil.copy(files.language, tmp_path / "copy.gguf"))

    weights = [Weights.of(device, tmp_path, *each) for each in ((), files.files, (copy, files.vision))]

    assert len(set(weights)) == 3


def test_an_edit_goes_through_the_compact_one_and_says_so(locator, files, tmp_path):
    remembered: dict[str, str] = {}
    desk = Desk(tmp_path)
    desk.task = replace(desk.task, remember=remembered.update)
    engine = LocalEngine(replace(locator, text_encoder=own(files)))

    async def one() -> None:
        await engine.run(desk.task, CancelToken())
        conditioner = engine._pipeline._conditioner
        assert conditioner is None or isinstance(conditioner._model, torch.nn.Module)
        await engine.close()

    asyncio.run(one())
    assert desk.results[0].picture.size == (80, 64)
    assert remembered["text_encoder"] == str(files.language)
    assert remembered["text_encoder_mmproj"] == str(files.vision)
