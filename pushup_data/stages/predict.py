"""Predict every error of every rep with the better of model and rules."""

import click

from pushup_data import judgement, predictions, tables, taxonomy
from pushup_data.params import Params
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Write predictions.parquet and embeddings.parquet."""
    reps = tables.read(tables.REPS, workspace.reps)
    found = judgement.judge(workspace, reps, taxonomy.load(workspace.taxonomy))
    tables.write(tables.PREDICTIONS, found.table, workspace.predictions)
    embedded = predictions.embedded(reps["rep_id"].to_list(), found.embeddings)
    tables.write(tables.EMBEDDINGS, embedded, workspace.embeddings)
    beside = " (candidate beside them)" if found.beside else ""
    table = found.table
    click.echo(
        f"predict: {len(reps)} reps by {found.speaker}{beside}: {table['probability'].count()} of "
        f"{len(table)} (rep, error) pairs can be told, {table['present'].sum()} are present"
    )
