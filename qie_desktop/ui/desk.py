"""What goes on between the panels: what one asks for is done by another, and all of them see the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import QieError
from qie_desktop.core.events import Phase, Step
from qie_desktop.core.job import Job, JobState
from qie_desktop.core.model import EmbeddedWeights, HubWeights, Place
from qie_desktop.storage.resources import resources_folder
from qie_desktop.ui.gallery.cells import NO_OUTPUT
from qie_desktop.ui.gallery.dragging import dragged_outputs
from qie_desktop.ui.viewer.message_bar import Kind, Message
from qie_desktop.ui.viewer.remedies import Remedy

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtCore import QMimeData
    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.events import JobEvent
    from qie_desktop.ui.controls.panel import ControlsPanel
    from qie_desktop.ui.dialogs import Dialogs
    from qie_desktop.ui.draft import Draft
    from qie_desktop.ui.gallery.panel import GalleryPanel
    from qie_desktop.ui.session import Session
    from qie_desktop.ui.viewer.panel import ViewerPanel

_REUSE_PREFIX = "reuse:"
_SAMPLE = "sample.jpg"
_QUANTISATION = "local.quantisation"


class Desk(QObject):
    """Connects controls, viewer, gallery, dialogs and jobs. GUI thread only."""

    changed = Signal()
    """Something that actions depend on is different now."""

    def __init__(
        self,
        window: QWidget,
        session: Session,
        draft: Draft,
        panels: tuple[ControlsPanel, ViewerPanel, GalleryPanel],
        dialogs: Dialogs,
    ) -> None:
        super().__init__(window)
        self._session = session
        self._draft = draft
        self._controls, self._viewer, self._gallery = panels
        self._dialogs = dialogs
        self._first_image: Path | None = None
        self._loading = False
        self._connect_jobs()
        self._connect_panels()
        dialogs.means_changed.connect(self._controls.refresh)
        dialogs.setting_changed.connect(self._on_setting_changed)
        dialogs.starter_wanted.connect(self._on_starter_wanted)
        dialogs.local_wanted.connect(self._on_local_wanted)
        dialogs.cloud_wanted.connect(self._on_cloud_wanted)
        dialogs.downloads.changed.connect(self._controls.show_download)
        dialogs.images_wanted.connect(self._controls.open_images)
        dialogs.prompt_wanted.connect(self._controls.focus_prompt)
        dialogs.failed.connect(self._on_failed)
        self._viewer.invite(draft.spec.kind)

    def run(self) -> None:
        """Submit the draft."""
        try:
            request = self._draft.request()
        except QieError as error:
            self._on_failed(error)
            return
        self._session.jobs.submit(request)

    def cancel(self, job_id: str = "") -> None:
        """Cancel a job; without an id the one that is shown, or else the first in the queue."""
        active = self._session.jobs.active()
        shown = self._viewer.shown_job()
        if not job_id and active:
            job_id = shown.job_id if shown is not None and shown.job_id in active else active[0]
        if job_id in active:
            self._viewer.note_cancelling(job_id)
            self._gallery.mark_cancelling(job_id)
            self._session.jobs.cancel(job_id)

    def cancel_all(self) -> None:
        """Cancel every job."""
        for job_id in self._session.jobs.active():
            self._viewer.note_cancelling(job_id)
            self._gallery.mark_cancelling(job_id)
        self._session.jobs.cancel_all()

    def drop(self, mime: QMimeData) -> None:
        """Take what was dropped on the window; of an output of our own the settings are offered, too."""
        self._controls.take(mime)
        outputs = dragged_outputs(mime)
        if outputs:
            job_id = outputs[0][0]
            offer = Message(
                Kind.INFO,
                "This picture was made here.",
                "Its prompt and settings can be used again, too.",
                (Remedy("Reuse Settings"),),
                code=f"{_REUSE_PREFIX}{job_id}",
                about_input=True,
            )
            self._viewer.show_message(offer)

    @Slot(str)
    def reuse_settings(self, job_id: str) -> None:
        """Take over everything from a job: model, images, prompt, parameters, seed."""
        work = partial(self._session.store.load, job_id)
        self._session.background.run(work, self._on_settings_loaded, self._on_failed)

    @Slot(str)
    def show_job(self, job_id: str, index: int = 0) -> None:
        """Show a job in the viewer."""
        work = partial(self._session.store.load, job_id)
        self._session.background.run(work, partial(self._on_job_loaded, index), self._on_failed)

    def _connect_jobs(self) -> None:
        jobs = self._session.jobs
        jobs.submitted.connect(self._on_submitted)
        jobs.told.connect(self._on_told)
        jobs.ended.connect(self.changed)
        draft = self._draft
        draft.model_changed.connect(self._on_model_changed)
        draft.images_changed.connect(self._on_images_changed)
        for signal in (draft.prompt_changed, draft.values_changed):
            signal.connect(self.changed)

    def _connect_panels(self) -> None:
        self._controls.run_requested.connect(self.run)
        self._controls.help_requested.connect(self._on_help_requested)
        viewer = self._viewer
        viewer.help_requested.connect(self._on_help_requested)
        viewer.retry_requested.connect(self._on_retry_requested)
        viewer.cancel_requested.connect(self.cancel)
        viewer.open_requested.connect(self._controls.open_images)
        viewer.shown_changed.connect(self._on_shown_changed)
        gallery = self._gallery
        gallery.output_activated.connect(self._on_output_activated)
        gallery.use_as_input.connect(self._controls.take_files)
        gallery.reuse_settings.connect(self.reuse_settings)
        gallery.run_again.connect(self._on_run_again)
        gallery.retry_requested.connect(self._on_retry_requested)
        gallery.cancel_requested.connect(self.cancel)
        gallery.compare_requested.connect(self._on_compare_requested)
        gallery.info_requested.connect(self._dialogs.show_info)
        gallery.selection_changed.connect(self.changed)
        gallery.model.removed.connect(self._on_removed)

    @Slot(object)
    def _on_submitted(self, job: Job) -> None:
        shown = self._viewer.shown_job()
        busy = shown is not None and shown.job_id in self._session.jobs.active()
        # One that is taken up again after a restart comes by itself: it does not push anything aside.
        if job.state is JobState.QUEUED and not busy:
            self._viewer.show_job(job)
        self.changed.emit()

    @Slot(object)
    def _on_told(self, event: JobEvent) -> None:
        # No action depends on how far a job is.
        if not isinstance(event, (Phase, Step)):
            self.changed.emit()

    @Slot()
    def _on_model_changed(self) -> None:
        self._viewer.invite(self._draft.spec.kind)
        self.changed.emit()

    @Slot()
    def _on_images_changed(self) -> None:
        first = next((path for path in self._draft.images if path is not None), None)
        before, self._first_image = self._first_image, first
        if first != before and not self._loading:
            if first is not None:
                self._viewer.show_input(first)
            elif self._viewer.shown_job() is None:
                self._viewer.clear()
        self.changed.emit()

    @Slot()
    def _on_shown_changed(self) -> None:
        job = self._viewer.shown_job()
        if job is not None:
            key = (job.job_id, self._viewer.output_index() if job.outputs else NO_OUTPUT)
            if key not in self._gallery.selected():
                self._gallery.select(*key)
        self.changed.emit()

    @Slot(str, int)
    def _on_output_activated(self, job_id: str, index: int) -> None:
        shown = self._viewer.shown_job()
        if shown is None or (job_id, index) != (shown.job_id, self._viewer.output_index()):
            self.show_job(job_id, index)

    @Slot(list, object)
    def _on_removed(self, job_ids: list[str], following: tuple[str, int] | None) -> None:
        """Show what stands in the place of what was shown and is gone: of that there is no file any more."""
        shown = self._viewer.shown_job()
        if shown is None or shown.job_id not in job_ids:
            return
        if following is not None:
            self.show_job(*following)
        elif self._first_image is not None:
            self._viewer.show_input(self._first_image)
        else:
            self._viewer.clear()

    @Slot(str, int)
    def _on_compare_requested(self, job_id: str, index: int) -> None:
        self._viewer.set_compare(True)
        self.show_job(job_id, index)

    @Slot(str)
    def _on_retry_requested(self, job_id: str) -> None:
        self._session.jobs.retry(job_id)

    @Slot(str)
    def _on_run_again(self, job_id: str) -> None:
        self._session.jobs.retry(job_id, new_seed=True)

    @Slot(str)
    def _on_help_requested(self, code: str) -> None:
        if code.startswith(_REUSE_PREFIX):
            self.reuse_settings(code.removeprefix(_REUSE_PREFIX))
        else:
            self._dialogs.help_with(code, self._wanted_quantisation())

    def _wanted_quantisation(self) -> str:
        """Return which one the person has chosen; nothing where what is best on this machine will do."""
        settings = self._session.settings
        known = settings.get(_QUANTISATION) if settings.is_set(_QUANTISATION) else ""
        return str(self._draft.given.get("quantisation", known))

    @Slot(str, object)
    def _on_setting_changed(self, _key: str, _value: object) -> None:
        self._controls.refresh()

    @Slot()
    def _on_starter_wanted(self) -> None:
        spec = next(
            spec
            for spec in CATALOGUE
            if spec.local is not None and isinstance(spec.local.weights, EmbeddedWeights)
        )
        self._draft.set_model(spec.id)
        sample = resources_folder() / _SAMPLE
        if not self._draft.image_count and sample.is_file():
            self._controls.take_files([sample])
        if not self._draft.prompt and spec.examples:
            self._draft.set_prompt(spec.examples[0])
        self._controls.focus_prompt()

    @Slot()
    def _on_local_wanted(self) -> None:
        # Whoever has begun already is not interrupted.
        if not self._draft.prompt and not self._draft.image_count:
            spec = next(
                spec for spec in CATALOGUE if spec.local and isinstance(spec.local.weights, HubWeights)
            )
            self._draft.set_model(spec.id)
        self._controls.focus_prompt()

    @Slot()
    def _on_cloud_wanted(self) -> None:
        # Whoever has begun already is not interrupted.
        if not self._draft.prompt and not self._draft.image_count:
            cloud = (spec for spec in CATALOGUE if spec.place is Place.CLOUD)
            self._draft.set_model(next(cloud).id)
        self._controls.focus_prompt()

    @Slot(object)
    def _on_failed(self, error: QieError) -> None:
        self._viewer.show_error(error.info())

    def _on_settings_loaded(self, job: Job) -> None:
        # The person looks at a result: its input does not take its place.
        self._loading = True
        try:
            self._draft.load(job.request)
        except QieError as error:
            self._on_failed(error)
        finally:
            self._loading = False
        self._controls.focus_prompt()

    def _on_job_loaded(self, index: int, job: Job) -> None:
        self._viewer.show_job(job, max(0, index))
