from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from qie_desktop.core.errors import DiskFull
from qie_desktop.core.events import (
    Failed,
    OutputSaved,
    Phase,
)
from qie_desktop.core.job import Job
from qie_desktop.storage import atomic
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.ledger import Ledger
from tests.services.engines import (
    FromManyThreads,
    Inverting,
    OtherSize,
    Raising,
)
from tests.services.running import run
from tests.support.pictures import make_photo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.storage.data_folder import DataFolder


@pytest.mark.parametrize("size", [(150, 100), (301, 199), (1024, 683), (64, 512)])
@pytest.mark.parametrize("model_id", ["qwen-image-edit", "starter"])
def test_edit_has_exactly_the_size_of_its_input(
    store: JobStore, make: Callable[..., Job], model_id: str, size: tuple[int, int]
) -> None:
    ended, _ = run(store, make(model_id), OtherSize(size))
    output = ended.outputs[0]
    assert (output.width, output.height) == (150, 100)
    with Image.open(store.output_path(ended, output)) as result:
        assert result.size == (150, 100)
    assert output.provider_name == "provider_0.webp"
    with Image.open(store.folder(ended.job_id) / "provider_0.webp") as provider:
        assert provider.size == size


def test_upright_size_counts(store: JobStore, make: Callable[..., Job], tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (160, 90), "red").save(path, exif=exif)
    ended, _ = run(store, make(inputs=[path]), OtherSize((512, 512)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (90, 160)


def test_two_side_by_side_have_the_size_of_their_canvas(
    store: JobStore, make: Callable[..., Job], tmp_path: Path
) -> None:
    left, right = (
        make_photo(tmp_path / "l.png", (100, 200)),
        make_photo(tmp_path / "r.png", (100, 100), "RGBA"),
    )
    job = make("qwen-image-edit-2509-gguf", [left, right])
    ended, _ = run(store, job, OtherSize((512, 320)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (300, 200)
    with Image.open(store.output_path(ended, ended.outputs[0])) as result:
        assert result.mode == "RGBA"
        assert result.getchannel("A").crop((0, 0, 100, 200)).getextrema() == (255, 255)
    job = make("qwen-image-edit-2509-gguf", [left, right], combine="references")
    ended, _ = run(store, job, OtherSize((512, 320)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (100, 200)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_alpha_of_the_input_comes_back(
    store: JobStore, make: Callable[..., Job], tmp_path: Path, mode: str
) -> None:
    source = make_photo(tmp_path / "cut-out.png", (120, 90), "RGBA")
    ended, _ = run(store, make("qwen-image-edit", [source]), OtherSize((512, 384), mode=mode))
    with Image.open(store.output_path(ended, ended.outputs[0])) as result, Image.open(source) as original:
        assert result.size == original.size
        assert result.getchannel("A").tobytes() == original.getchannel("A").tobytes()


def test_generated_picture_keeps_its_own_size(store: JobStore, make: Callable[..., Job]) -> None:
    ended, _ = run(store, make("hunyuan-image-3", []), OtherSize((640, 384)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (640, 384)
    ended, _ = run(store, make("seedream-4"), OtherSize((512, 512)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (512, 512)


def test_provider_png_of_the_same_pixels_is_not_kept_twice(store: JobStore, make: Callable[..., Job]) -> None:
    ended, _ = run(store, make("qwen-image-edit"), OtherSize((150, 100), "PNG"))
    assert ended.outputs[0].provider_name is None
    assert not list(store.folder(ended.job_id).glob("provider_*"))


def test_results_before_a_failure_are_kept_and_counted(
    store: JobStore, make: Callable[..., Job], folder: DataFolder
) -> None:
    job = make("seedream-4", [], sequential_image_generation="auto", count=4)
    ended, events = run(store, job, Raising(RuntimeError("x"), saved=3))
    assert [event.index for event in events if isinstance(event, OutputSaved)] == [0, 1, 2]
    assert [event.detail for event in events if isinstance(event, Phase)] == ["1 of 4", "2 of 4", "3 of 4"]
    assert isinstance(events[-1], Failed)
    assert len(store.load(job.job_id).outputs) == 3
    assert job.cost_usd == pytest.approx(0.12)
    assert ended.cost_usd == pytest.approx(0.09)
    assert [(entry.job_id, entry.usd) for entry in Ledger(folder.ledger).entries()] == [(job.job_id, 0.09)]


def test_full_disk_while_saving_is_told_as_such(
    store: JobStore, make: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make()
    write = atomic.write_bytes

    def full(path: Path, data: bytes) -> None:
        if path.suffix == ".png":
            raise DiskFull(f"There is no room left in {path.parent}.")
        write(path, data)

    monkeypatch.setattr(atomic, "write_bytes", full)
    ended, _ = run(store, job, Inverting())
    assert ended.error is not None
    assert ended.error.code == "disk_full"
    assert store.load(job.job_id).outputs == ()


def test_engine_may_call_from_any_thread(store: JobStore, make: Callable[..., Job]) -> None:
    job = make("seedream-4", [], sequential_image_generation="auto", count=5)
    ended, events = run(store, job, FromManyThreads())
    assert sorted(event.index for event in events if isinstance(event, OutputSaved)) == list(range(5))
    on_disk = store.load(job.job_id)
    assert [output.name for output in on_disk.outputs] == [f"output_{index}.png" for index in range(5)]
    assert on_disk.remote == {f"part_{index}": "done" for index in range(5)}
    assert on_disk.measured == {f"part_{index}": float(index) for index in range(5)}
    assert ended == on_disk
