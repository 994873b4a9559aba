from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from qie_desktop.core.errors import ErrorInfo, JobDamaged, StorageError
from qie_desktop.core.job import Job, JobState, Output
from qie_desktop.storage.job_metadata import read_metadata, write_metadata
from qie_desktop.storage.legacy_metadata import LegacyJob

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.storage.job_store import JobStore


@pytest.fixture
def job(create: Callable[..., Job]) -> Job:
    return create()


@pytest.fixture
def job_folder(store: JobStore, job: Job) -> Path:
    return store.folder(job.job_id)


def edit(folder: Path, **changes: Any) -> dict[str, Any]:
    path = folder / "metadata.json"
    document: dict[str, Any] = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(document))
    return document


def test_job_comes_back_as_it_was_written(job: Job, job_folder: Path) -> None:
    full = replace(
        job.moved_to(JobState.RUNNING).moved_to(
            JobState.FAILED, error=ErrorInfo("engine_failed", "Nö.", "Try again.")
        ),
        outputs=(Output("output_0.png", 96, 64, "provider_0.webp", starred=True),),
        cost_usd=0.03,
        remote={"prediction": "abc"},
        measured={"predict_s": 1.5},
    )
    write_metadata(job_folder, full)
    assert read_metadata(job_folder) == full


def test_metadata_says_its_schema_and_no_folder_of_the_user(job_folder: Path, tmp_path: Path) -> None:
    text = (job_folder / "metadata.json").read_text()
    assert json.loads(text)["schema"] == 1
    assert str(tmp_path) not in text


def test_keys_of_a_newer_version_are_kept(job: Job, job_folder: Path) -> None:
    output = Output("output_0.png", 96, 64)
    write_metadata(job_folder, replace(job, outputs=(output,)))
    document = edit(job_folder, album="summer")
    document["request"]["style"] = "x"
    document["outputs"][0]["rating"] = 5
    (job_folder / "metadata.json").write_text(json.dumps(document))
    read = read_metadata(job_folder)
    write_metadata(job_folder, replace(read, outputs=(replace(output, starred=True),)))
    after = json.loads((job_folder / "metadata.json").read_text())
    assert (after["album"], after["request"]["style"], after["outputs"][0]["rating"]) == ("summer", "x", 5)
    assert after["outputs"][0]["starred"] is True


def test_what_is_forgotten_does_not_come_back(job: Job, job_folder: Path) -> None:
    write_metadata(job_folder, replace(job, remote={"prediction": "abc"}))
    write_metadata(job_folder, replace(job, remote={}))
    assert read_metadata(job_folder).remote == {}


def test_newer_schema_is_shown_and_never_written(job: Job, job_folder: Path) -> None:
    before = edit(job_folder, schema=2)
    assert read_metadata(job_folder) == job
    with pytest.raises(StorageError, match="newer version"):
        write_metadata(job_folder, job)
    assert json.loads((job_folder / "metadata.json").read_text()) == before


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"state": "sleeping"}, "sleeping"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": "2026-11-22T10:00:00"}, "without its zone"),
        ({"created_at": None}, "created_at"),
        ({"request": {}}, "request"),
        ({"request": 3}, "request"),
        ({"outputs": [{"name": "output_0.png"}]}, "width"),
        ({"outputs": [{"name": "../../secret", "width": 1, "height": 1}]}, "secret"),
        ({"outputs": 4}, "int"),
        ({"inputs": [{"name": "/etc/passwd", "width": 1, "height": 1}]}, "passwd"),
        ({"error": {"code": "x"}}, "message"),
        ({"schema": "one"}, "schema"),
        ({"job_id": "20200101-000000-ffff"}, "20200101-000000-ffff"),
    ],
)
def test_damage_is_named(job_folder: Path, changes: dict[str, Any], named: str) -> None:
    edit(job_folder, **changes)
    with pytest.raises(JobDamaged) as caught:
        read_metadata(job_folder)
    assert named in caught.value.message
    assert job_folder.name in caught.value.message


@pytest.mark.parametrize("name", ["../other/input_1.jpg", "/etc/passwd", ".."])
def test_request_cannot_lead_out_of_the_folder(job_folder: Path, name: str) -> None:
    document = edit(job_folder)
    document["request"]["inputs"] = [name]
    edit(job_folder, request=document["request"])
    try:
        inputs = read_metadata(job_folder).request.inputs
    except JobDamaged as error:
        assert name == ".."
        assert "a file's name was expected" in error.message
    else:
        assert name != ".."
        assert [path.parent for path in inputs] == [job_folder]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"{}", b"[" * 100_000])
def test_what_is_no_metadata_is_damaged(job_folder: Path, content: bytes) -> None:
    (job_folder / "metadata.json").write_bytes(content)
    with pytest.raises(JobDamaged):
        read_metadata(job_folder)


def legacy_folder(root: Path, name: str, **document: Any) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    Image.new("RGB", (40, 30), "red").save(folder / "output_0.png")
    Image.new("RGB", (20, 10), "red").save(folder / "photo.jpg")
    (folder / "metadata.json").write_text(json.dumps(document))
    return folder


def test_legacy_job_is_read_whole(tmp_path: Path) -> None:
    folder = legacy_folder(
        tmp_path,
        "0b5c3a9e-9f0e-4a51-8d8e-4a9f7d3c2b10",
        job_id="0b5c3a9e-9f0e-4a51-8d8e-4a9f7d3c2b10",
        status="completed",
        model="qwen-image-edit",
        prompt="a hat",
        created_at="2025-10-01T12:00:00",
        seed=7,
        parameters={"steps": 4, "nested": {}},
        output_images=["output_0.png", "gone.png"],
        input_images=["uploads/photo.jpg"],
    )
    job = read_metadata(folder)
    assert isinstance(job, LegacyJob)
    assert job.state is JobState.SUCCEEDED
    assert (job.request.prompt, job.request.seed, job.request.value("steps")) == ("a hat", 7, 4)
    assert job.outputs == (Output("output_0.png", 40, 30),)
    assert [(item.name, item.width, item.height) for item in job.inputs] == [("photo.jpg", 20, 10)]
    assert job.created_at.tzinfo is not None


def test_legacy_job_with_nothing_but_its_list_is_read(tmp_path: Path) -> None:
    folder = legacy_folder(
        tmp_path, "20250102-030405-abcd", output_images=[{"url": "/api/x/output_0.png?v=1"}, 3, None]
    )
    job = read_metadata(folder)
    assert [output.name for output in job.outputs] == ["output_0.png"]
    assert f"{job.created_at:%Y-%m-%d %H:%M:%S}" == "2025-01-02 03:04:05"
    assert job.request.prompt == ""


def test_legacy_job_without_a_picture_has_failed(tmp_path: Path) -> None:
    job = read_metadata(legacy_folder(tmp_path, "a", output_images=[], error="No credit"))
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.message == "No credit"


def test_legacy_job_is_never_written(tmp_path: Path, job: Job) -> None:
    folder = legacy_folder(tmp_path, "a", output_images=["output_0.png"])
    before = (folder / "metadata.json").read_bytes()
    for other in (read_metadata(folder), replace(job, job_id="a")):
        with pytest.raises(StorageError, match="never changed"):
            write_metadata(folder, other)
    assert (folder / "metadata.json").read_bytes() == before
