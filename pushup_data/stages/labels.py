"""Make one consensus label per (rep, error) from the ledger."""

import click

from pushup_data import files, labels, ledger, tables, taxonomy
from pushup_data.params import Params
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Write labels.parquet and metrics/labels.json."""
    known = taxonomy.load(workspace.taxonomy)
    reps = tables.read(tables.REPS, workspace.reps)
    filed = labels.file(ledger.standing(ledger.read(workspace.annotations)), reps)
    table = labels.consensus(filed.counted, known, params.labels.min_certainty)
    found = labels.summary(filed, table, known)
    tables.write(tables.LABELS, table, workspace.labels)
    files.write_json(workspace.metrics / "labels.json", found)
    click.echo(
        f"labels: {found['labelled_reps']} reps labelled and {found['unusable_reps']} called unusable "
        f"by {found['annotators']} people in {found['annotations']} annotations"
    )
    if filed.orphans:
        click.echo(
            f"labels: {len(filed.orphans)} annotations set aside, their reps moved or are gone "
            f"(metrics/labels.json lists them); what is there today is queued again"
        )
