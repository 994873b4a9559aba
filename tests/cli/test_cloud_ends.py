"""Ends of cloud jobs that are easily lost between the command line, the job and the engine."""

from __future__ import annotations

import asyncio
import json
import signal
import time

from qie_desktop.cli.main import compose
from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.model import Place
from qie_desktop.services.recovery import recover
from qie_desktop.services.run_job import run_job
from tests.support.replicate import wire
from tests.support.replicate.faults import UNAUTHENTICATED, Answer, withheld
from tests.support.replicate.lives import ENDLESS, Life, Status
from tests.support.replicate.wire import Kind

FOX = ("generate", "a fox", "--model", "qwen-image")


def test_1_cancelling_a_resumed_job_before_its_engine_starts_cancels_the_prediction(qie, server):
    server.next(Life(processing=ENDLESS))
    server.faults.on(Kind.POLL, UNAUTHENTICATED)
    qie(*FOX)
    front = compose()
    [job] = recover(front.store).resumable
    cancel = CancelToken()
    cancel.cancel()

    async def go():
        engine = front.room.engines[Place.CLOUD]
        try:
            return await run_job(job, front.store, engine, lambda _: None, cancel)
        finally:
            await engine.close()

    ended = asyncio.run(go())
    front.store.close()
    assert ended.state == "interrupted" or server.created[0].status is Status.CANCELED


def test_2_ctrl_c_during_a_create_without_an_answer_still_prints_its_json(start, server):
    server.faults.on(Kind.CREATE, withheld(after=False))
    process = start(*FOX, "--json")
    server.wait_for(Kind.CREATE, 1, 60)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert json.loads(stdout)["state"] == "cancelled"


def test_3_a_token_in_what_the_provider_says_is_not_kept(qie, server, home):
    server.faults.on(Kind.CREATE, Answer(wire.problem(400, f"bad header: Bearer {server.token}")))
    first = qie(*FOX)
    server.next(Life(outcome=Status.FAILED, error=f"boom {server.token}"))
    second = qie(*FOX)
    assert server.token not in first.stderr + second.stderr
    assert not [p for p in home.rglob("*") if p.is_file() and server.token.encode() in p.read_bytes()]
