"""Jobs of real workers, Celery's and RQ's, that are over their time limit in the middle of a lookup.

The limits are exceptions of a signal handler: they end the job, and the cache keeps none of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from langchain_llmcache import LLMCache
from tests.support.patience import LATE, PATIENT, eventually
from tests.support.servers import Server, ValkeyServer
from tests.support.targets import LLM_STRING, PROMPT, answer, texts

# Seconds: what a job does before it waits, it does in less on any machine.
LIMIT = 3

# The worker's module. It is loaded before the jobs begin: what they import is no part of their time.
JOBS = """
    import asyncio, json, os, threading, time
    from langchain_llmcache import LLMCache
    from tests.support.targets import LLM_STRING, PROMPT, answer

    # (What a first lookup imports, neither.)
    with LLMCache.from_url("valkey://127.0.0.1:1") as down:
        down.lookup(PROMPT, LLM_STRING)

    def look(url, situation, half, report):
        cache = LLMCache.from_url(url, timeout=60, max_wait=60, lease=60)
        went_on, began = False, time.monotonic()
        if situation == "thread":
            answered = threading.Event()
            def lead():
                cache.lookup("of a thread", LLM_STRING)
                asked.set()
                answered.wait(60)
                cache.update("of a thread", LLM_STRING, answer("late"))
            asked = threading.Event()
            threading.Thread(target=lead, daemon=True).start()
            asked.wait()
        prompt = "of a thread" if situation == "thread" else PROMPT
        try:
            if half == "sync":
                cache.lookup(prompt, LLM_STRING)
            else:
                asyncio.run(cache.alookup(prompt, LLM_STRING))
            went_on = True
        except BaseException as error:
            raised = type(error).__name__
            raise
        finally:
            if situation == "thread":
                answered.set()
            stats = cache.stats()
            with open(report, "w") as file:
                json.dump({
                    "went on": went_on, "raised": None if went_on else raised,
                    "seconds": time.monotonic() - began,
                    "errors": stats.errors, "breaker": stats.breaker,
                }, file)
            os.rename(report, report + ".done")
"""
CELERY = f"""
    import sys
    from celery import Celery

    app = Celery("jobs", broker="filesystem://", backend=None)
    app.conf.update(
        broker_transport_options={{"data_folder_in": "queue", "data_folder_out": "queue"}},
        worker_prefetch_multiplier=1, task_ignore_result=True,
    )
    from jobs import look
    task = app.task(name="look", soft_time_limit={LIMIT})(look)
"""
RQ = """
    import sys
    from redis import Redis
    from rq import Queue, Worker
    from jobs import look

    Worker([Queue(connection=Redis(port=int(sys.argv[1])))], connection=Redis(port=int(sys.argv[1]))).work()
"""
SEND = {
    "celery": """
        import json, sys
        from worker import task
        task.delay(*json.loads(sys.argv[2]))
    """,
    "rq": f"""
        import json, sys
        from redis import Redis
        from rq import Queue
        Queue(connection=Redis(port=int(sys.argv[1]))).enqueue(
            "jobs.look", *json.loads(sys.argv[2]), job_timeout={LIMIT}
        )
    """,
}
RAISED = {"celery": "SoftTimeLimitExceeded", "rq": "JobTimeoutException"}
START: dict[str, list[str]] = {
    "celery": ["-m", "celery", "-A", "worker", "worker", "-c", "1", "-P", "prefork", "-l", "ERROR"],
    "rq": ["worker.py"],
}

Send = Callable[..., dict[str, Any]]


@pytest.fixture(params=["celery", "rq"])
def kind(request: pytest.FixtureRequest) -> str:
    """Whose worker it is."""
    name: str = request.param
    return name


@pytest.fixture
def run_job(kind: str, server: Server, tmp_path: Path) -> Iterator[Send]:
    """Have a worker run a lookup; returns what became of it."""
    (tmp_path / "queue").mkdir()
    (tmp_path / "jobs.py").write_text(textwrap.dedent(JOBS))
    (tmp_path / "worker.py").write_text(textwrap.dedent(CELERY if kind == "celery" else RQ))
    paths = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))
    environment = {**os.environ, "PYTHONPATH": paths}

    def python(*arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, *arguments], cwd=tmp_path, env=environment)

    arguments = [] if kind == "celery" else [str(server.port)]
    worker = python(*START[kind], *arguments)

    def run_job(url: str, situation: str, half: str) -> dict[str, Any]:
        report = tmp_path / f"{situation} {half}"
        told = json.dumps((url, situation, half, str(report)))
        assert python("-c", textwrap.dedent(SEND[kind]), str(server.port), told).wait(LATE) == 0
        done = Path(f"{report}.done")
        assert eventually(done.exists, seconds=LATE)
        became: dict[str, Any] = json.loads(done.read_text())
        return became

    yield run_job
    worker.terminate()
    worker.wait(LATE)


@pytest.mark.tools  # celery, rq
@pytest.mark.timeout(300)
@pytest.mark.parametrize("half", ["sync", "async"])
def test_a_job_is_over_when_its_time_is(
    kind: str, half: str, run_job: Send, own_valkey_server: Callable[..., ValkeyServer]
) -> None:
    """While it waits for a leader (of its process, of another one), and while a server is frozen."""
    server = own_valkey_server()
    with LLMCache.from_url(server.url, lease=LATE, timeout=PATIENT) as leader:
        assert leader.lookup(PROMPT, LLM_STRING) is None
        became = {each: run_job(server.url, each, half) for each in ("process", "thread")}
        with server.frozen():
            became["frozen"] = run_job(server.url, "frozen", half)
        for each in became.values():
            assert (each["went on"], each["raised"]) == (False, RAISED[kind])
            assert each["seconds"] < LATE / 4  # it would have waited for LATE
            assert (each["errors"], each["breaker"]) == (0, "closed")
        leader.update(PROMPT, LLM_STRING, answer("late"))
        assert texts(leader.lookup(PROMPT, LLM_STRING)) == ["late"]
        assert run_job(server.url, "answered", half)["went on"]
