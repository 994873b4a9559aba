from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import SettingsError
from qie_desktop.storage.settings import Settings
from qie_desktop.storage.settings_schema import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_without_a_file_all_are_defaults(config: Path) -> None:
    settings = Settings.load(config)
    assert settings.as_dict() == {spec.key: spec.default for spec in SETTINGS}
    assert settings.get("cloud.max_jobs") == 4
    assert settings.problems == ()
    assert not config.exists()


def test_values_come_back_after_a_save(config: Path) -> None:
    settings = Settings.load(config)
    settings.set("cloud.max_jobs", "7")
    settings.set("general.confirm", "off")
    settings.set("cloud.prices.seedream-4", 0.05)
    settings.set("local.checkpoint", "~/weights")
    settings.save()
    again = Settings.load(config)
    assert again.get("cloud.max_jobs") == 7
    assert again.get("general.confirm") is False
    assert again.get("cloud.prices.seedream-4") == 0.05
    assert again.get("local.checkpoint") == "~/weights"
    assert again.problems == ()


def test_every_default_can_be_set_as_its_own_text(config: Path) -> None:
    settings = Settings.load(config)
    for spec in SETTINGS:
        if spec.default is not None:
            settings.set(spec.key, str(spec.default))
            assert settings.get(spec.key) == spec.default
    assert len({spec.key for spec in SETTINGS}) == len(SETTINGS)


def test_every_priced_model_has_a_price_setting() -> None:
    keys = {spec.key for spec in SETTINGS}
    priced = [spec for spec in CATALOGUE if spec.price]
    assert priced
    assert all(f"cloud.prices.{spec.id}" in keys for spec in priced)


def test_unset_goes_back_to_the_default(config: Path) -> None:
    config.write_text('[general]\ntheme = "dark"\n')
    settings = Settings.load(config)
    settings.unset("general.theme")
    settings.save()
    assert settings.get("general.theme") == "system"
    assert "theme" not in config.read_text()


def test_comments_and_unknown_keys_are_kept(config: Path) -> None:
    text = (
        '# mine\nfuture = [1]\n\n[general]\ntheme = "dark"  # at night\nunknown = true\n\n[later.on]\nx = 1\n'
    )
    config.write_text(text)
    settings = Settings.load(config)
    settings.set("general.theme", "light")
    settings.save()
    assert config.read_text() == text.replace('"dark"', '"light"')


def test_bad_values_are_listed_and_defaults_used(config: Path) -> None:
    config.write_text('[cloud]\nmax_jobs = "many"\n[general]\ntheme = "pink"\noutput_format = "jpg"\n')
    settings = Settings.load(config)
    assert settings.get("cloud.max_jobs") == 4
    assert settings.get("general.theme") == "system"
    assert settings.get("general.output_format") == "jpg"
    assert len(settings.problems) == 2
    assert any("cloud.max_jobs" in problem for problem in settings.problems)
    assert any("general.theme" in problem and "pink" in problem for problem in settings.problems)


def test_value_where_a_table_should_be_is_no_crash(config: Path) -> None:
    config.write_text("cloud = 3\nlocal = []\n")
    settings = Settings.load(config)
    settings.set("cloud.max_jobs", 2)
    settings.save()
    assert Settings.load(config).get("cloud.max_jobs") == 2


@pytest.mark.parametrize("damage", [b"[general\ntheme=", b"\xff\xfe\x00", b"a = 1\na = 2\n"])
def test_damaged_file_is_kept_aside_on_the_next_save(config: Path, damage: bytes) -> None:
    config.write_bytes(damage)
    settings = Settings.load(config)
    assert len(settings.problems) == 1
    assert "config.toml" in settings.problems[0]
    assert config.read_bytes() == damage
    settings.set("general.theme", "dark")
    settings.save()
    assert Settings.load(config).get("general.theme") == "dark"
    (aside,) = config.parent.glob("config.toml.damaged-*")
    assert aside.read_bytes() == damage


def test_save_keeps_what_another_process_has_changed(config: Path) -> None:
    window, command_line = Settings.load(config), Settings.load(config)
    command_line.set("cloud.max_jobs", 2)
    command_line.save()
    window.set("general.last_model", "starter")
    window.save()
    again = Settings.load(config)
    assert (again.get("cloud.max_jobs"), again.get("general.last_model")) == (2, "starter")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cloud.max_jobs", 0),
        ("cloud.max_jobs", 2.5),
        ("cloud.max_jobs", True),
        ("cloud.max_jobs", "inf"),
        ("cloud.monthly_cap_usd", -1),
        ("cloud.monthly_cap_usd", "nan"),
        ("general.confirm", "perhaps"),
        ("local.checkpoint", ""),
        ("local.checkpoint", 3),
        ("local.quantisation", "Q9"),
    ],
)
def test_bad_value_names_its_key_and_changes_nothing(config: Path, key: str, value: object) -> None:
    settings = Settings.load(config)
    with pytest.raises(SettingsError) as caught:
        settings.set(key, value)
    assert key in caught.value.message
    assert caught.value.hint
    settings.save()
    assert not config.exists()


def test_unknown_key_asks_did_you_mean(config: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(config).set("general.themes", "dark")
    assert caught.value.hint == 'Did you mean "general.theme"?'


@pytest.mark.parametrize(
    ("key", "value"),
    [("cloud.token", "abc"), ("REPLICATE_API_TOKEN", "r8_abc"), ("local.checkpoint", "r8_secretsecret")],
)
def test_secrets_are_refused_and_not_repeated(config: Path, key: str, value: str) -> None:
    settings = Settings.load(config)
    with pytest.raises(SettingsError) as caught:
        settings.set(key, value)
    assert value not in caught.value.message + caught.value.hint
    assert "Keychain" in caught.value.hint
    assert settings.as_dict() == {spec.key: spec.default for spec in SETTINGS}


def test_token_written_by_hand_is_a_problem_that_does_not_repeat_it(config: Path) -> None:
    config.write_text('[cloud]\nkey = "r8_0123456789abcdef"\n')
    (problem,) = Settings.load(config).problems
    assert "Keychain" in problem
    assert "0123456789" not in problem
