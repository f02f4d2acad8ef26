"""Faults between push or pull and a real Label Studio, and what must hold after the next run."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

import httpx
import polars as pl

from pushup_data import ledger, locks, tables
from pushup_data.errors import PushupDataError
from pushup_data.labelstudio import client as client_module
from pushup_data.labelstudio import config, server
from pushup_data.labelstudio.client import Client
from pushup_data.params import Params
from pushup_data.stages import pull, push
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace
from tests import labelling

MODES = ("dropped before", "dropped after", "answered 500", "timed out")  # before, after the server's work
TOUCHED = 8  # reps that get annotations; the others are put into another order again and again
SHARED = 5  # one rep in so many is for two people
_TIMEOUT_S = 1.0
_WAITS_S = (0.05,) * 5  # the client's own are for a server that restarts

_CHILD = """
import importlib, pathlib, sys
from label_studio_sdk import label_interface
from pushup_data import params, workspace
stage = importlib.import_module(sys.argv[1])
print("ready", flush=True)
input()
stage.run(workspace.Workspace(pathlib.Path(sys.argv[2])), params.Params.model_validate_json(sys.argv[3]))
"""

Stage = Callable[[Workspace, Params], None]


class Bench:
    """A project with a queue and annotations, and all annotations ever made in it."""

    def __init__(self, workspace: Workspace, params: Params, known: Taxonomy, count: int, seed: int) -> None:
        self.workspace, self.params, self.count = workspace, params, count
        self.random = random.Random(seed)
        self.made: set[int] = set()
        labelling.fill(workspace, known, count)
        self._queue(list(range(count)))
        push.run(workspace, params)
        self.change(push)

    def change(self, stage: object) -> None:
        """Make work for the stage: some annotations, and for push another order."""
        with Client(server.access(self.workspace, self.params.labelstudio)) as client:
            chosen = [t for t in self._tasks(client) if int(t["data"]["video_id"][1:]) < TOUCHED]
            for task in self.random.sample(chosen, 3):
                ticked = config.ticked(self.random.sample(["hips_piked", "head_dropped"], 1), [])
                client.annotate(task["id"], {"result": ticked, "lead_time": 2})
            self.made = {a["id"] for t in self._tasks(client) for a in t["annotations"]}
        if stage is push:
            self._queue(self.random.sample(range(self.count), self.count))

    def outcome(self, stage: Stage) -> tuple[int, int, bool]:
        """Run the stage again, undisturbed; return labels lost, duplicates, and whether all is well."""
        stage(self.workspace, self.params)
        pull.run(self.workspace, self.params)
        entries = ledger.read(self.workspace.annotations)
        mine = [e for e in entries if e.project == self._project]
        lost = len(self.made - {e.annotation for e in ledger.standing(mine)})
        versions = Counter((e.annotation, e.updated_at, e.event) for e in mine)
        with Client(server.access(self.workspace, self.params.labelstudio)) as client:
            tasks = self._tasks(client)
        names = [t["data"]["rep_id"] for t in tasks]
        free = [n for n in names if _number(n) >= TOUCHED]
        queue = tables.read(tables.QUEUE, self.workspace.queue).sort("position")["rep_id"]
        wanted = [n for n in queue if _number(n) >= TOUCHED]
        whole = all(len(t["predictions"]) == 1 for t in tasks)
        asked = {t["data"]["rep_id"]: t["overlap"] for t in tasks}
        right = asked == {f"v{n}-f10": _opinions(n) for n in range(self.count)}
        healed = free == wanted and right and whole and max(versions.values()) == 1
        return lost, len(names) - len(set(names)), healed

    def _tasks(self, client: Client) -> list[dict[str, Any]]:
        project = client.project(self.params.labelstudio.title)
        assert project is not None
        self._project = project["id"]
        return list(client.tasks(project["id"], "id,data,annotations,predictions,overlap"))

    def _queue(self, order: list[int]) -> None:
        queue = labelling.queue(order)
        opinions = [_opinions(_number(name)) for name in queue["rep_id"]]
        tables.write(
            tables.QUEUE,
            queue.with_columns(pl.Series("opinions", opinions, dtype=pl.Int64)),
            self.workspace.queue,
        )


def _number(rep_id: str) -> int:
    return int(rep_id.removeprefix("v").removesuffix("-f10"))


def _opinions(number: int) -> int:
    return 2 if number % SHARED == 0 else 1


def disturbed(stage: Stage, bench: Bench) -> None:
    """Run a stage that may fail, but only with an error of ours."""
    with suppress(PushupDataError):
        stage(bench.workspace, bench.params)


def server_killed(stage: Stage, bench: Bench, seconds: float) -> None:
    """End the server the hard way `seconds` after the stage began."""
    pid = locks.holder(bench.workspace.labelstudio / "running.lock")
    assert pid is not None
    timer = threading.Timer(seconds, os.kill, (pid, signal.SIGKILL))
    timer.start()
    disturbed(stage, bench)
    timer.join()
    assert locks.released(bench.workspace.labelstudio / "running.lock", wait_s=10)


def client_killed(stage: Stage, bench: Bench, seconds: float) -> None:
    """End the stage's own process the hard way."""
    with _ready(stage, bench) as process:
        _go(process)
        time.sleep(seconds)
        process.kill()


def at_once(stage: Stage, bench: Bench) -> None:
    """Run the stage in two processes at the same time."""
    both = [_ready(stage, bench), _ready(stage, bench)]
    for process in both:
        _go(process)
    for process in both:
        process.communicate()
        assert process.returncode == 0


def failing(stage: Stage, bench: Bench, mode: str, share: float = 0.5) -> None:
    """Run the stage with a share of its requests failing."""
    access = server.access(bench.workspace, bench.params.labelstudio)
    with proxy(access.url, mode, share, bench.random) as url:
        through = replace(access, url=url)
        with (
            mock.patch.object(server, "access", return_value=through),
            mock.patch.object(client_module, "_TIMEOUT_S", _TIMEOUT_S),
            mock.patch.object(client_module, "_WAITS_S", _WAITS_S),
        ):
            disturbed(stage, bench)


@contextmanager
def proxy(target: str, mode: str, share: float, chance: random.Random) -> Iterator[str]:
    """Pass requests on to a server, but for a share that fails."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fails = chance.random() < share
            if fails and mode == "dropped before":
                self.close_connection = True
                return
            if fails and mode == "answered 500":
                self._answer(500, b"{}")
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length")}
            answer = httpx.request(
                self.command, target + self.path, headers=headers, content=body, timeout=60
            )
            if fails:
                self.close_connection = True
                time.sleep(_TIMEOUT_S + 0.2 if mode == "timed out" else 0)
                return
            self._answer(answer.status_code, answer.content)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            with suppress(ConnectionError):  # the client waited no longer
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()


def _ready(stage: Stage, bench: Bench) -> subprocess.Popen[str]:
    """Have a process ready to run the stage once it is sent a line; no fork, which breaks polars."""
    settings = bench.params.model_dump_json()
    command = [sys.executable, "-c", _CHILD, stage.__module__, str(bench.workspace.root), settings]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
