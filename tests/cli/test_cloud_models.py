"""The five cloud models end to end: from words to pictures of the right size, over a server's wire."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from tests.cli.conftest import save_picture
from tests.support.replicate.lives import Life, failing
from tests.support.replicate.wire import Kind

EDITS = ("qwen-image-edit", "qwen-image-edit-plus")
ODD = (803, 535)


@pytest.fixture(autouse=True, scope="module")
def _heif_can_be_written():
    register_heif_opener()


@pytest.fixture
def odd(tmp_path):
    return save_picture(tmp_path / "odd.png", ODD)


def size_of(path):
    with Image.open(path) as picture:
        picture.load()
        return picture.size


@pytest.mark.parametrize("model", EDITS)
@pytest.mark.parametrize("size", [ODD, (384, 1023)])
def test_an_edit_has_exactly_the_size_of_its_input(qie, home, server, ledger, tmp_path, model, size):
    photo, out = save_picture(tmp_path / "photo.png", size), tmp_path / "out.png"

    done = qie("edit", photo, "warmer", "--model", model, "-o", out, "--json")

    assert done.exit_code == 0
    assert list(done.json) == [
        "job_id", "state", "model", "outputs", "width", "height", "seed", "seconds", "cost_usd", "error",
    ]  # fmt: skip
    assert (done.json["state"], done.json["model"], done.json["error"]) == ("succeeded", model, None)
    assert (done.json["width"], done.json["height"]) == size_of(out) == size
    [prediction] = server.created
    assert prediction.size_px != size
    assert prediction.input.get("aspect_ratio", "match_input_image") == "match_input_image"
    assert (prediction.input["prompt"], prediction.input["seed"]) == ("warmer", done.json["seed"])
    provider = home / "jobs" / done.json["job_id"] / "provider_0.webp"
    assert provider.read_bytes() == prediction.encoded(0)
    assert done.json["cost_usd"] == 0.03
    assert ledger() == [(done.json["job_id"], 0.03)]


def test_the_first_of_several_pictures_sets_the_size(qie, server, odd, tmp_path):
    other = save_picture(tmp_path / "other.jpg", (400, 900))

    done = qie("edit", odd, other, "both", "--model", "qwen-image-edit-plus", "--json")

    assert (done.json["width"], done.json["height"]) == ODD
    [prediction] = server.created
    assert prediction.contents == (odd.read_bytes(), other.read_bytes())


@pytest.mark.parametrize(
    ("model", "options", "sent", "usd"),
    [
        ("hunyuan-image-3", ["--aspect-ratio", "21:9"], {"aspect_ratio": "21:9", "go_fast": True}, 0.08),
        ("qwen-image", ["--steps", "12"], {"aspect_ratio": "16:9", "num_inference_steps": 12}, 0.025),
        ("qwen-image", ["--aspect-ratio", "2:3", "--seed", 9], {"aspect_ratio": "2:3", "seed": 9}, 0.025),
        ("seedream-4", ["--aspect-ratio", "3:2", "--set", "size=1K"], {"size": "1K"}, 0.03),
        (
            "seedream-4",
            ["--set", "size=custom", "--set", "width=1100", "--set", "height=1024"],
            {"width": 1100},
            0.03,
        ),
    ],
)
def test_a_picture_is_made_from_words(qie, server, ledger, tmp_path, model, options, sent, usd):
    out = tmp_path / "out.jpg"

    done = qie("generate", "a lighthouse", "--model", model, "-o", out, "--json", *options)

    assert done.exit_code == 0
    [prediction] = server.created
    assert sent.items() <= prediction.input.items()
    assert (done.json["width"], done.json["height"]) == size_of(out) == prediction.size_px
    assert done.json["seed"] == prediction.input.get("seed")
    assert ledger() == [(done.json["job_id"], usd)]


def test_a_model_without_a_seed_speaks_of_none(qie, server):
    done = qie("generate", "a lighthouse", "--model", "seedream-4", "--aspect-ratio", "1:1")

    assert done.exit_code == 0
    assert "seed" not in done.stdout.splitlines()[-1]
    assert "≈ $0.03" in done.stdout
    assert "seed" in qie("generate", "a lighthouse", "--model", "qwen-image").stdout.splitlines()[-1]


def test_a_hybrid_edits_too_in_the_shape_of_its_input(qie, server, odd):
    done = qie("edit", odd, "warmer", "--model", "seedream-4", "--json")

    assert done.exit_code == 0
    [prediction] = server.created
    assert prediction.contents == (odd.read_bytes(),)
    assert prediction.input["aspect_ratio"] == "match_input_image"
    assert (done.json["width"], done.json["height"]) == prediction.size_px


def test_a_count_is_enough_for_several_pictures(qie, server, ledger, tmp_path):
    out = tmp_path / "fox.png"

    done = qie("generate", "a fox", "--model", "seedream-4", "--count", 3, "-o", out, "--json")

    assert done.exit_code == 0
    assert done.json["outputs"] == [str(tmp_path / f"fox-{number}.png") for number in (1, 2, 3)]
    [prediction] = server.created
    assert prediction.input["sequential_image_generation"] == "auto"
    assert prediction.input["max_images"] == 3
    assert len({(tmp_path / f"fox-{number}.png").read_bytes() for number in (1, 2, 3)}) == 3
    assert ledger() == [(done.json["job_id"], 0.09)]


def test_a_series_of_fewer_pictures_costs_as_many(qie, server, ledger):
    server.next(Life(outputs=2))

    done = qie("generate", "a fox", "--model", "seedream-4", "--count", 3)

    assert "2 pictures of" in done.stdout
    assert [usd for _, usd in ledger()] == [0.06]


def test_several_pictures_go_into_a_folder(qie, server, tmp_path):
    folder = tmp_path / "foxes"
    folder.mkdir()

    done = qie("generate", "a fox", "--model", "seedream-4", "--count", 2, "-o", folder, "--json")

    job = done.json["job_id"]
    assert sorted(path.name for path in folder.iterdir()) == [f"{job}_1.png", f"{job}_2.png"]


def test_a_count_of_one_asks_for_no_series(qie, server):
    assert qie("generate", "a fox", "--model", "seedream-4", "--count", 1).exit_code == 0
    assert server.created[0].input["sequential_image_generation"] == "disabled"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["seedream-4", "--count", "16"], "count must be between 1 and 15"),
        (["seedream-4", "--count", "many"], "whole number"),
        (["seedream-4", "--count", "2", "--set", "sequential_image_generation=disabled"], "auto"),
        (["hunyuan-image-3", "--count", "2"], "no parameter count"),
        (["hunyuan-image-3", "--aspect-ratio", "2:1"], "2:3"),
        (["seedream-4", "--seed", "3"], "no parameter seed"),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_anything_is_sent(qie, server, words, named):
    refused = qie("generate", "a fox", "--model", *words)

    assert refused.exit_code == 2
    assert named in refused.stderr
    assert not server.requests


def test_numbered_pictures_overwrite_no_input(qie, server, tmp_path):
    photo = save_picture(tmp_path / "fox-2.png", (400, 400))
    words = ("edit", photo, "warmer", "--model", "seedream-4", "--count", 3, "-o", tmp_path / "fox.png")

    refused = qie(*words)

    assert refused.exit_code == 2
    assert "fox-2.png is an input" in refused.stderr
    assert not server.requests


@pytest.mark.parametrize("model", EDITS)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("size", [(420, 390), (1700, 1100)], ids=["inline", "uploaded"])
def test_what_the_provider_reads_is_sent_byte_for_byte(qie, home, server, tmp_path, model, name, size):
    photo = tmp_path / name
    Image.effect_noise(size, 90).convert("RGB").save(photo, quality=90)

    done = qie("edit", photo, "warmer", "--model", model, "--json")

    assert done.exit_code == 0
    [prediction] = server.created
    assert prediction.contents == (photo.read_bytes(),)
    assert len(server.requests_to(Kind.UPLOAD)) == (len(photo.read_bytes()) > 256_000)
    assert (home / "jobs" / done.json["job_id"] / f"input_1{photo.suffix}").read_bytes() == photo.read_bytes()


def turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    return save_picture(path, (500, 400), exif=exif.tobytes())


@pytest.mark.parametrize(
    ("name", "make", "upright"),
    [
        ("a.heic", lambda path: save_picture(path, (500, 400)), (500, 400)),
        ("a.tiff", lambda path: save_picture(path, (500, 400)), (500, 400)),
        ("turned.jpg", turned, (400, 500)),
        ("cmyk.jpg", lambda path: save_picture(path, (500, 400), "CMYK"), (500, 400)),
    ],
)
def test_anything_else_is_sent_as_an_upright_png(qie, home, server, tmp_path, name, make, upright):
    photo = make(tmp_path / name)

    done = qie("edit", photo, "warmer", "--model", "qwen-image-edit-plus", "--json")

    assert done.exit_code == 0
    assert (done.json["width"], done.json["height"]) == upright
    [prediction] = server.created
    [sent] = prediction.contents
    with Image.open(io.BytesIO(sent)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", upright)
        assert 0x0112 not in picture.getexif()
    stored = next((home / "jobs" / done.json["job_id"]).glob("input_1.*"))
    assert stored.read_bytes() == photo.read_bytes()


def test_the_cost_is_told_before_and_after_and_the_prediction_is_shown(qie, server, odd):
    done = qie("edit", odd, "warmer", "--model", "qwen-image-edit")
    [job] = qie("jobs", "list", "--json").json
    [prediction] = server.created

    assert "about $0.03" in done.stderr
    shown = qie("jobs", "show", job["job_id"])
    assert "≈ $0.03" in shown.stdout
    assert prediction.id in shown.stdout
    assert qie("jobs", "show", job["job_id"], "--json").json["prediction"] == prediction.id
    assert not qie("edit", odd, "warmer", "--model", "qwen-image-edit", "--quiet").stderr


def test_an_own_price_is_what_it_costs(qie, server, ledger):
    qie("config", "set", "cloud.prices.qwen-image", "0.5")

    assert "about $0.50." in qie("generate", "a fox", "--model", "qwen-image").stderr
    assert [usd for _, usd in ledger()] == [0.5]


def test_what_failed_is_told_and_costs_nothing_in_the_ledger(qie, server, ledger):
    server.next(failing("E005"))

    failed = qie("generate", "a fox", "--model", "hunyuan-image-3", "--json")

    assert failed.exit_code == 1
    assert failed.json["error"]["code"] == "content_refused"
    assert ledger() == []
