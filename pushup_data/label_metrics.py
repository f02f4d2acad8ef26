"""What metrics/labels.json says: how many labels there are, and how far to trust them."""

from collections.abc import Collection, Sequence
from typing import Any

import polars as pl

from pushup_data import agreement, bias, reviews
from pushup_data.labels import Filed
from pushup_data.ledger import Entry
from pushup_data.reliability import Reliability
from pushup_data.taxonomy import Taxonomy
from pushup_data.votes import Votes


def counts(filed: Filed, consensus: pl.DataFrame, taxonomy: Taxonomy) -> dict[str, Any]:
    """Return how many annotations and labels there are."""
    standing = [*filed.counted, *filed.superseded, *(o.entry for o in filed.orphans)]
    errors = {}
    for error in taxonomy.ids:
        values = consensus.filter((pl.col("error") == error) & pl.col("usable"))["value"].to_list()
        errors[error] = {value: values.count(value) for value in ("present", "absent", "unknown")}
    usable = consensus.filter("usable")
    return {
        "annotations": len(standing),
        "annotators": len({e.annotator for e in standing}),
        "simulated": sum(e.simulated for e in standing),
        "superseded": len(filed.superseded),
        "annotated_reps": consensus["rep_id"].n_unique(),
        "labelled_reps": usable.filter(pl.col("value") != "unknown")["rep_id"].n_unique(),
        "unusable_reps": consensus.filter(~pl.col("usable"))["rep_id"].n_unique(),
        "errors": errors,
        "orphans": len(filed.orphans),
        "orphaned": [
            {
                "rep_id": o.entry.rep_id,
                "project": o.entry.project,
                "annotation": o.entry.annotation,
                "why": o.why,
            }
            for o in sorted(filed.orphans, key=lambda o: o.entry.key)
        ],
    }


def trust(
    unselected: Sequence[Entry],
    said: Votes,
    reliability: Reliability,
    *,
    consensus: pl.DataFrame,
    asked: pl.DataFrame,
    votes: dict[str, int],
    reps: pl.DataFrame,
    rules: pl.DataFrame,
    train: Collection[str],
    taxonomy: Taxonomy,
    bootstrap: int,
    seed: int,
) -> dict[str, Any]:
    """Return agreement, annotators, the effect of pre-annotation, and how reviews ended.

    `unselected` are the annotations that no review asked for, `said` their votes, `votes` people per rep in
    all, `asked` tables.REVIEWS.
    """
    subjects = dict(reps.select("rep_id", "subject").iter_rows())
    effect = bias.compare(unselected, reps, rules, train, taxonomy, bootstrap=bootstrap, seed=seed)
    return {
        "agreement": agreement.agreement(said, subjects, bootstrap=bootstrap, seed=seed),
        "reliability": reliability.report(),
        "preannotation": effect,
        "reviews": reviews.summary(asked, consensus, votes),
    }
