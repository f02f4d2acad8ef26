"""Splits: every subject is in train, val or test, once and for all.

A new subject must be placed before it has labels, so the rules' probabilities stand in for them. Each subject
is described by shares of the whole: of the subjects (1/n), the reps, the reps per camera view, and the
rule-positive mass per error (the sum of the rules' probabilities). With L[s, k] the sum of share k over the
subjects of split s, f[s] the share of s in params.split and w[k] a weight, subjects are placed to keep

    cost = sum over k of w[k] * sum over s of (L[s, k] - f[s])²

small: greedily, largest subject first, then by moving new subjects while that helps. Old ones never move.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import tables
from pushup_data.errors import BadInputError
from pushup_data.params import Split

SPLITS = ("train", "val", "test")
FEW = 5  # held-out subjects below which an interval over subjects says little

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Shares:
    """What is balanced: one row per subject, one column per thing, each column adding up to 1."""

    subjects: list[str]
    reps: npt.NDArray[np.int64]
    positives: Floats  # rule-positive mass over all errors
    matrix: Floats  # (subjects, things)
    weights: Floats  # (things,)


def assign(
    existing: pl.DataFrame, reps: pl.DataFrame, rules: pl.DataFrame, shares: Split, seed: int
) -> pl.DataFrame:
    """Return tables.ASSIGNMENTS: the existing rows as they are, and one for every new subject with reps.

    The same subjects give the same answer in whatever order rows come.
    Raises BadInputError where an existing row names a split that is none.
    """
    wrong = existing.filter(~pl.col("split").is_in(SPLITS))
    if len(wrong):
        subject, split = wrong.select("subject", "split").row(0)
        raise BadInputError(
            f"data/assignments.csv: {subject} is in '{split}', which is none of {', '.join(SPLITS)}; "
            f"restore the file from git"
        )
    known = dict(existing.select("subject", "split").iter_rows())
    found = _shares(reps, rules)
    new = [i for i, subject in enumerate(found.subjects) if subject not in known]
    if not new:
        return tables.ASSIGNMENTS.check(existing)
    wanted = np.array([1 - shares.val - shares.test, shares.val, shares.test])
    loads = np.zeros((len(SPLITS), found.matrix.shape[1]))
    for i, subject in enumerate(found.subjects):
        if subject in known:
            loads[SPLITS.index(known[subject])] += found.matrix[i]
    placed = _place(new, found, loads, wanted, seed)
    rows = [
        {
            "subject": found.subjects[i],
            "split": SPLITS[s],
            "reason": f"placed with {found.reps[i]} reps, rule-positive mass {found.positives[i]:.1f}",
        }
        for i, s in placed.items()
    ]
    return tables.ASSIGNMENTS.check(pl.concat([existing, tables.ASSIGNMENTS.frame(rows)]))


def of_reps(reps: pl.DataFrame, assignments: pl.DataFrame) -> dict[str, str]:
    """Return the split of every rep whose subject has one, by rep_id."""
    split = dict(assignments.select("subject", "split").iter_rows())
    pairs = reps.select("rep_id", "subject").iter_rows()
    return {rep_id: split[subject] for rep_id, subject in pairs if subject in split}


def summary(assignments: pl.DataFrame, reps: pl.DataFrame, rules: pl.DataFrame) -> dict[str, Any]:
    """Return metrics/split.json. Leaks are counted on the finished tables, not taken for granted."""
    split = of_reps(reps, assignments)
    placed = reps.select("rep_id", "subject", "video_id").with_columns(
        split=pl.col("rep_id").replace_strict(split, default=None, return_dtype=pl.String)
    )
    sides = {s: placed.filter(pl.col("split") == s) for s in SPLITS}
    subjects = {s: side["subject"].n_unique() for s, side in sides.items()}
    judged = rules.join(placed, on="rep_id").filter(pl.col("probability").is_not_null())
    prevalence: dict[str, dict[str, float | None]] = {}
    for error in sorted(set(rules["error"])):
        prevalence[error] = {}
        for s in SPLITS:
            here = judged.filter((pl.col("error") == error) & (pl.col("split") == s))["probability"]
            prevalence[error][s] = round(float(np.mean(np.sort(here.to_numpy()))), 4) if len(here) else None
    return {
        "subjects": subjects,
        "reps": {s: len(side) for s, side in sides.items()},
        "shared_subjects": _shared(sides, "subject"),
        "shared_videos": _shared(sides, "video_id"),
        "reps_without_split": placed["split"].null_count(),
        "prevalence_by_rules": prevalence,  # mean probability over reps the rules can judge
        "warnings": _warnings(subjects),
    }


def _warnings(subjects: dict[str, int]) -> list[str]:
    total = sum(subjects.values())
    found = []
    for s, use in (("val", "no threshold and no verdict"), ("test", "no honest figure")):
        if total and subjects[s] == 0:
            found.append(f"no {s} subject among {total}: {use} yet; add videos of more people")
        elif 0 < subjects[s] < FEW:
            found.append(f"only {subjects[s]} {s} subjects: intervals over subjects will be wide or missing")
    return found


def _shared(sides: dict[str, pl.DataFrame], column: str) -> int:
    seen = [set(side[column]) for side in sides.values()]
    return sum(len(a & b) for i, a in enumerate(seen) for b in seen[i + 1 :])


def _shares(reps: pl.DataFrame, rules: pl.DataFrame) -> _Shares:
    # Sorted, so that sums come out the same to the last bit whatever the order of rows.
    reps = reps.select("rep_id", "subject", "view").sort("rep_id")
    subjects = sorted(set(reps["subject"]))
    row = {subject: i for i, subject in enumerate(subjects)}
    owner = {rep_id: row[subject] for rep_id, subject in reps.select("rep_id", "subject").iter_rows()}

    def columns(pairs: Sequence[tuple[str, str, float]]) -> Floats:
        names = sorted({name for _, name, _ in pairs})
        table = np.zeros((len(subjects), len(names)))
        for rep_id, name, amount in pairs:
            table[owner[rep_id], names.index(name)] += amount
        return table[:, table.sum(0) > 0]

    probabilities = rules.select("rep_id", "error", "probability").drop_nulls().sort("rep_id", "error")
    groups = [
        np.ones((len(subjects), 1)),
        columns([(r, "reps", 1.0) for r in owner]),
        columns([(r, view, 1.0) for r, view in reps.select("rep_id", "view").iter_rows()]),
        columns([row for row in probabilities.iter_rows() if row[0] in owner]),
    ]
    # Every group weighs the same, however many views or errors there are.
    weights = [np.full(g.shape[1], 1 / g.shape[1]) for g in groups if g.shape[1]]
    matrix = np.concatenate(groups, axis=1)
    counts = groups[1][:, 0].astype(np.int64) if subjects else np.zeros(0, np.int64)
    totals = matrix.sum(0) if subjects else np.ones(matrix.shape[1])
    return _Shares(subjects, counts, groups[3].sum(1), matrix / totals, np.concatenate(weights))


def _place(new: list[int], found: _Shares, loads: Floats, wanted: Floats, seed: int) -> dict[int, int]:
    """Return the split of every new subject; `loads` (splits, things) is what the old ones weigh."""

    def cost() -> float:
        return float((((loads - wanted[:, None]) ** 2).sum(0) * found.weights).sum())

    def best(subject: int) -> int:
        costs = []
        for s in range(len(SPLITS)):
            loads[s] += found.matrix[subject]
            costs.append(round(cost(), 12))  # rounded: equally good is equally good, and train comes first
            loads[s] -= found.matrix[subject]
        return int(np.argmin(costs))

    size = (found.matrix * found.weights).sum(1)
    order = sorted(new, key=lambda i: (-round(size[i], 12), _hash(seed, found.subjects[i])))
    placed: dict[int, int] = {}
    for i in order:
        placed[i] = best(i)
        loads[placed[i]] += found.matrix[i]
    for _ in range(20):
        moved = False
        for i in order:
            before, s = round(cost(), 12), placed[i]
            loads[s] -= found.matrix[i]
            placed[i] = best(i)
            loads[placed[i]] += found.matrix[i]
            if round(cost(), 12) >= before:  # no better: stay, or two subjects could swap places for ever
                loads[placed[i]] -= found.matrix[i]
                loads[s] += found.matrix[i]
                placed[i] = s
            moved |= placed[i] != s
        if not moved:
            break
    return placed


def _hash(seed: int, subject: str) -> str:
    return hashlib.sha256(f"{seed}:{subject}".encode()).hexdigest()
