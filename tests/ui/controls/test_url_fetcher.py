from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.errors import InputImageError
from qie_desktop.ui.controls.fetch_limits import FetchLimits
from qie_desktop.ui.controls.url_fetcher import fetch_picture
from tests.ui.conftest import make_photo
from tests.ui.controls.web import Web

QUICK = FetchLimits(max_bytes=100_000, seconds=0.4)


@pytest.fixture
def web(photo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "*")
    web = Web(photo.read_bytes())
    yield web
    web.stop()


def refusal(url: str, folder: Path, limits: FetchLimits = QUICK) -> str:
    with pytest.raises(InputImageError) as caught:
        fetch_picture(url, folder, CancelToken(), limits)
    assert caught.value.hint
    assert not folder.exists() or not list(folder.rglob("*.*"))
    return caught.value.message


def test_the_limits_are_50_mb_and_20_s() -> None:
    assert FetchLimits() == FetchLimits(max_bytes=50_000_000, seconds=20.0)


def test_a_picture_is_fetched_byte_by_byte_under_its_own_name(web: Web, tmp_path: Path, photo: Path) -> None:
    path = fetch_picture(web.url("ok/My%20cat.png?size=2"), tmp_path / "in", CancelToken())
    assert path.name == "My cat.png"
    assert path.read_bytes() == photo.read_bytes()


def test_a_name_cannot_lead_out_of_the_folder(web: Web, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    path = fetch_picture(web.url("ok/..%2F..%2F..%2Fevil"), folder, CancelToken())
    assert path.resolve().is_relative_to(folder.resolve())
    assert path.suffix == ".png"


def test_redirects_are_followed_on_the_web(web: Web, tmp_path: Path, photo: Path) -> None:
    path = fetch_picture(web.url("to//ok/a.png"), tmp_path / "in", CancelToken())
    assert path.read_bytes() == photo.read_bytes()
    assert web.asked == ["to//ok/a.png", "ok/a.png"]


@pytest.mark.parametrize("target", ["file:///etc/hosts", "ftp://127.0.0.1/a.png", "x-private:7", "data:,x"])
def test_redirects_elsewhere_are_refused(web: Web, tmp_path: Path, target: str) -> None:
    message = refusal(web.url(f"to/{target}"), tmp_path / "in")
    assert f"“{target.partition(':')[0]}:”" in message


def test_an_address_that_is_not_of_the_web_is_refused_at_once(tmp_path: Path) -> None:
    assert "“file:”" in refusal((make_photo(tmp_path / "a.png", (9, 9))).as_uri(), tmp_path / "in")


def test_a_picture_that_says_that_it_is_too_large_is_not_begun(web: Web, tmp_path: Path) -> None:
    assert "larger than 0.1 MB" in refusal(web.url("announced/100001"), tmp_path / "in")


def test_a_picture_that_turns_out_too_large_is_broken_off(web: Web, tmp_path: Path) -> None:
    limits = FetchLimits(max_bytes=100_000, seconds=10)
    assert "larger than 0.1 MB" in refusal(web.url("endless"), tmp_path / "in", limits)


@pytest.mark.parametrize("path", ["hang", "drip"])
def test_the_whole_of_a_fetch_is_limited_in_time(web: Web, tmp_path: Path, path: str) -> None:
    began = time.monotonic()
    assert "took longer than 0.4 s" in refusal(web.url(path), tmp_path / "in")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("path", "said"), [("page", "web page"), ("none", "404"), ("circle", "in circles")])
def test_what_is_no_picture_is_refused_in_words(web: Web, tmp_path: Path, path: str, said: str) -> None:
    assert said in refusal(web.url(path), tmp_path / "in", FetchLimits(seconds=10))


def test_a_host_that_is_not_there_is_refused_in_words(web: Web, tmp_path: Path) -> None:
    url = web.url("ok/a.png")
    web.server_close()
    assert "could not be reached" in refusal(url, tmp_path / "in", FetchLimits(seconds=10))


def test_a_fetch_can_be_cancelled(web: Web, tmp_path: Path) -> None:
    cancel = CancelToken()
    timer = Timer(0.1, cancel.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(JobCancelled):
        fetch_picture(web.url("hang"), tmp_path / "in", cancel)
    assert time.monotonic() - began < 5
    timer.join()
