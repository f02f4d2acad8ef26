"""Second opinions on labels that are in doubt, and how they ended.

A review is asked for because of what a model thinks of a label, so its votes are no sample of anything: they
settle the label (consensus.py) but do not count where agreement or reliability is measured.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pushup_data import ledger, tables
from pushup_data.ledger import Entry

MIN_DOUBT = 0.5  # above it the machine would say the other thing
OUTCOMES = ("confirmed", "overturned", "settled", "undecided", "open")


def tied(consensus: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of tables.LABELS where people contradict each other and nothing is known."""
    return consensus.filter(
        "usable", (pl.col("value") == "unknown") & (pl.col("present") > 0) & (pl.col("absent") > 0)
    )


def worth(doubts: pl.DataFrame, consensus: pl.DataFrame) -> dict[str, float]:
    """Return how much a second opinion on each rep is worth; reps that are not in doubt are left out.

    A label counts by how far the machine is on the other side, 2 * doubt - 1 where that is positive; one on
    which people contradict each other counts 1. A person who looks at a rep judges all its errors at once, so
    they add up: on simulated flips that finds more than to go by a rep's worst label.
    """
    total = dict.fromkeys(doubts["rep_id"], 0.0)
    for rep_id, doubt in doubts.filter(pl.col("doubt") > MIN_DOUBT).select("rep_id", "doubt").iter_rows():
        total[rep_id] += 2 * doubt - 1
    for rep_id in tied(consensus)["rep_id"]:
        total[rep_id] = total.get(rep_id, 0.0) + 1
    return {rep_id: value for rep_id, value in total.items() if value > 0}


def asked(
    known: pl.DataFrame,
    queue: pl.DataFrame,
    doubts: pl.DataFrame,
    consensus: pl.DataFrame,
    votes: Mapping[str, int],
) -> pl.DataFrame:
    """Return tables.REVIEWS with what this queue asks for added to what is known; nothing is ever removed."""
    reviewed = queue.filter(pl.col("reason") == "review").select("rep_id")
    doubted = doubts.filter(pl.col("doubt") > MIN_DOUBT).select("rep_id", "error", "value", "probability")
    open_ = tied(consensus).select("rep_id", "error", "value", probability=pl.lit(None, dtype=pl.Float64))
    doubted = doubted.join(open_, on=["rep_id", "error"], how="anti")  # of labels from before the tie
    before = set(known.select("rep_id", "votes").iter_rows())
    rows = [
        row | {"votes": votes.get(row["rep_id"], 0)}
        for row in pl.concat([open_, doubted]).join(reviewed, on="rep_id").rows(named=True)
        if (row["rep_id"], votes.get(row["rep_id"], 0))
        not in before  # asked already, and nobody has answered
    ]
    return tables.REVIEWS.check(pl.concat([known, tables.REVIEWS.frame(rows)]))


def outcome(review: Mapping[str, Any], label: Mapping[str, Any] | None, votes: int) -> str:
    """Say how a review ended: one of OUTCOMES.

    `review` is a row of tables.REVIEWS, `label` today's row of tables.LABELS. Open: nobody has answered yet.
    Undecided: they have, and it is not known which is right; such a label is not trained on. A tie is
    settled, a label confirmed or overturned. That the rep is no longer called usable overturns its label.
    """
    if votes <= review["votes"] or label is None:
        return "open"
    if not label["usable"]:
        return "settled" if review["value"] == "unknown" else "overturned"
    if label["value"] == "unknown":
        return "undecided"
    if review["value"] == "unknown":
        return "settled"
    return "confirmed" if label["value"] == review["value"] else "overturned"


def summary(reviews: pl.DataFrame, consensus: pl.DataFrame, votes: Mapping[str, int]) -> dict[str, Any]:
    """Return how the reviews ended, in all and one by one."""
    label = {(row["rep_id"], row["error"]): row for row in consensus.rows(named=True)}
    each = [
        {
            **{k: review[k] for k in ("rep_id", "error", "value")},
            "now": (label.get((review["rep_id"], review["error"])) or {}).get("value"),
            "outcome": outcome(
                review, label.get((review["rep_id"], review["error"])), votes.get(review["rep_id"], 0)
            ),
        }
        for review in reviews.rows(named=True)
    ]
    counts = Counter(row["outcome"] for row in each)
    return {**{name: counts[name] for name in OUTCOMES}, "each": each}


def unselected(counted: Iterable[Entry], reviews: pl.DataFrame) -> list[Entry]:
    """Return the annotations that nobody asked for because of their rep's label: all but reviews' own."""
    first = dict(reviews.group_by("rep_id").agg(pl.col("votes").min()).iter_rows())
    by_rep: dict[str, list[Entry]] = defaultdict(list)
    for entry in counted:
        by_rep[entry.rep_id].append(entry)
    kept: list[Entry] = []
    for rep_id, entries in by_rep.items():
        entries.sort(key=lambda e: (ledger.moment(e.created_at), *e.key))
        kept += entries[: first.get(rep_id, len(entries))]
    return kept


def pending(reviews: pl.DataFrame, votes: Mapping[str, int]) -> dict[str, int]:
    """Return the reps whose review nobody has answered, and how many people had annotated them before."""
    last = reviews.group_by("rep_id").agg(pl.col("votes").max())
    return {rep_id: before for rep_id, before in last.iter_rows() if votes.get(rep_id, 0) <= before}
