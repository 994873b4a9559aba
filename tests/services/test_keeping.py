"""Which jobs are kept no longer, by what the settings say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from qie_desktop.core.job import Job, JobState, now
from qie_desktop.services.cleanup import disk_usage
from qie_desktop.services.keeping import KeepRule, no_longer_kept, note_saved, plan_by_rule, rule_of
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings

Make = Callable[..., Job]

OLD, YOUNG = timedelta(days=31), timedelta(days=29)


def ended(
    store: JobStore,
    job: Job,
    ago: timedelta = OLD,
    state: JobState = JobState.SUCCEEDED,
    pictures: int = 1,
    remote: dict[str, str] | None = None,
) -> str:
    for index in range(pictures):
        store.write_output(job, NewOutput(index, Image.new("RGB", (64, 64))))
    at = now() - ago
    store.update(
        job.job_id,
        lambda job: replace(
            job.moved_to(JobState.RUNNING, at).moved_to(state, at), created_at=at, remote=remote or {}
        ),
    )
    store.claims.drop(store.folder(job.job_id))
    return job.job_id


def let_go(store: JobStore, keep: str) -> set[str]:
    return {job.job_id for job in no_longer_kept(store, KeepRule(keep, now()))}


def test_everything_is_kept_until_the_person_says_otherwise(settings: Settings) -> None:
    assert rule_of(settings) is None
    settings.set("general.keep_jobs", "30-days")
    rule = rule_of(settings)
    assert rule is not None
    assert rule.keep == "30-days"
    settings.set("general.keep_jobs", "forever")
    assert rule_of(settings) is None


def test_thirty_days_let_go_of_what_has_ended_before(store: JobStore, make: Make) -> None:
    old = {ended(store, make(), state=state) for state in (JobState.SUCCEEDED, JobState.FAILED)}
    old.add(ended(store, make(), state=JobState.CANCELLED, pictures=0))
    ended(store, make(), YOUNG)
    assert let_go(store, "30-days") == old


@pytest.mark.parametrize("keep", ["30-days", "until-saved"])
def test_starred_unfinished_resumable_and_legacy_jobs_always_stay(
    store: JobStore, make: Make, keep: str
) -> None:
    starred = ended(store, make(), pictures=2)
    store.star(starred, starred=True, index=1)
    resumable = ended(store, make("qwen-image-edit"), state=JobState.INTERRUPTED, remote={"prediction": "p1"})
    for job_id in (starred, resumable):
        note_saved(store, job_id, 0)
        note_saved(store, job_id, 1)
    queued = make()
    store.update(queued.job_id, lambda job: replace(job, created_at=now() - OLD))
    running = make()
    store.update(running.job_id, lambda job: job.moved_to(JobState.RUNNING, now() - OLD))
    legacy = store.data_folder.jobs / "old-1"
    legacy.mkdir()
    Image.new("RGB", (8, 8)).save(legacy / "output_0.png")
    text = '{"output_images": ["output_0.png"], "created_at": "2020-01-01T00:00:00"}'
    (legacy / "metadata.json").write_text(text)
    assert let_go(store, keep) == set()
    note_saved(store, "old-1", 0)
    assert (legacy / "metadata.json").read_text() == text


def test_until_saved_lets_go_once_every_picture_has_been_saved(store: JobStore, make: Make) -> None:
    one, two, none = (ended(store, make(), YOUNG, pictures=count) for count in (1, 2, 0))
    assert let_go(store, "until-saved") == set()
    note_saved(store, one, 0)
    note_saved(store, two, 1)
    assert let_go(store, "until-saved") == {one}
    note_saved(store, two, 0)
    assert let_go(store, "until-saved") == {one, two}
    assert none not in let_go(store, "until-saved")


def test_what_was_saved_stands_in_the_metadata(store: JobStore, make: Make) -> None:
    job_id = ended(store, make(), pictures=2)
    note_saved(store, job_id, 1)
    outputs = json.loads((store.folder(job_id) / "metadata.json").read_text())["outputs"]
    assert [output["saved"] for output in outputs] == [False, True]
    assert [output.saved for output in store.load(job_id).outputs] == [False, True]


def test_noting_for_a_job_that_is_gone_does_nothing(store: JobStore) -> None:
    note_saved(store, "20200101-000000-abcd", 0)


def test_a_plan_spares_what_another_process_holds(store: JobStore, make: Make) -> None:
    free, held = ended(store, make()), ended(store, make(), state=JobState.INTERRUPTED)
    assert store.claims.take(store.folder(held))
    plan = plan_by_rule(disk_usage(store), KeepRule("30-days", now()))
    assert [usage.job.job_id for usage in plan.goes] == [free]
    assert [usage.job.job_id for usage in plan.stays] == [held]
