"""The five models end to end: what is sent, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.cloud_errors import CredentialsRefused, ProviderUnreachable
from qie_desktop.core.job import JobState
from qie_desktop.core.model import ModelKind, Place
from qie_desktop.core.request import build_request
from qie_desktop.engines.replicate.account import check_token
from qie_desktop.services.submit import submit
from tests.engines.replicate.cloud import Cloud
from tests.support.replicate.faults import broken
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer

CLOUD = [spec for spec in CATALOGUE if spec.place is Place.CLOUD]


@pytest.mark.parametrize("spec", CLOUD, ids=lambda spec: spec.id)
def test_model_runs_and_an_edit_has_exactly_the_size_of_its_input(
    spec, cloud: Cloud, server: ReplicateServer
) -> None:
    ended = cloud.run(cloud.job(spec.id))
    assert ended.state is JobState.SUCCEEDED, ended.error
    [prediction] = server.created
    assert prediction.model == f"{spec.cloud.owner}/{spec.cloud.name}"
    assert prediction.input["prompt"] == "a red fox"
    assert len(prediction.pictures) == len(ended.inputs)
    output = ended.outputs[0]
    if spec.kind is ModelKind.EDIT:
        assert (output.width, output.height) == (803, 535)
        provider = cloud.store.folder(ended.job_id) / str(output.provider_name)
        with Image.open(provider) as picture:
            assert picture.size != (803, 535)
            assert picture.format == "WEBP"
    [line] = cloud.folder.ledger.read_text().splitlines()
    assert json.loads(line)["usd"] == spec.price.usd_per_output


@pytest.mark.parametrize("spec", CLOUD, ids=lambda spec: spec.id)
def test_every_parameter_can_be_set_to_every_choice(spec, cloud: Cloud, server: ReplicateServer) -> None:
    """The server refuses what is not in the model's schema."""
    sent = 0
    for parameter in spec.parameters:
        for choice in parameter.choices:
            if choice.min_inputs or parameter.applies_when is not None:
                continue
            ended = cloud.run(cloud.job(spec.id, **{parameter.name: choice.value}))
            assert ended.state is JobState.SUCCEEDED, (parameter.name, choice.value, ended.error)
            sent += 1
            assert server.created[-1].input[parameter.provider_name] == choice.value
    assert sent == len(server.created)


@pytest.mark.parametrize(
    ("name", "mode", "save"),
    [
        ("a.jpg", "RGB", {"quality": 90}),
        ("a.png", "RGB", {}),
        ("a.png", "RGBA", {}),
        ("a.webp", "RGB", {"lossless": True}),
    ],
)
def test_upright_picture_is_sent_byte_for_byte(
    name: str, mode: str, save: dict[str, object], cloud: Cloud, server: ReplicateServer, tmp_path: Path
) -> None:
    path = tmp_path / name
    Image.radial_gradient("L").resize((640, 400)).convert(mode).save(path, **save)
    job = submit(cloud.store, cloud.settings, build_request("qwen-image-edit", "warmer", [path]))
    assert cloud.run(job).state is JobState.SUCCEEDED
    assert server.created[0].contents == (path.read_bytes(),)


@pytest.mark.parametrize("kind", ["turned", "cmyk", "tiff", "heic", "16 bits"])
def test_anything_else_is_sent_as_an_upright_png(
    kind: str, cloud: Cloud, server: ReplicateServer, tmp_path: Path
) -> None:
    picture = Image.radial_gradient("L").resize((640, 400)).convert("RGB")
    size = (640, 400)
    match kind:
        case "turned":
            path, size = tmp_path / "a.jpg", (400, 640)
            exif = Image.Exif()
            exif[0x0112] = 6
            picture.save(path, exif=exif)
        case "cmyk":
            path = tmp_path / "a.jpg"
            picture.convert("CMYK").save(path)
        case "tiff":
            path = tmp_path / "a.tiff"
            picture.save(path)
        case "heic":
            import pillow_heif

            path = tmp_path / "a.heic"
            pillow_heif.from_pillow(picture).save(path)
        case _:
            path = tmp_path / "a.png"
            Image.radial_gradient("L").resize(size).convert("I;16").save(path)
    job = submit(cloud.store, cloud.settings, build_request("qwen-image-edit", "warmer", [path]))
    ended = cloud.run(job)
    assert ended.state is JobState.SUCCEEDED, ended.error
    [sent] = server.created[0].pictures
    assert sent.size == size
    assert server.created[0].contents[0].startswith(b"\x89PNG")
    assert (ended.outputs[0].width, ended.outputs[0].height) == size


def test_small_picture_travels_inside_and_a_large_one_is_uploaded_once(
    cloud: Cloud, server: ReplicateServer
) -> None:
    small = cloud.photo((64, 64), "small.jpg")
    job = submit(cloud.store, cloud.settings, build_request("qwen-image-edit", "warmer", [small]))
    assert cloud.run(job).state is JobState.SUCCEEDED
    assert server.requests_to(Kind.UPLOAD) == []
    assert server.created[0].input["image"].startswith("data:image/jpeg;base64,")
    large = cloud.home / "large.png"
    Image.effect_noise((800, 600), 90).convert("RGB").save(large)
    server.faults.on(Kind.UPLOAD, broken(500))
    job = submit(cloud.store, cloud.settings, build_request("qwen-image-edit", "warmer", [large]))
    assert cloud.run(job).state is JobState.SUCCEEDED
    assert [request.status for request in server.requests_to(Kind.UPLOAD)] == [500, 201]
    assert server.created[1].contents == (large.read_bytes(),)
    # Nothing of where it came from is told.
    assert b"large" not in server.requests_to(Kind.UPLOAD)[1].body[:300]


def test_input_that_the_model_no_longer_takes_is_not_sent(cloud: Cloud, server: ReplicateServer) -> None:
    del server.input_schema("tencent/hunyuan-image-3")["properties"]["go_fast"]
    assert cloud.run(cloud.job()).state is JobState.SUCCEEDED
    assert "go_fast" not in server.created[0].input
    assert cloud.run(cloud.job()).state is JobState.SUCCEEDED
    assert len(server.requests_to(Kind.MODEL)) == 1  # the second time it is known


def test_schema_that_cannot_be_had_is_done_without(cloud: Cloud, server: ReplicateServer) -> None:
    server.faults.always(Kind.MODEL, broken(500))
    assert cloud.run(cloud.job()).state is JobState.SUCCEEDED
    assert server.created[0].input["go_fast"] is True


def test_schema_on_disk_that_makes_no_sense_is_asked_for_again(cloud: Cloud, server: ReplicateServer) -> None:
    cloud.folder.schemas.mkdir(parents=True)
    (cloud.folder.schemas / "tencent--hunyuan-image-3.json").write_text("{")
    assert cloud.run(cloud.job()).state is JobState.SUCCEEDED
    assert len(server.requests_to(Kind.MODEL)) == 1


def test_account_of_a_token_is_told(server: ReplicateServer) -> None:
    assert check_token(server.token, server.url).username == server.account["username"]
    server.account["name"] = None
    assert check_token(server.token, server.url).name == ""


def test_token_that_is_refused_or_cannot_be_checked_is_told_apart(server: ReplicateServer) -> None:
    with pytest.raises(CredentialsRefused):
        check_token("r8_wrong", server.url)
    url = server.url
    with server.away(), pytest.raises(ProviderUnreachable):
        check_token(server.token, url)


def test_model_without_a_token_says_so(cloud: Cloud) -> None:
    cloud.token = ""
    engine = cloud.engine()
    engine._find_token = lambda: None
    problem = engine.readiness(CLOUD[0])
    assert problem is not None
    assert problem.code == "credentials_missing"
