"""Label Studio's ML backend: what the model says of a task whose prediction is missing.

Label Studio asks when somebody opens such a task from the list, and when somebody chooses "Retrieve
predictions"; for its label stream, which does not ask, `register` has it ask once about all of them. It gets
what `push` would have put there. A blind task gets what push gives blind tasks, a prediction with nothing in
it: Label Studio counts that as one and does not ask again.
"""

import secrets
import socket
import threading
import time
from collections.abc import Sequence
from typing import Annotated, Any

import click
import polars as pl
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

from pushup_data import judgement, params, tables, taxonomy
from pushup_data.errors import BadInputError, PushupDataError, ServerError
from pushup_data.labelstudio import config, push, server
from pushup_data.labelstudio.client import Client
from pushup_data.workspace import Workspace

Json = dict[str, Any]

# Not config.VERSION: where the project's model_version is a backend's title, the label stream asks live, but
# shows no prediction at all, not even push's, while the backend is down.
TITLE = "pushup-data live"
USER = "label-studio"

_START_S = 30.0


class Task(BaseModel):
    """A task as /predict is sent it, as far as it matters here."""

    data: Json
    annotations: list[Json] = []

    @property
    def clip(self) -> str:
        """The file that it shows, where it is one of push's."""
        return f"{self.data.get('ext_id')}.mp4"

    @property
    def blind(self) -> bool:
        """Whether the annotator must not be shown an opinion; also where the task does not say."""
        return bool(self.data.get("shown", config.BLIND) == config.BLIND)


class Asked(BaseModel):
    """The body of /predict."""

    tasks: list[Task]


def run(workspace: Workspace, settings: params.LabelStudio, port: int) -> None:
    """Answer on 127.0.0.1 until interrupted, registered with the project under a new secret."""
    access = server.access(workspace, settings)
    secret = secrets.token_urlsafe(24)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError as e:
            raise BadInputError(f"port {port}: {e.strerror}; name another with --port") from None
        quiet = uvicorn.Config(app(workspace, secret), log_level="warning", access_log=False)
        serving = uvicorn.Server(quiet)
        thread = threading.Thread(target=serving.run, args=([listening],), daemon=True)
        thread.start()
        try:
            _await(serving, thread)
            with Client(access) as client:
                filled = register(client, settings.title, f"http://127.0.0.1:{port}", secret)
            click.echo(
                f"backend: answers {settings.title!r} at {access.url}, which asked about {filled} tasks "
                f"without a prediction; Ctrl-C ends it"
            )
            while thread.is_alive():
                thread.join(0.5)  # a signal that another thread takes does not end a wait without limit
        except KeyboardInterrupt:
            click.echo("backend: stopped; predictions that are in Label Studio stay")
        finally:
            serving.should_exit = True
            thread.join()


def register(client: Client, title: str, url: str, secret: str) -> int:
    """Make the project ask at `url`, with the secret, and now about all untouched tasks without a prediction.

    Returns how many these are. Raises ServerError where it cannot.
    """
    project = client.project(title)
    if project is None:
        raise ServerError(f"no project {title!r} at {client.access.url}; run `dvc repro` first")
    if project["model_version"] != config.VERSION:  # Label Studio would put the backend's title there
        raise ServerError(f"project {title!r} has no task with a prediction yet; run `dvc repro` first")
    settings = {"url": url, "title": TITLE, "is_interactive": False, "auth_method": "BASIC_AUTH"}
    settings |= {"basic_auth_user": USER, "basic_auth_pass": secret}
    number = int(project["id"])
    client.connect_backend(number, settings)
    counts = ("total_predictions", "total_annotations", "cancelled_annotations")
    tasks = client.tasks(number, ",".join(("id", *counts)))
    lacking = [task["id"] for task in tasks if not any(task[count] for count in counts)]
    client.ask_backend(number, lacking)
    return len(lacking)


def app(workspace: Workspace, secret: str) -> FastAPI:
    """Return the web application; every request needs the secret."""

    def known(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> None:
        right = secrets.compare_digest(given.username.encode(), USER.encode())
        right &= secrets.compare_digest(given.password.encode(), secret.encode())
        if not right:
            raise HTTPException(401, "wrong user or secret", {"WWW-Authenticate": "Basic"})

    web = FastAPI(dependencies=[Depends(known)], docs_url=None, redoc_url=None, openapi_url=None)

    @web.get("/health")
    def health() -> Json:
        return {"status": "UP", "model_class": config.VERSION}

    @web.post("/setup")
    def setup() -> Json:
        return {"model_version": config.VERSION}

    @web.get("/versions")
    def versions() -> Json:
        return {"versions": [config.VERSION]}

    @web.post("/validate")
    def validate() -> Json:
        return {"status": "ok"}

    @web.post("/webhook")  # "start training" among others: training is `dvc repro`'s
    def webhook() -> Json:
        return {"status": "ok"}

    @web.post("/predict")
    def predict_(asked: Asked) -> Json:
        try:
            return {"results": answers(workspace, asked.tasks), "model_version": config.VERSION}
        except PushupDataError as e:
            click.echo(f"error: {e}", err=True)
            raise HTTPException(503, str(e)) from None

    return web


def answers(workspace: Workspace, tasks: Sequence[Task]) -> list[list[Json]]:
    """Return the predictions of each task: one as push makes it, or none for a task that is not push's.

    None also for a rep that is gone, has other bounds today or must not be shown: nothing is known of it.
    And none for a task that somebody has annotated: the ledger would say that they had been shown it.
    """
    known = taxonomy.load(workspace.taxonomy)
    reps = tables.read(tables.REPS, workspace.reps)
    videos = tables.read(tables.VIDEOS, workspace.videos)
    shown = reps.join(videos.filter(pl.col("consent") != "no").select("video_id"), on="video_id")
    rep_of = dict(shown.select("clip", "rep_id").iter_rows())
    blind: dict[str, bool] = {}
    for task in tasks:
        if task.clip in rep_of:
            blind[task.clip] = blind.get(task.clip, False) or task.blind
    rows = [{"position": n, "rep_id": rep_of[clip], "blind": blind[clip]} for n, clip in enumerate(blind)]
    queued = tables.QUEUE.frame(rows).join(reps, on="rep_id")
    opinions = judgement.judge(workspace, queued.filter(~pl.col("blind")).select(reps.columns), known)
    made = push.wanted(queued, opinions.table, known)
    said = {task["clip"]: task["predictions"] for task in made}
    return [[] if task.annotations else said.get(task.clip, []) for task in tasks]


def _await(serving: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_S
    while not serving.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ServerError("the backend did not start")
        time.sleep(0.02)
