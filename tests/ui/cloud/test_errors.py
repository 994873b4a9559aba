"""What goes wrong in the cloud, what the bar says of it, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QDialog, QPlainTextEdit

from qie_desktop.core.job import JobState
from qie_desktop.core.request import Request
from tests.support.replicate.faults import INSUFFICIENT_CREDIT, UNAUTHENTICATED, broken, invalid_field
from tests.support.replicate.lives import Life, failing
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import Browser, Front

Wish = Callable[..., Request]


def failed_with(front: Front, request: Request) -> str:
    """Run a request that fails, and return the code of its error."""
    front.submit(request)
    [job] = front.wait_ended()
    assert job.state is JobState.FAILED
    assert job.error is not None
    front.wait(front.bar_text)
    assert job.error.message in front.bar_text()
    assert "qie " not in front.bar_text()
    assert "--" not in front.bar_text()
    return job.error.code


def press(front: Front, at: int = 0) -> None:
    front.click(front.remedy(at))


def test_refused_token_can_be_replaced(front: Front, server: ReplicateServer, wish: Wish) -> None:
    server.faults.always(Kind.CREATE, UNAUTHENTICATED)
    assert failed_with(front, wish()) == "credentials_refused"
    assert front.remedies() == ["Replace Token…", "Retry"]
    press(front)
    sheet = front.find(QDialog, "token_sheet")
    assert sheet.isVisible()
    sheet.reject()
    assert server.created == []


def test_account_without_credit_is_led_to_the_page_where_it_is_bought(
    front: Front, server: ReplicateServer, wish: Wish, browser: Browser
) -> None:
    server.faults.on(Kind.CREATE, INSUFFICIENT_CREDIT)
    assert failed_with(front, wish()) == "payment_required"
    assert front.remedies() == ["Add Credit…", "Retry"]
    press(front)
    assert browser.opened == ["https://replicate.com/account/billing"]


def test_refused_content_leads_back_to_the_prompt_and_is_not_tried_again(
    front: Front, server: ReplicateServer, wish: Wish
) -> None:
    server.next(failing("E005"))
    assert failed_with(front, wish()) == "content_refused"
    assert front.remedies() == ["Change the Prompt"]
    front.window.gallery.setFocus()
    press(front)
    assert front.find(QPlainTextEdit, "prompt_edit").hasFocus()
    assert len(server.created) == 1


def test_busy_provider_can_be_tried_again(front: Front, server: ReplicateServer, wish: Wish) -> None:
    server.next(failing("E003"), failing("E003"))
    assert failed_with(front, wish()) == "provider_failed"
    assert front.remedies() == ["Retry"]
    press(front)
    assert front.wait_ended(2)[1].state is JobState.SUCCEEDED
    assert front.bar_text() == ""


def test_unknown_outcome_says_that_it_may_cost_again(
    front: Front, server: ReplicateServer, wish: Wish, browser: Browser
) -> None:
    server.faults.on(Kind.CREATE, broken(502))
    assert failed_with(front, wish()) == "outcome_unknown"
    assert front.remedies() == ["Run Again", "See Predictions…"]
    assert "may cost again" in front.bar_text()
    press(front, 1)
    assert browser.opened == ["https://replicate.com/predictions"]
    assert server.created == []


def test_unknown_outcome_is_run_again_on_the_persons_word_alone(
    front: Front, server: ReplicateServer, wish: Wish
) -> None:
    server.faults.on(Kind.CREATE, broken(502))
    failed_with(front, wish())
    assert len(server.requests_to(Kind.CREATE)) == 1
    press(front)
    assert front.wait_ended(2)[1].state is JobState.SUCCEEDED
    assert len(server.created) == 1


def test_deleted_result_says_that_running_again_costs_again(
    front: Front, server: ReplicateServer, wish: Wish
) -> None:
    server.next(Life(data_removed=True))
    assert failed_with(front, wish()) == "result_expired"
    assert front.remedies() == ["Run Again"]
    assert "costs again" in front.bar_text()


def test_server_out_of_reach_can_be_tried_again(front: Front, server: ReplicateServer, wish: Wish) -> None:
    with server.away():
        assert failed_with(front, wish()) == "provider_unreachable"
    assert front.remedies() == ["Retry"]
    press(front)
    assert front.wait_ended(2)[1].state is JobState.SUCCEEDED
    assert len(server.created) == 1


def test_field_that_is_not_accepted_is_named(front: Front, server: ReplicateServer, wish: Wish) -> None:
    server.faults.on(Kind.CREATE, invalid_field("prompt", "is too long"))
    assert failed_with(front, wish()) == "invalid_request"
    assert "prompt: is too long" in front.bar_text()
    assert front.remedies() == []


@pytest.mark.parametrize("model_id", ["qwen-image-edit", "seedream-4"])
def test_failed_job_stands_in_the_gallery_and_says_why(
    front: Front, server: ReplicateServer, wish: Wish, model_id: str
) -> None:
    server.next(failing("E1001"))
    failed_with(front, wish(model_id))
    model = front.window.gallery.model
    assert model.rowCount() == 1
    assert "out of memory" in model.data(model.index(0), 3)  # the tooltip
