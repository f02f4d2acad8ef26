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
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import tables
from pushup_data.errors import BadInputError
from pushup_data.params import Split

SPLITS = ("train", "val", "test")
RANDOM_SPLITS = 1000
FOLDS = 5  # of the cross-validation
FEW = 5  # held-out subjects below which an interval over subjects says little

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
    wrong = existing.filter(~pl.col("split").is_in(SPLITS))
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
    for group in _groups(set(row) - set(known), _between(reps, links)):
        repeated = _repeated(group, known, _between(reps, links))
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
    between = _between(reps, links)
    reason: dict[str, str] = {}
    for group in _groups(set(owner.values()) - set(side), between):
        repeated = [f"{old} ({side[old]})" for old in _repeated(group, side, between)]
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
    groups = [[row[who] for who in group] for group in _groups(set(row), _between(reps, links))]
    units = _joined(found, groups)
    loads = np.zeros((count, found.matrix.shape[1]))
    placed = _place(list(range(len(groups))), units, loads, np.full(count, 1 / count), seed)
    return {found.subjects[i]: fold for unit, fold in placed.items() for i in groups[unit]}


def summary(
    assignments: pl.DataFrame,
    reps: pl.DataFrame,
    rules: pl.DataFrame,
    *,
    links: Links = (),
    left: pl.DataFrame | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return metrics/split.json. Leaks are counted on the finished tables, not taken for granted."""
    links = list(links)
    left = tables.LEFT_OUT.empty() if left is None else left
    split = of_reps(reps, assignments, left)
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
        "near_duplicate_videos": len(links),
        "near_duplicates_across": _across(sides, links),
        "left_out": dict(left.select("video_id", "reason").iter_rows()),
        "reps_without_split": placed["split"].null_count(),
        "prevalence_by_rules": prevalence,  # mean probability over reps the rules can judge
        "prevalence_gap": gaps(placed, rules, links, seed=seed),
        "cross_validation": _cross_validation(reps, rules, links, seed) if _too_few(subjects) else None,
        "warnings": _warnings(subjects),
    }


def gaps(
    placed: pl.DataFrame, rules: pl.DataFrame, links: Links = (), *, seed: int = 0
) -> dict[str, dict[str, float | None]]:
    """Return how unequal the sides are per error, beside RANDOM_SPLITS that place the same groups at random.

    `placed` has rep_id, subject, video_id and split. The gap is the largest less the smallest mean
    probability of a side, over the reps that the rules can judge. Random splits have as many groups per side,
    also only whole ones. `percentile`: the share of them whose gap is smaller, in percent; lower is better.
    """
    placed = placed.filter(pl.col("split").is_not_null())
    groups = _groups(set(placed["subject"]), _between(placed, links))
    unit = {who: u for u, group in enumerate(groups) for who in group}
    names = sorted(set(placed["split"]))
    side = np.zeros(len(groups), dtype=np.int64)
    for who, split in placed.select("subject", "split").unique().iter_rows():
        side[unit[who]] = names.index(split)
    rng = np.random.default_rng(seed)
    drawn = np.stack([side, *(rng.permutation(side) for _ in range(RANDOM_SPLITS))])
    judged = rules.join(placed.select("rep_id", "subject"), on="rep_id").drop_nulls("probability")
    found: dict[str, dict[str, float | None]] = {}
    for error in sorted(set(rules["error"])):
        here = judged.filter(pl.col("error") == error).sort("rep_id")
        at = np.array([unit[who] for who in here["subject"]], dtype=np.int64)
        mass, count = (
            np.bincount(at, weights, minlength=len(groups))
            for weights in (here["probability"].to_numpy(), None)
        )
        gap = _gap(drawn, mass, count.astype(np.float64), len(names))
        by_chance = gap[1:][np.isfinite(gap[1:])]
        if not np.isfinite(gap[0]) or not len(by_chance):
            found[error] = {"gap": None, "random_median": None, "percentile": None}
            continue
        found[error] = {
            "gap": round(float(gap[0]), 4),
            "random_median": round(float(np.median(by_chance)), 4),
            "percentile": round(float((by_chance < gap[0] - 1e-12).mean() * 100), 1),
        }
    return found


def _gap(drawn: npt.NDArray[np.int64], mass: npt.NDArray[Any], count: npt.NDArray[Any], sides: int) -> Floats:
    """Return (B,) gaps of (B, groups) splits; NaN where fewer than two sides have reps that can be judged."""
    means = []
    for s in range(sides):
        here = (drawn == s).astype(np.float64)
        reps = here @ count
        means.append(np.divide(here @ mass, reps, out=np.full(len(drawn), np.nan), where=reps > 0))
    table = np.array(means).reshape(sides, len(drawn))
    enough = np.isfinite(table).sum(axis=0) >= 2
    gap = np.full(len(drawn), np.nan)
    if enough.any():
        gap[enough] = np.nanmax(table[:, enough], axis=0) - np.nanmin(table[:, enough], axis=0)
    return gap


def _cross_validation(reps: pl.DataFrame, rules: pl.DataFrame, links: Links, seed: int) -> dict[str, Any]:
    fold = folds(reps, rules, links, seed=seed)
    placed = reps.select("rep_id", "subject", "video_id").with_columns(
        split=pl.col("subject").replace_strict(fold, default=None, return_dtype=pl.Int64).cast(pl.String)
    )
    return {
        "why": f"fewer than {FEW} test subjects: measure by cross-validation over people",
        "folds": FOLDS,
        "subjects": [sum(f == k for f in fold.values()) for k in range(FOLDS)],
        "prevalence_gap": gaps(placed, rules, links, seed=seed),
    }


def _too_few(subjects: Mapping[str, int]) -> bool:
    return sum(subjects.values()) > 0 and subjects["test"] < FEW


def _warnings(subjects: Mapping[str, int]) -> list[str]:
    total = sum(subjects.values())
    found = []
    for s, use in (("val", "no threshold and no verdict"), ("test", "no honest figure")):
        if total and subjects[s] == 0:
            found.append(f"no {s} subject among {total}: {use} yet; add videos of more people")
        elif 0 < subjects[s] < FEW:
            found.append(f"only {subjects[s]} {s} subjects: intervals over subjects will be wide or missing")
    if _too_few(subjects):
        found.append("too few test subjects for a proper test: cross-validate over people (splits.folds)")
    return found


def _shared(sides: dict[str, pl.DataFrame], column: str) -> int:
    seen = [set(side[column]) for side in sides.values()]
    return sum(len(a & b) for i, a in enumerate(seen) for b in seen[i + 1 :])


def _across(sides: Mapping[str, pl.DataFrame], links: Links) -> int:
    side = {v: s for s, frame in sides.items() for v in frame["video_id"].unique()}
    return sum(a in side and b in side and side[a] != side[b] for a, b in links)


def _between(reps: pl.DataFrame, links: Links) -> set[tuple[str, str]]:
    """Return the pairs of different subjects whose videos are linked."""
    owner = dict(reps.select("video_id", "subject").unique().iter_rows())
    pairs = {(owner[a], owner[b]) for a, b in links if a in owner and b in owner}
    return {(a, b) for a, b in pairs if a != b}


def _groups(subjects: set[str], between: set[tuple[str, str]]) -> list[list[str]]:
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
