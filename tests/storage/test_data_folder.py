from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.resources import resources_folder

if TYPE_CHECKING:
    import pytest


def test_folder_is_in_the_home_folder_by_default(tmp_path: Path) -> None:
    folder = DataFolder.locate({"HOME": str(tmp_path)})
    assert folder.home == tmp_path / "qwen-image-editor"
    assert folder.jobs == folder.home / "jobs"
    assert folder.huggingface_cache == folder.home / "huggingface_cache"
    assert not folder.home.exists()


def test_qie_home_wins_and_its_tilde_is_expanded(tmp_path: Path) -> None:
    assert DataFolder.locate({"HOME": str(tmp_path), "QIE_HOME": "~/here"}).home == tmp_path / "here"


def test_dot_env_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        'export REPLICATE_API_TOKEN="r8_fromfile"\nJOBS_DIR=~/elsewhere\nHF_HOME=/cache\nOTHER=1\n'
    )
    before = dict(os.environ)
    folder = DataFolder.at(tmp_path, {"HOME": "/home/me", "HF_HOME": "/mine"})
    assert folder.jobs == Path("/home/me/elsewhere")
    assert folder.huggingface_cache == Path("/mine")
    assert folder.dot_env["REPLICATE_API_TOKEN"] == "r8_fromfile"
    assert "OTHER" not in folder.dot_env
    assert "r8_" not in repr(folder)
    assert dict(os.environ) == before


def test_relative_jobs_folder_lies_in_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("JOBS_DIR=./old-jobs\n")
    assert DataFolder.at(tmp_path, {}).jobs == tmp_path / "old-jobs"


def test_unreadable_dot_env_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00JOBS_DIR=/x\n")
    assert DataFolder.at(tmp_path, {}).jobs == tmp_path / "jobs"


def test_resources_lie_beside_the_package_or_in_the_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    assert resources_folder() == root / "resources"
    monkeypatch.setattr(sys, "_MEIPASS", "/bundle", raising=False)
    assert resources_folder() == Path("/bundle/resources")
