from __future__ import annotations

import base64
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QColor, QImage

from qie_desktop.ui.controls.dropped import (
    OUTPUT_MIME,
    DroppedBytes,
    DroppedFile,
    DroppedPixels,
    DroppedRefusal,
    DroppedUrl,
    holds_pictures,
    may_hold_pictures,
    read_mime,
)
from tests.ui.controls.conftest import files


def with_html(html: str, *urls: str) -> QMimeData:
    mime = QMimeData()
    mime.setHtml(html)
    if urls:
        mime.setUrls([QUrl(url) for url in urls])
    return mime


def test_files_are_read_in_their_order() -> None:
    assert read_mime(files(Path("/b c.png"), Path("/a.jpg"))) == [
        DroppedFile(Path("/b c.png")),
        DroppedFile(Path("/a.jpg")),
    ]


def test_an_output_of_the_gallery_is_the_file_beside_its_own_format() -> None:
    mime = files(Path("/jobs/1/output_0.png"))
    mime.setData(OUTPUT_MIME, b"1/output_0.png")
    assert read_mime(mime) == [DroppedFile(Path("/jobs/1/output_0.png"))]


def test_image_data_is_read_as_pixels() -> None:
    image = QImage(3, 2, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    mime = QMimeData()
    mime.setImageData(image)
    (thing,) = read_mime(mime)
    assert isinstance(thing, DroppedPixels)
    assert thing.image.size().width() == 3


def test_an_encoded_picture_is_kept_as_it_is() -> None:
    mime = QMimeData()
    mime.setData("image/jpeg", b"\xff\xd8 the very bytes")
    assert read_mime(mime) == [DroppedBytes(b"\xff\xd8 the very bytes", ".jpg")]


def test_the_picture_of_a_link_wins_over_what_it_links_to() -> None:
    mime = with_html(
        '<a href="http://x.org/page"><img alt="" src="http://x.org/a.png?b=1&amp;c=2"></a>',
        "http://x.org/page",
    )
    assert read_mime(mime) == [DroppedUrl("http://x.org/a.png?b=1&c=2")]


def test_html_that_points_to_a_file_does_not_give_that_file() -> None:
    mime = with_html('<img src="file:///etc/hosts">')
    assert not any(isinstance(thing, DroppedFile) for thing in read_mime(mime))


def test_an_address_and_a_text_that_is_one_are_fetched() -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://x.org/a%20b.png")])
    assert read_mime(mime) == [DroppedUrl("https://x.org/a%20b.png")]
    text = QMimeData()
    text.setText(" https://x.org/a.png\n")
    assert read_mime(text) == [DroppedUrl("https://x.org/a.png")]


def test_a_data_address_is_the_picture_itself() -> None:
    mime = QMimeData()
    mime.setText("data:image/webp;base64," + base64.b64encode(b"RIFF").decode())
    assert read_mime(mime) == [DroppedBytes(b"RIFF", ".webp")]


@pytest.mark.parametrize("url", ["ftp://x.org/a.png", "javascript:alert(1)", "photos-redirect://7"])
def test_other_schemes_are_refused_by_name(url: str) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl(url)])
    (thing,) = read_mime(mime)
    assert isinstance(thing, DroppedRefusal)
    assert url.partition(":")[0] in thing.error.message


def test_plain_text_holds_nothing_but_may_be_dropped_to_hear_so() -> None:
    mime = QMimeData()
    mime.setText("a cat, on a mat")
    assert read_mime(mime) == []
    assert may_hold_pictures(mime)
    assert not holds_pictures(mime)


def test_a_copied_file_counts_as_a_picture_even_with_its_name_as_text() -> None:
    mime = files(Path("/a.png"))
    mime.setText("a.png")
    assert holds_pictures(mime)
