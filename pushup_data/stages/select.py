"""Choose the reps to be annotated next."""

import click
import polars as pl

from pushup_data import acquisition, ledger, reviews, tables
from pushup_data.params import Params
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Write queue.parquet, and append what is reviewed to reviews.csv."""
    reps = tables.read(tables.REPS, workspace.reps)
    videos = tables.read(tables.VIDEOS, workspace.videos)
    withheld = videos.filter(pl.col("consent") == "no")["video_id"].to_list()
    # A video in no split serves nobody: no minute of an annotator's for it.
    withheld += tables.read(tables.LEFT_OUT, workspace.left_out, default_empty=True)["video_id"].to_list()
    seen = acquisition.history(ledger.read(workspace.annotations), reps)
    labels = tables.read(tables.LABELS, workspace.labels)
    doubts = tables.read(tables.DOUBTS, workspace.doubts)
    asked = tables.read(tables.REVIEWS, workspace.reviews, default_empty=True)
    queue = acquisition.queue(
        reps,
        tables.read(tables.PREDICTIONS, workspace.predictions),
        tables.read(tables.ASSIGNMENTS, workspace.assignments, default_empty=True),
        seen,
        withheld=withheld,
        settings=params.select,
        overlap=params.labelstudio,
        seed=params.seed,
        doubts=reviews.worth(doubts, labels),
        pending=reviews.pending(asked, seen.votes),
    )
    tables.write(tables.QUEUE, queue, workspace.queue)
    asked = reviews.asked(asked, queue, doubts, labels, seen.votes)
    tables.write(tables.REVIEWS, asked, workspace.reviews)
    kinds = dict(queue.group_by("reason").len().iter_rows())
    others = {"overlap": "wait for another opinion", "review": "have a label in doubt"}
    click.echo(
        f"select: {len(queue)} of {len(reps)} reps queued: "
        f"{kinds.get('random', 0)} drawn at random and blind, {kinds.get('uncertain', 0)} by uncertainty"
        + "".join(f"; {kinds[kind]} {why}" for kind, why in others.items() if kind in kinds)
    )
