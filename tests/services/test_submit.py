from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from qie_desktop.core.errors import (
    ImageDamaged,
    ImageMissing,
    ImageSizeOutOfRange,
    StorageError,
    UnknownParameter,
)
from qie_desktop.core.job import Job, JobState
from qie_desktop.core.request import build_request
from qie_desktop.services.retry import retry
from qie_desktop.services.submit import submit
from qie_desktop.storage.prompt_history import PromptHistory
from qie_desktop.storage.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.job_store import JobStore


def test_submitted_job_is_queued_and_remembered(
    store: JobStore, make: Callable[..., Job], folder: DataFolder
) -> None:
    job = make("qwen-image-edit")
    assert store.load(job.job_id).state is JobState.QUEUED
    assert store.claims.holds(job.job_id)
    assert PromptHistory(folder.prompts).list() == ["invert it"]
    assert Settings.load(folder.config).get("general.last_model") == "qwen-image-edit"


def test_estimate_follows_the_price_in_the_settings(make: Callable[..., Job], settings: Settings) -> None:
    assert make("qwen-image-edit").cost_usd == pytest.approx(0.03)
    settings.set("cloud.prices.qwen-image-edit", 0.5)
    assert make("qwen-image-edit").cost_usd == pytest.approx(0.5)
    assert make("starter").cost_usd == 0


def test_truncated_picture_is_refused_before_anything_is_spent(
    store: JobStore, make: Callable[..., Job], folder: DataFolder, tmp_path: Path
) -> None:
    path = tmp_path / "cut.jpg"
    Image.effect_noise((400, 300), 80).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(ImageDamaged, match=r"cut\.jpg"):
        make("qwen-image-edit", [path])
    assert store.count() == 0
    assert not folder.prompts.exists()


@pytest.mark.parametrize("size", [(63, 500), (200, 8001)])
def test_size_out_of_range_is_refused(
    store: JobStore, make: Callable[..., Job], tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "odd.png"
    Image.new("L", size).save(path)
    with pytest.raises(ImageSizeOutOfRange, match=r"odd\.png"):
        make("qwen-image-edit", [path])
    assert store.count() == 0


def test_history_that_cannot_be_written_undoes_no_job(
    store: JobStore, settings: Settings, folder: DataFolder, photo: Path
) -> None:
    folder.prompts.mkdir(parents=True)
    with pytest.raises(StorageError):
        PromptHistory(folder.prompts).add("x")
    job = submit(store, settings, build_request("starter", "invert it", [photo]))
    assert store.load(job.job_id) == job


def test_retry_is_a_new_job_from_the_stored_inputs(
    store: JobStore, settings: Settings, make: Callable[..., Job], photo: Path
) -> None:
    old = make("qwen-image-edit", seed=7, go_fast=False)
    content = photo.read_bytes()
    photo.unlink()
    new = retry(store, settings, old.job_id)
    assert new.job_id != old.job_id
    assert new.request == replace(old.request, inputs=new.request.inputs)
    assert new.request.inputs[0].read_bytes() == content
    assert new.inputs[0].source_name == "photo.png"
    assert store.load(old.job_id) == old
    again = retry(store, settings, old.job_id, new_seed=True)
    assert again.request.seed not in {None, 7}


def test_retry_without_its_input_says_which_is_missing(
    store: JobStore, settings: Settings, make: Callable[..., Job]
) -> None:
    old = make()
    old.request.inputs[0].unlink()
    with pytest.raises(ImageMissing, match=r"input_1\.png"):
        retry(store, settings, old.job_id)


def test_retry_checks_the_request_anew(store: JobStore, settings: Settings, make: Callable[..., Job]) -> None:
    old = make()
    store.update(old.job_id, lambda job: replace(job, request=replace(job.request, values=(("gone", 1),))))
    with pytest.raises(UnknownParameter, match="gone"):
        retry(store, settings, old.job_id)
