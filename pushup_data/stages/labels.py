"""Make one consensus label per (rep, error) from the ledger."""

from collections import Counter

import click

from pushup_data import (
    consensus,
    files,
    label_metrics,
    labels,
    ledger,
    reliability,
    reviews,
    splits,
    tables,
    taxonomy,
    votes,
)
from pushup_data.params import Params
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Write labels.parquet and metrics/labels.json.

    reviews.csv, written by `select` at the end of the round, is read without being a dependency, since
    `select` depends on labels: what has been asked for changes nothing here before somebody answers.
    """
    known = taxonomy.load(workspace.taxonomy)
    reps = tables.read(tables.REPS, workspace.reps)
    left = tables.read(tables.LEFT_OUT, workspace.left_out, default_empty=True)
    split = splits.of_reps(reps, tables.read(tables.ASSIGNMENTS, workspace.assignments), left)
    asked = tables.read(tables.REVIEWS, workspace.reviews, default_empty=True)
    filed = labels.file(ledger.standing(ledger.read(workspace.annotations)), reps)
    unselected = reviews.unselected(filed.counted, asked)
    sample = votes.gather(unselected, known)
    rates = reliability.estimate(sample)
    said = votes.gather(filed.counted, known)
    table = consensus.consensus(
        filed.counted, said, rates.accuracy(said.annotators), params.labels.min_certainty
    )
    found = label_metrics.counts(filed, table, known) | label_metrics.trust(
        unselected,
        sample,
        rates,
        consensus=table,
        asked=asked,
        votes=dict(Counter(e.rep_id for e in filed.counted)),
        reps=reps,
        rules=tables.read(tables.RULES, workspace.rules),
        train={rep_id for rep_id, side in split.items() if side == "train"},
        taxonomy=known,
        bootstrap=params.evaluate.bootstrap,
        seed=params.seed,
    )
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
