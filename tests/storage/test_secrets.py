from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked, PasswordDeleteError

from qie_desktop.core.errors import StorageError
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.secrets import ReplicateToken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class MemoryKeyring(KeyringBackend):
    priority = 0.1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


class LockedKeyring(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked(f"{service} {username} is locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked(f"cannot store {password} for {service} {username}")


@pytest.fixture(autouse=True)
def backend() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    memory = MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


@pytest.fixture
def token(tmp_path: Path) -> ReplicateToken:
    return ReplicateToken(DataFolder.at(tmp_path, {}), {})


def test_nothing_known_is_none(token: ReplicateToken) -> None:
    assert token.find() is None
    assert token.source() is None


def test_token_is_stored_in_the_keychain_under_one_service(
    token: ReplicateToken, backend: MemoryKeyring
) -> None:
    token.store("  r8_abcdef\n")
    assert token.find() == "r8_abcdef"
    assert token.source() == "keychain"
    assert [service for service, _ in backend.kept] == ["qwen-image-editor"]
    token.remove()
    token.remove()
    assert token.find() is None


def test_dot_env_wins_over_the_keychain_and_the_environment_over_both(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REPLICATE_API_TOKEN=r8_file\n")
    folder = DataFolder.at(tmp_path, {})
    ReplicateToken(folder, {}).store("r8_keychain")
    assert (ReplicateToken(folder, {}).find(), ReplicateToken(folder, {}).source()) == ("r8_file", ".env")
    token = ReplicateToken(folder, {"REPLICATE_API_TOKEN": "r8_process"})
    assert (token.find(), token.source()) == ("r8_process", "environment")
    assert "r8_" not in f"{token!r} {token}"


@pytest.mark.parametrize("bad", ["", "  ", "two words"])
def test_what_is_no_token_is_refused(token: ReplicateToken, backend: MemoryKeyring, bad: str) -> None:
    with pytest.raises(StorageError):
        token.store(bad)
    assert not backend.kept


def test_locked_keychain_finds_nothing_and_says_what_to_do_on_store(token: ReplicateToken) -> None:
    keyring.set_keyring(LockedKeyring())
    assert token.find() is None
    with pytest.raises(StorageError) as caught:
        token.store("r8_secret")
    assert "r8_secret" not in f"{caught.value}{caught.value.hint}"
    assert "REPLICATE_API_TOKEN" in caught.value.hint
    with pytest.raises(StorageError):
        token.remove()


def test_machine_without_a_keychain_can_still_be_asked(token: ReplicateToken) -> None:
    keyring.set_keyring(NoKeyring())
    assert token.find() is None
    token.remove()
    with pytest.raises(StorageError, match="Keychain"):
        token.store("r8_secret")


def test_keyring_is_not_imported_before_it_is_used() -> None:
    code = "import sys, qie_desktop.storage.secrets; print('keyring' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
