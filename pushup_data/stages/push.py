"""Put the queue into Label Studio, pre-annotated."""

import click
import polars as pl

from pushup_data import files, locks, tables, taxonomy
from pushup_data.labelstudio import push, server
from pushup_data.labelstudio.client import Client
from pushup_data.params import Params
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Bring the project into step with the queue, and write down where each rep's task is.

    Tasks of videos without consent go from the project of sets, too.
    """
    known = taxonomy.load(workspace.taxonomy)
    reps = tables.read(tables.REPS, workspace.reps)
    videos = tables.read(tables.VIDEOS, workspace.videos)
    shown = videos.filter(pl.col("consent") != "no")["video_id"]
    withheld = set(videos["video_id"]) - set(shown)
    queued = tables.read(tables.QUEUE, workspace.queue).join(reps, on="rep_id")
    queued = queued.filter(pl.col("video_id").is_in(shown.implode()))
    predictions = tables.read(tables.PREDICTIONS, workspace.predictions)
    tasks = push.wanted(queued, predictions, known)
    push.check(tasks, known)
    access = server.access(workspace, params.labelstudio, start_if_down=True)
    with locks.held(workspace.locks / "push.lock", wait_s=600, doing="pushing"), Client(access) as client:
        done = push.sync(client, workspace, params.labelstudio, tasks, known, withheld=withheld)
        push.withdraw(client, workspace, params.labelstudio, withheld)
    receipt = {"server": access.identity, "project": done.project, "tasks": done.tasks}
    files.write_json(workspace.receipt, receipt)
    click.echo(
        f"push: {len(tasks)} reps in {params.labelstudio.title!r} at {access.url}: "
        f"{done.created} tasks created, {done.kept} kept, {done.deleted} no longer wanted"
    )
    if done.twice:
        click.echo(
            f"push: {len(done.twice)} reps have two tasks that somebody touched, both stay: "
            f"{', '.join(done.twice[:5])}"
        )
