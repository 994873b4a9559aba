"""Cloud jobs that were cut off: finished with the one prediction that is paid for, never paid for twice."""

from __future__ import annotations

import json
import signal

import pytest

from tests.support.replicate.faults import UNAUTHENTICATED
from tests.support.replicate.lives import ENDLESS, Life, Span, Status
from tests.support.replicate.wire import Kind

WAIT_S = 60
LONG = Life(processing=ENDLESS)


@pytest.fixture
def cut_off(qie, server):
    """Makes jobs that stop in the middle, as with a token that is taken back; their predictions go on."""

    def cut_off(*words, life=LONG):
        server.next(life)
        server.faults.on(Kind.POLL, UNAUTHENTICATED)
        ended = qie("generate", *(words or ("a fox", "--model", "qwen-image")), "--json")
        assert ended.exit_code == 3
        assert ended.json["state"] == "interrupted"
        return ended.json["job_id"]

    return cut_off


@pytest.fixture
def killed(start, server):
    """A job whose process was killed in the middle of polling; its prediction goes on."""
    server.next(LONG)
    process = start("generate", "a fox", "--model", "qwen-image")
    server.wait_for(Kind.POLL, 3, WAIT_S)
    process.kill()
    process.wait(WAIT_S)
    return server.created[0]


def release_all(server):
    for prediction in server.created:
        server.release(prediction)


def test_a_killed_job_is_finished_with_its_one_prediction(qie, server, ledger, killed):
    server.release(killed)

    done = qie("jobs", "resume", "--json")

    assert done.exit_code == 0
    [job] = done.json
    assert (job["state"], job["model"], job["cost_usd"]) == ("succeeded", "qwen-image", 0.025)
    assert (job["width"], job["height"]) == killed.size_px
    assert len(server.created) == 1
    assert ledger() == [(job["job_id"], 0.025)]
    assert "Running" in done.stderr or "Downloading" in done.stderr
    assert qie("jobs", "resume", "--json").json == []


def test_one_job_that_is_resumed_is_told_as_any_other(qie, server, killed):
    server.release(killed)

    done = qie("jobs", "resume")

    path, summary = done.stdout.splitlines()
    assert path.endswith("output_0.png")
    assert summary.startswith("Qwen-Image: ")
    assert not any(line.startswith("20") for line in done.stderr.splitlines())


def test_where_nothing_was_cut_off_it_says_so(qie, server):
    done = qie("jobs", "resume")

    assert done.exit_code == 0
    assert "nothing to resume" in done.stdout
    assert not server.requests


def test_jobs_are_resumed_side_by_side_and_each_line_names_its_own(start, server, cut_off):
    jobs = [cut_off() for _ in range(3)]
    ids = {prediction.id for prediction in server.created}
    before = len(server.requests_to(Kind.POLL))

    process = start("jobs", "resume")
    polls = server.wait_for(Kind.POLL, before + 9, WAIT_S)[before:]
    assert {request.names["prediction_id"] for request in polls} == ids
    release_all(server)
    stdout, stderr = process.communicate(timeout=WAIT_S)

    assert process.returncode == 0
    assert len(server.created) == 3
    assert all(line.startswith(tuple(jobs)) for line in stderr.splitlines())
    assert [line.split("  ")[1] for line in stderr.splitlines()].count("Done") == 3
    assert [line[:20] for line in stdout.splitlines() if line.startswith("20")] == jobs


def test_no_more_run_at_a_time_than_the_settings_say(qie, start, server, cut_off):
    for _ in range(2):
        cut_off()
    qie("config", "set", "cloud.max_jobs", 1)
    before = len(server.requests_to(Kind.POLL))

    process = start("jobs", "resume", "--json")
    requests = server.wait_for(Kind.POLL, before + 4, WAIT_S)[before:]
    assert {request.names["prediction_id"] for request in requests} == {server.created[0].id}
    release_all(server)
    stdout, _ = process.communicate(timeout=WAIT_S)

    assert process.returncode == 0
    assert [job["state"] for job in json.loads(stdout)] == ["succeeded"] * 2


def test_only_the_jobs_that_are_named_are_resumed(qie, server, cut_off):
    first, second = cut_off(), cut_off()
    release_all(server)

    done = qie("jobs", "resume", second, second[:20], "--json")

    assert [job["job_id"] for job in done.json] == [second]
    assert qie("jobs", "show", first, "--json").json["state"] == "interrupted"


def test_the_worst_end_is_the_exit_status(qie, server, cut_off):
    cut_off(life=Life(processing=ENDLESS, outcome=Status.FAILED, error="no"))
    cut_off()
    release_all(server)

    done = qie("jobs", "resume", "--json")

    assert done.exit_code == 1
    assert [job["state"] for job in done.json] == ["failed", "succeeded"]


def test_what_cannot_be_resumed_is_refused(qie, server, photo, cut_off):
    finished = qie("generate", "a fox", "--model", "qwen-image", "--json").json["job_id"]
    waiting = cut_off()
    release_all(server)

    for job_id in (finished, "20200101"):
        refused = qie("jobs", "resume", waiting, job_id)
        assert refused.exit_code == 2
        assert job_id in refused.stderr
    assert qie("jobs", "show", waiting, "--json").json["state"] == "interrupted"
    assert qie("jobs", "resume", waiting).exit_code == 0


def test_without_a_token_nothing_is_resumed_or_lost(qie, server, cut_off, monkeypatch):
    job = cut_off()
    monkeypatch.delenv("REPLICATE_API_TOKEN")

    assert qie("jobs", "resume").exit_code == 3

    monkeypatch.setenv("REPLICATE_API_TOKEN", server.token)
    release_all(server)
    assert [job["job_id"] for job in qie("jobs", "resume", "--json").json] == [job]


def test_a_job_that_another_process_runs_is_left_alone(qie, start, server):
    server.next(LONG)
    process = start("generate", "a fox", "--model", "qwen-image", "--json")
    server.wait_for(Kind.POLL, 2, WAIT_S)

    assert "nothing to resume" in qie("jobs", "resume").stdout
    [job] = qie("jobs", "list", "--json").json
    assert job["state"] == "running"
    refused = qie("jobs", "resume", job["job_id"])
    assert refused.exit_code == 2
    assert "being run already" in refused.stderr

    release_all(server)
    stdout, _ = process.communicate(timeout=WAIT_S)
    assert json.loads(stdout)["state"] == "succeeded"
    assert len(server.created) == 1


def test_a_job_that_another_process_resumes_is_left_alone(qie, start, server, cut_off):
    job = cut_off()
    before = len(server.requests_to(Kind.POLL))
    process = start("jobs", "resume", "--json")
    server.wait_for(Kind.POLL, before + 2, WAIT_S)

    assert qie("jobs", "resume", "--json").json == []
    assert qie("jobs", "resume", job).exit_code == 2

    release_all(server)
    stdout, _ = process.communicate(timeout=WAIT_S)
    assert [each["state"] for each in json.loads(stdout)] == ["succeeded"]
    assert len(server.created) == 1


def test_ctrl_c_cancels_the_prediction(start, server, home):
    server.next(LONG)
    process = start("generate", "a fox", "--model", "qwen-image", "--json")
    server.wait_for(Kind.POLL, 2, WAIT_S)

    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=WAIT_S)

    assert process.returncode == 130
    assert "Cancelling" in stderr
    assert "Traceback" not in stderr
    said = json.loads(stdout)
    assert (said["state"], said["outputs"], said["error"]) == ("cancelled", [], None)
    assert [prediction.status for prediction in server.created] == [Status.CANCELED]
    metadata = json.loads((home / "jobs" / said["job_id"] / "metadata.json").read_text())
    assert metadata["state"] == "cancelled"


def test_ctrl_c_cancels_every_job_that_is_being_resumed(qie, start, server, cut_off):
    for _ in range(2):
        cut_off()
    before = len(server.requests_to(Kind.POLL))
    process = start("jobs", "resume", "--json")
    server.wait_for(Kind.POLL, before + 4, WAIT_S)

    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=WAIT_S)

    assert process.returncode == 130
    assert [job["state"] for job in json.loads(stdout)] == ["cancelled"] * 2
    assert [prediction.status for prediction in server.created] == [Status.CANCELED] * 2
    assert qie("jobs", "resume", "--json").json == []


def test_ctrl_c_leaves_what_was_not_yet_taken_up_to_be_resumed(qie, start, server, cut_off):
    first, second = cut_off(), cut_off()
    qie("config", "set", "cloud.max_jobs", 1)
    before = len(server.requests_to(Kind.POLL))
    process = start("jobs", "resume", "--json")
    server.wait_for(Kind.POLL, before + 2, WAIT_S)

    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=WAIT_S)

    assert process.returncode == 130
    assert {job["job_id"]: job["state"] for job in json.loads(stdout)} == {
        first: "cancelled",
        second: "interrupted",
    }
    release_all(server)
    assert [job["job_id"] for job in qie("jobs", "resume", "--json").json] == [second]


def test_retry_finishes_what_is_paid_for(qie, server, ledger, cut_off, tmp_path):
    job = cut_off()
    release_all(server)

    done = qie("jobs", "retry", job, "-o", tmp_path / "fox.png")

    assert done.exit_code == 0
    assert "paid for already" in done.stderr
    assert (tmp_path / "fox.png").is_file()
    assert len(server.created) == 1
    assert ledger() == [(job, 0.025)]


def test_retry_of_what_is_finished_or_with_another_seed_is_a_new_job(qie, server, cut_off):
    job = cut_off()
    release_all(server)

    other = qie("jobs", "retry", job, "--new-seed", "--json")
    assert other.json["job_id"] != job
    assert len(server.created) == 2
    qie("jobs", "retry", job)
    again = qie("jobs", "retry", job, "--json")

    assert again.json["job_id"] not in {job, other.json["job_id"]}
    assert len(server.created) == 3


def test_retry_of_a_job_that_has_not_ended_pays_nothing(qie, start, server, cut_off):
    job = cut_off()
    before = len(server.requests_to(Kind.POLL))
    process = start("jobs", "resume", job)
    server.wait_for(Kind.POLL, before + 2, WAIT_S)

    refused = qie("jobs", "retry", job)

    assert refused.exit_code == 2
    assert "has not ended" in refused.stderr
    assert len(server.created) == 1
    release_all(server)
    assert process.wait(WAIT_S) == 0


def test_a_job_that_was_out_of_reach_for_long_is_resumed(qie, server, cut_off):
    """The result is kept for an hour: after that a job fails, and is not tried for ever."""
    job = cut_off(life=Life(processing=Span(seconds=0)))
    server.remove_data(server.created[0])

    expired = qie("jobs", "resume", job, "--json")

    assert expired.exit_code == 1
    assert expired.json[0]["error"]["code"] == "result_expired"
    assert qie("jobs", "resume", "--json").json == []
