"""Stage curate: write the tables that FiftyOne is built from."""

import click

from pushup_data import curation, splits, tables
from pushup_data.params import Params
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Write data/curation/samples.parquet. `pushup-data app` reads the other tables as they are."""
    reps = tables.read(tables.REPS, workspace.reps)
    assignments = tables.read(tables.ASSIGNMENTS, workspace.assignments)
    left = tables.read(tables.LEFT_OUT, workspace.left_out, default_empty=True)
    frame = curation.samples(
        reps=reps,
        videos=tables.read(tables.VIDEOS, workspace.videos),
        predictions=tables.read(tables.PREDICTIONS, workspace.predictions),
        labels=tables.read(tables.LABELS, workspace.labels),
        split=splits.of_reps(reps, assignments, left),
        queue=tables.read(tables.QUEUE, workspace.queue),
    )
    tables.write(tables.SAMPLES, frame, workspace.samples)
    labelled, queued = frame["labelled"].sum(), frame["queued"].count()
    click.echo(f"curate: {len(frame)} reps, {labelled} labelled, {queued} queued: see `pushup-data app`")
