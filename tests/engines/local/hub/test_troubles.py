"""Everything that goes wrong at the hub: success after another try, or a named error."""

from __future__ import annotations

from pathlib import Path

import pytest

from qie_desktop.core.download import TaskPhase
from qie_desktop.core.local_weights import LOCAL_WEIGHTS
from tests.engines.local.hub.conftest import (
    GGUF,
    GGUFS,
    Run,
    assert_whole,
    installed,
    sent_bytes,
)
from tests.support.hub_server import Fault, HubServer, Trouble


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Trouble.CUT, GGUF, times=3, after_bytes=70_000),
        Fault(Trouble.CUT, "*", times=6, after_bytes=5_000),
        Fault(Trouble.WRONG_BYTES, GGUF, after_bytes=123_456),
        Fault(Trouble.WRONG_BYTES, "tokenizer/merges.txt", after_bytes=3),
        Fault(Trouble.STATUS, GGUF, times=2, status=503),
        Fault(Trouble.STATUS, "api", times=1, status=502),
        Fault(Trouble.STATUS, "vae/*", status=429, headers={"Retry-After": "1"}),
        Fault(Trouble.STATUS, GGUF, status=429, headers={"RateLimit": '"resolvers";r=0;t=1'}),
    ],
    ids=["cut", "cut-often", "wrong-byte", "wrong-small", "503", "502-listing", "429", "429-ratelimit"],
)
def test_a_passing_trouble_ends_in_success(
    download: Run, hub: HubServer, hub_cache: Path, fault: Fault
) -> None:
    hub.faults.append(fault)
    state = download()
    assert state.phase is TaskPhase.DONE, state.error
    assert fault.times == 0
    assert_whole(hub, hub_cache)
    assert state.bytes_done == state.bytes_total


def test_a_cut_connection_goes_on_where_it_broke_off(download: Run, hub: HubServer) -> None:
    hub.faults.append(Fault(Trouble.CUT, GGUF, times=3, after_bytes=70_000))
    download()
    assert sent_bytes(hub, [GGUF]) == 300_000
    starts = [served.start for served in hub.served if served.name == GGUF]
    assert starts == sorted(set(starts))


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(
    download: Run, hub: HubServer, hub_cache: Path
) -> None:
    hub.faults.extend([Fault(Trouble.CUT, GGUF, after_bytes=70_000), Fault(Trouble.IGNORES_RANGE, GGUF)])
    assert download().phase is TaskPhase.DONE
    assert_whole(hub, hub_cache)


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ([Fault(Trouble.WRONG_BYTES, GGUF, times=2, after_bytes=9)], "file_damaged"),
        ([Fault(Trouble.OTHER_SIZE, GGUF)], "file_damaged"),
        ([Fault(Trouble.STATUS, GGUF, status=404)], "hub_file_missing"),
        ([Fault(Trouble.STATUS, GGUF, status=403)], "hub_gated"),
        ([Fault(Trouble.STATUS, "api", status=401)], "hub_gated"),
        ([Fault(Trouble.LOGIN_PAGE, "api")], "captive_portal"),
        ([Fault(Trouble.LOGIN_PAGE, GGUF)], "captive_portal"),
        ([Fault(Trouble.STATUS, "api", status=511)], "captive_portal"),
        ([Fault(Trouble.STATUS, "api", times=9, status=500)], "hub_unavailable"),
    ],
    ids=[
        "wrong-twice", "other-size", "missing", "forbidden", "unauthorised", "portal-listing", "portal-file",
        "511", "500",
    ],
)  # fmt: skip
def test_a_lasting_trouble_ends_in_a_named_error_and_nothing_taken_for_installed(
    download: Run, hub: HubServer, hub_cache: Path, faults: list[Fault], code: str
) -> None:
    hub.faults.extend(faults)
    state = download()
    assert state.phase is TaskPhase.FAILED
    assert state.error is not None
    assert state.error.code == code
    assert state.error.message
    assert state.error.hint
    assert "Q5_K_S" not in installed(hub_cache)
    hub.faults.clear()
    assert download().phase is TaskPhase.DONE
    assert_whole(hub, hub_cache)


def test_a_gated_repository_is_named_and_opens_with_a_token(
    download: Run, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories[GGUFS].gated = True
    state = download()
    assert state.error is not None
    assert state.error.code == "hub_gated"
    assert GGUFS in state.error.message
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert download().phase is TaskPhase.DONE


def test_a_file_that_the_hub_does_not_have_is_named_before_anything_is_fetched(
    download: Run, hub: HubServer
) -> None:
    repository = hub.repositories[GGUFS]
    del repository.commits[repository.main][GGUF]
    state = download()
    assert state.error is not None
    assert state.error.code == "hub_file_missing"
    assert GGUF in state.error.message
    assert hub.served == []


def test_a_repository_that_is_gone_is_named(download: Run, hub: HubServer) -> None:
    del hub.repositories[LOCAL_WEIGHTS.lora_repo]
    state = download()
    assert state.error is not None
    assert state.error.code in {"hub_file_missing", "hub_gated"}
    assert LOCAL_WEIGHTS.lora_repo in state.error.message


def test_no_hub_at_that_address_is_named(download: Run, hub: HubServer) -> None:
    hub.faults.append(Fault(Trouble.STATUS, "api", status=200))
    state = download()
    assert state.error is not None
    assert "HF_ENDPOINT" in state.error.hint
