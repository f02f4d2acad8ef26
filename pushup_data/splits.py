"""Splits: every subject is in train, val or test, once and for all.

A new subject must be placed before it has labels, so the rules' probabilities stand in for them. Each subject
is described by shares of the whole: of the subjects (1/n), the reps, the reps per camera view, and the
rule-positive mass per error (the sum of the rules' probabilities). With L[s, k] the sum of share k over the
subjects of split s, f[s] the share of s in params.split and w[k] a weight, subjects are placed to keep

    cost = sum over k of w[k] * sum over s of (L[s, k] - f[s])²

small: greedily, largest subject first, then by moving new subjects while that helps. Old ones never move.

Subjects whose videos show the same seconds (`links`, pairs of video ids from signatures.py) go together: new
ones with the old one that they repeat. What would tie two sides together is in no split: a new subject that
repeats people of two sides, and two videos of old subjects that show the same on two sides.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import tables
from pushup_data.errors import BadInputError
from pushup_data.params import Split

SPLITS = ("train", "val", "test")
FOLDS = 5  # of the cross-validation

Floats = npt.NDArray[np.float64]
Links = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class _Shares:
    """What is balanced: one row per subject, one column per thing, each column adding up to 1."""

    subjects: list[str]
    reps: npt.NDArray[np.int64]
    positives: Floats  # rule-positive mass over all errors
    matrix: Floats  # (subjects, things)
    weights: Floats  # (things,)


def assign(
    existing: pl.DataFrame,
    reps: pl.DataFrame,
    rules: pl.DataFrame,
    shares: Split,
    seed: int,
    *,
    links: Links = (),
) -> pl.DataFrame:
    """Return tables.ASSIGNMENTS: the existing rows as they are, and one for every new subject with reps.

    A new subject that repeats old ones of several sides gets no row; left_out() says why. The same subjects
    give the same answer in whatever order rows come.
    Raises BadInputError where an existing row names a split that is none.
    """
    wrong = existing.filter(pl.col("split").is_null() | ~pl.col("split").is_in(SPLITS))
    if len(wrong):
        subject, split = wrong.select("subject", "split").row(0)
        raise BadInputError(
            f"data/assignments.csv: {subject} is in '{split}', which is none of {', '.join(SPLITS)}; "
            f"restore the file from git"
        )
    known = dict(existing.select("subject", "split").iter_rows())
    found = _shares(reps, rules)
    row = {subject: i for i, subject in enumerate(found.subjects)}
    reasons: dict[str, str] = {}
    sides: dict[str, str] = {}
    free: list[list[int]] = []
    for group in grouped(set(row) - set(known), linked_subjects(reps, links)):
        repeated = _repeated(group, known, linked_subjects(reps, links))
        if not repeated:
            free.append([row[subject] for subject in group])
        elif len({known[old] for old in repeated}) == 1:
            for subject in group:
                sides[subject] = known[repeated[0]]
                reasons[subject] = f"shows the same seconds as {', '.join(repeated)}"
    loads = np.zeros((len(SPLITS), found.matrix.shape[1]))
    for subject, split in (known | sides).items():
        if subject in row:
            loads[SPLITS.index(split)] += found.matrix[row[subject]]
    units = _joined(found, free)
    wanted = np.array([1 - shares.val - shares.test, shares.val, shares.test])
    for unit, s in _place(list(range(len(free))), units, loads, wanted, seed).items():
        for i in free[unit]:
            subject = found.subjects[i]
            sides[subject] = SPLITS[s]
            alike = [found.subjects[j] for j in free[unit] if j != i]
            reasons[subject] = (
                f"placed with {found.reps[i]} reps, rule-positive mass {found.positives[i]:.1f}"
                + (f", together with {', '.join(alike)}: the same seconds" if alike else "")
            )
    rows = [{"subject": who, "split": sides[who], "reason": reasons[who]} for who in sides]
    return tables.ASSIGNMENTS.check(pl.concat([existing, tables.ASSIGNMENTS.frame(rows)]))


def left_out(assignments: pl.DataFrame, reps: pl.DataFrame, links: Links = ()) -> pl.DataFrame:
    """Return tables.LEFT_OUT: the videos that are in no split, as they would tie two sides together."""
    side = dict(assignments.select("subject", "split").iter_rows())
    owner = dict(reps.select("video_id", "subject").unique().iter_rows())
    linked = linked_subjects(reps, links)
    reason: dict[str, str] = {}
    for group in grouped(set(owner.values()) - set(side), linked):
        repeated = [f"{old} ({side[old]})" for old in _repeated(group, side, linked)]
        for video_id in (v for v, who in owner.items() if who in group):
            reason[video_id] = f"its subject shows the same seconds as {' and '.join(repeated)}"
    for a, b in links:
        for video_id, other in ((a, b), (b, a)):
            here, there = (side.get(owner.get(v, "")) for v in (video_id, other))
            if here and there and here != there:
                reason[video_id] = f"shows the same seconds as {other} of {owner[other]} ({there})"
    rows = [{"video_id": v, "subject": owner[v], "reason": why} for v, why in reason.items()]
    return tables.LEFT_OUT.frame(rows)


def of_reps(
    reps: pl.DataFrame, assignments: pl.DataFrame, left: pl.DataFrame | None = None
) -> dict[str, str]:
    """Return the split of every rep whose subject has one, by rep_id; none of `left` (tables.LEFT_OUT)."""
    split = dict(assignments.select("subject", "split").iter_rows())
    gone = set() if left is None else set(left["video_id"])
    rows = reps.select("rep_id", "subject", "video_id").iter_rows()
    return {rep_id: split[subject] for rep_id, subject, v in rows if subject in split and v not in gone}


def folds(
    reps: pl.DataFrame, rules: pl.DataFrame, links: Links = (), *, count: int = FOLDS, seed: int = 0
) -> dict[str, int]:
    """Return the fold, 0 to count - 1, of every subject, for cross-validation where people are few.

    Balanced as the splits are; subjects whose videos show the same seconds share a fold. Some folds stay
    empty where there are fewer such groups than folds.
    """
    found = _shares(reps, rules)
    row = {subject: i for i, subject in enumerate(found.subjects)}
    groups = [[row[who] for who in group] for group in grouped(set(row), linked_subjects(reps, links))]
    units = _joined(found, groups)
    loads = np.zeros((count, found.matrix.shape[1]))
    placed = _place(list(range(len(groups))), units, loads, np.full(count, 1 / count), seed)
    return {found.subjects[i]: fold for unit, fold in placed.items() for i in groups[unit]}


def linked_subjects(reps: pl.DataFrame, links: Links) -> set[tuple[str, str]]:
    """Return the pairs of different subjects whose videos are linked."""
    owner = dict(reps.select("video_id", "subject").unique().iter_rows())
    pairs = {(owner[a], owner[b]) for a, b in links if a in owner and b in owner}
    return {(a, b) for a, b in pairs if a != b}


def grouped(subjects: set[str], between: set[tuple[str, str]]) -> list[list[str]]:
    """Return the subjects, those joined by links (however indirectly) together, in order of their names."""
    parent = {subject: subject for subject in subjects}

    def root(subject: str) -> str:
        while parent[subject] != subject:
            parent[subject] = parent[parent[subject]]
            subject = parent[subject]
        return subject

    for a, b in between:
        if a in parent and b in parent:
            low, high = sorted((root(a), root(b)))
            parent[high] = low
    groups: dict[str, list[str]] = {}
    for subject in sorted(subjects):
        groups.setdefault(root(subject), []).append(subject)
    return list(groups.values())


def _repeated(group: Sequence[str], known: Mapping[str, str], between: set[tuple[str, str]]) -> list[str]:
    """Return the known subjects that somebody of the group is linked to."""
    either = between | {(b, a) for a, b in between}
    return sorted({b for a, b in either if a in group and b in known})


def _joined(found: _Shares, groups: Sequence[Sequence[int]]) -> _Shares:
    """Return one row per group of subjects: the sums of theirs."""
    rows = [list(group) for group in groups]
    matrix = np.array([found.matrix[g].sum(axis=0) for g in rows]).reshape(len(rows), found.matrix.shape[1])
    return _Shares(
        [found.subjects[g[0]] for g in rows],
        np.array([found.reps[g].sum() for g in rows], dtype=np.int64),
        np.array([found.positives[g].sum() for g in rows]),
        matrix,
        found.weights,
    )


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
        for s in range(len(loads)):
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
