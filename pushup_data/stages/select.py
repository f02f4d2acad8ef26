"""Choose the reps to be annotated next."""

import click
import polars as pl

from pushup_data import acquisition, ledger, tables
from pushup_data.params import Params
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Write queue.parquet."""
    reps = tables.read(tables.REPS, workspace.reps)
    videos = tables.read(tables.VIDEOS, workspace.videos)
    withheld = videos.filter(pl.col("consent") == "no")["video_id"].to_list()
    # A video in no split serves nobody: no minute of an annotator's for it.
    withheld += tables.read(tables.LEFT_OUT, workspace.left_out, default_empty=True)["video_id"].to_list()
    seen = acquisition.history(ledger.read(workspace.annotations), reps)
    queue = acquisition.queue(
        reps,
        tables.read(tables.PREDICTIONS, workspace.predictions),
        tables.read(tables.ASSIGNMENTS, workspace.assignments, default_empty=True),
        seen,
        withheld=withheld,
        settings=params.select,
        overlap=params.labelstudio.overlap,
        seed=params.seed,
    )
    tables.write(tables.QUEUE, queue, workspace.queue)
    begun = queue.filter(pl.col("rep_id").is_in(list(seen.votes)))
    blind = queue["blind"].sum()
    click.echo(
        f"select: {len(queue)} of {len(reps)} reps queued: {blind} drawn at random and blind, "
        f"{len(queue) - blind} by uncertainty"
        + (f"; {len(begun)} wait for another opinion" if len(begun) else "")
    )
