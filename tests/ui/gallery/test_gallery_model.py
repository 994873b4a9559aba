from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from PySide6.QtCore import QModelIndex
from pytestqt.qtbot import QtBot

from qie_desktop.core.events import Cancelled, Phase, PhaseName, Preview, Queued, Step, Succeeded
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.gallery.cell_roles import Role
from qie_desktop.ui.gallery.cells import NO_OUTPUT, GalleryFilter
from qie_desktop.ui.gallery.gallery_model import GalleryModel
from qie_desktop.ui.gallery.job_facts import facts_of
from qie_desktop.ui.session import Session
from tests.ui.conftest import RecordingJobs
from tests.ui.gallery.many_jobs import generate_jobs

Make = Callable[..., Job]


def keys(model: GalleryModel) -> list[tuple[str, int]]:
    return [model.cell(row).key for row in range(model.rowCount())]


def tell(model: GalleryModel, row: int, role: Role) -> object:
    return model.index(row).data(role)


def older(store: JobStore, job: Job, days: int) -> Job:
    return store.update(
        job.job_id, lambda current: replace(current, created_at=current.created_at - timedelta(days=days))
    )


class Changes:
    """What a model says of its rows."""

    def __init__(self, model: GalleryModel) -> None:
        self.seen: list[str] = []
        model.dataChanged.connect(self._on_changed)
        model.rowsInserted.connect(self._on_inserted)
        model.rowsRemoved.connect(self._on_removed)
        model.rowsMoved.connect(self._on_moved)
        model.modelReset.connect(self._on_reset)

    def _on_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        self.seen.append(f"changed {first.row()}-{last.row()}")

    def _on_inserted(self, _parent: QModelIndex, first: int, last: int) -> None:
        self.seen.append(f"inserted {first}-{last}")

    def _on_removed(self, _parent: QModelIndex, first: int, last: int) -> None:
        self.seen.append(f"removed {first}-{last}")

    def _on_moved(self) -> None:
        self.seen.append("moved")

    def _on_reset(self) -> None:
        self.seen.append("reset")


def test_there_is_a_row_for_each_picture_newest_job_first(
    model: GalleryModel, made: Make, store: JobStore
) -> None:
    old = older(store, made(prompt="old", pictures=2), 2)
    new = made(prompt="new")
    model.reload()
    assert keys(model) == [(new.job_id, 0), (old.job_id, 0), (old.job_id, 1)]
    assert tell(model, 0, Role.PROMPT) == "new"
    assert tell(model, 2, Role.INDEX) == 1
    assert tell(model, 0, Role.MODEL_NAME) == "Starter"
    assert tell(model, 0, Role.STATE) == JobState.SUCCEEDED


def test_a_job_runs_and_ends_in_the_place_of_its_own_cell(
    model: GalleryModel, make: Make, finish: Make, made: Make, jobs: RecordingJobs
) -> None:
    made()
    model.reload()
    job = make()
    jobs.begin(job)
    changes = Changes(model)
    jobs.tell(Queued(job.job_id))
    assert tell(model, 0, Role.STATE) == JobState.QUEUED
    jobs.tell(Phase(job.job_id, PhaseName.LOADING))
    assert tell(model, 0, Role.STATE) == JobState.RUNNING
    assert tell(model, 0, Role.FRACTION) is None
    jobs.tell(Step(job.job_id, 2, 8, None, Preview(2, 1, bytes([255, 0, 0, 0, 0, 255]))))
    assert tell(model, 0, Role.FRACTION) == 0.25
    progress = model.progress(job.job_id)
    assert progress is not None and progress.preview is not None
    assert progress.preview.pixelColor(1, 0).blue() == 255
    jobs.end(finish(job), Succeeded(job.job_id))
    assert keys(model)[0] == (job.job_id, 0)
    assert tell(model, 0, Role.STATE) == JobState.SUCCEEDED
    assert tell(model, 0, Role.FRACTION) is None
    assert set(changes.seen) == {"changed 0-0"}


def test_the_further_pictures_of_a_job_come_below_its_first(
    model: GalleryModel, make: Make, finish: Make, jobs: RecordingJobs
) -> None:
    job = make()
    jobs.begin(job)
    changes = Changes(model)
    jobs.end(finish(job, pictures=3))
    assert keys(model) == [(job.job_id, 0), (job.job_id, 1), (job.job_id, 2)]
    assert changes.seen == ["changed 0-0", "inserted 1-2"]


def test_a_job_that_ends_before_an_older_one_goes_below_it(
    model: GalleryModel, make: Make, finish: Make, jobs: RecordingJobs
) -> None:
    first, second = make(prompt="first"), make(prompt="second")
    jobs.begin(first)
    jobs.begin(second)
    assert [model.cell(row).job.prompt for row in range(2)] == ["second", "first"]
    jobs.end(finish(second))
    assert [model.cell(row).job.prompt for row in range(2)] == ["first", "second"]
    jobs.end(finish(first))
    assert keys(model) == [(second.job_id, 0), (first.job_id, 0)]


def test_a_failed_job_says_why_in_its_own_cell(
    model: GalleryModel, make: Make, finish: Make, jobs: RecordingJobs
) -> None:
    job = make()
    jobs.begin(job)
    jobs.end(finish(job, JobState.FAILED, error="Too little memory."))
    assert keys(model) == [(job.job_id, NO_OUTPUT)]
    error = tell(model, 0, Role.ERROR)
    assert error is not None and error.message == "Too little memory."
    assert "Too little memory." in model.index(0).data(3)


def test_what_a_failed_job_made_all_the_same_is_shown(model: GalleryModel, made: Make) -> None:
    job = made(state=JobState.FAILED, pictures=2, error="The third one did not come.")
    model.reload()
    assert keys(model) == [(job.job_id, NO_OUTPUT), (job.job_id, 0), (job.job_id, 1)]


def test_a_late_event_does_not_wake_a_job_that_has_ended(
    model: GalleryModel, made: Make, jobs: RecordingJobs
) -> None:
    job = made()
    model.reload()
    jobs.tell(Step(job.job_id, 1, 4))
    assert tell(model, 0, Role.STATE) == JobState.SUCCEEDED


def test_an_interrupted_job_that_is_resumed_goes_to_the_top(
    model: GalleryModel, make: Make, made: Make, store: JobStore, jobs: RecordingJobs
) -> None:
    job = older(store, make(), 3)
    store.update(job.job_id, lambda current: current.moved_to(JobState.INTERRUPTED))
    made()
    model.reload()
    assert keys(model)[1] == (job.job_id, NO_OUTPUT)
    jobs.tell(Phase(job.job_id, PhaseName.WAITING))
    assert keys(model)[0] == (job.job_id, NO_OUTPUT)
    assert tell(model, 0, Role.STATE) == JobState.RUNNING


def test_cancelling_is_said_at_once_and_progress_does_not_take_it_back(
    model: GalleryModel, make: Make, finish: Make, jobs: RecordingJobs
) -> None:
    job = make()
    jobs.begin(job)
    jobs.tell(Step(job.job_id, 1, 4))
    model.mark_cancelling(job.job_id)
    jobs.tell(Step(job.job_id, 2, 4))
    assert tell(model, 0, Role.STATE) == JobState.CANCELLING
    jobs.end(finish(job, JobState.CANCELLED), Cancelled(job.job_id))
    assert tell(model, 0, Role.STATE) == JobState.CANCELLED


def test_search_looks_into_prompts_and_model_names(model: GalleryModel, made: Make) -> None:
    cat = made(prompt="A Cat on a roof")
    made(prompt="a dog")
    model.reload(GalleryFilter("roof cat"))
    assert keys(model) == [(cat.job_id, 0)]
    model.reload(GalleryFilter("starter"))
    assert model.rowCount() == 2
    model.reload(GalleryFilter("bird"))
    assert model.rowCount() == 0


def test_a_new_job_comes_into_a_search_only_where_it_matches(
    model: GalleryModel, make: Make, jobs: RecordingJobs
) -> None:
    model.reload(GalleryFilter("cat"))
    jobs.begin(make(prompt="a dog"))
    assert model.rowCount() == 0
    jobs.begin(make(prompt="a CAT"))
    assert model.rowCount() == 1


def test_the_star_filter_leaves_starred_pictures_and_lets_go_of_them_with_their_star(
    model: GalleryModel, made: Make, store: JobStore
) -> None:
    job = made(pictures=3)
    made()
    store.star(job.job_id, True, 1)
    model.reload(GalleryFilter(starred=True))
    assert keys(model) == [(job.job_id, 1)]
    model.put(store.star(job.job_id, False, 1))
    assert keys(model) == []
    model.put(store.star(job.job_id, True))
    assert len(keys(model)) == 3


def test_a_legacy_job_is_shown_and_left_alone(model: GalleryModel, store: JobStore) -> None:
    folder = store.data_folder.jobs / "20230102-030405-old"
    folder.mkdir(parents=True)
    (folder / "metadata.json").write_text('{"output_images": ["a.png", "b.png"], "prompt": "long ago"}')
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"not quite")
    before = (folder / "metadata.json").read_bytes()
    model.reload()
    assert keys(model) == [("20230102-030405-old", 0), ("20230102-030405-old", 1)]
    assert tell(model, 0, Role.PROMPT) == "long ago"
    assert (folder / "metadata.json").read_bytes() == before


def test_jobs_of_several_pages_all_come_once_and_in_order(
    model: GalleryModel, made: Make, store: JobStore, qtbot: QtBot
) -> None:
    generate_jobs(store, made(), 730)
    changes = Changes(model)
    with qtbot.waitSignal(model.listing_finished):
        model.reload()
    assert model.rowCount() == 731
    orders = [model.cell(row).order for row in range(731)]
    assert orders == sorted(orders)
    assert len(set(keys(model))) == 731
    assert changes.seen[0] == "reset"
    assert changes.seen.count("reset") == 1


def test_every_row_says_in_words_what_it_is(
    model: GalleryModel, made: Make, make: Make, jobs: RecordingJobs, store: JobStore
) -> None:
    job = made(prompt="a red boat")
    store.star(job.job_id, True)
    model.reload()
    assert model.index(0).data(11).startswith("Starred. a red boat. Starter · 60×40 · ")
    running = make(prompt="a blue boat")
    jobs.begin(running)
    jobs.tell(Step(running.job_id, 1, 2))
    assert model.index(0).data(11).startswith("Denoising · 50%. a blue boat. Starter")


def test_two_hundred_jobs_ending_in_any_order_leave_just_what_is_on_disk(
    model: GalleryModel, made: Make, store: JobStore, jobs: RecordingJobs, qtbot: QtBot
) -> None:
    generate_jobs(store, made(), 200)
    with qtbot.waitSignal(model.listing_finished):
        model.reload()
    chance = random.Random(7)
    ended = {job.job_id: job for job in store.list()}
    waiting = [replace(job, state=JobState.QUEUED, outputs=()) for job in ended.values()]
    model.remove(ended)
    assert model.rowCount() == 0
    running: list[Job] = []
    expected: dict[str, list[tuple[str, int]]] = {}
    while waiting or running:
        if waiting and (not running or chance.random() < 0.5):
            running.append(waiting.pop())
            jobs.begin(running[-1])
            continue
        job = running.pop(chance.randrange(len(running)))
        jobs.tell(Step(job.job_id, 1, 2))
        if chance.random() < 0.5:
            model.mark_cancelling(job.job_id)
            jobs.end(replace(job, state=JobState.CANCELLED), Cancelled(job.job_id))
            expected[job.job_id] = [(job.job_id, NO_OUTPUT)]
        else:
            jobs.end(ended[job.job_id], Succeeded(job.job_id))
            expected[job.job_id] = [(job.job_id, 0)]
        orders = [model.cell(row).order for row in range(model.rowCount())]
        assert orders == sorted(orders)
    newest_first = sorted(ended.values(), key=lambda job: job.created_at, reverse=True)
    assert keys(model) == [key for job in newest_first for key in expected[job.job_id]]


def test_jobs_removed_or_ended_while_pages_still_come_are_as_they_are_now(
    session: Session, made: Make, store: JobStore, jobs: RecordingJobs
) -> None:
    held = HeldBackground()
    job, gone = made(prompt="ended meanwhile"), made(prompt="gone meanwhile")
    model = GalleryModel(replace(session, background=held))
    model.reload()
    page = held.work.pop(0)
    outdated = [replace(facts_of(job), state=JobState.RUNNING, packed_pictures=()), facts_of(gone)]
    jobs.ended.emit(job)
    model.remove([gone.job_id])
    page(outdated)
    assert keys(model) == [(job.job_id, 0)]
    assert tell(model, 0, Role.STATE) == JobState.SUCCEEDED
    model.deleteLater()


class HeldBackground:
    """Keeps the answers until a test gives them."""

    def __init__(self) -> None:
        self.work: list[Callable[[object], None]] = []

    def run(
        self,
        work: Callable[[], object],
        done: Callable[[object], None],
        failed: object = None,
        *,
        soon: bool = False,
    ) -> None:
        del work, failed, soon
        self.work.append(done)
