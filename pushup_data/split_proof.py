"""The written proof of a split, metrics/split.json: what is shared, and how unequal the sides are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import splits, tables
from pushup_data.splits import Floats, Links

RANDOM_SPLITS = 1000
FEW = 5  # held-out subjects below which an interval over subjects says little


def proof(
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
    split = splits.of_reps(reps, assignments, left)
    placed = reps.select("rep_id", "subject", "video_id").with_columns(
        split=pl.col("rep_id").replace_strict(split, default=None, return_dtype=pl.String)
    )
    sides = {s: placed.filter(pl.col("split") == s) for s in splits.SPLITS}
    subjects = {s: side["subject"].n_unique() for s, side in sides.items()}
    judged = rules.join(placed, on="rep_id").filter(pl.col("probability").is_not_null())
    prevalence: dict[str, dict[str, float | None]] = {}
    for error in sorted(set(rules["error"])):
        prevalence[error] = {}
        for s in splits.SPLITS:
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
    groups = splits.grouped(set(placed["subject"]), splits.linked_subjects(placed, links))
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
    fold = splits.folds(reps, rules, links, seed=seed)
    placed = reps.select("rep_id", "subject", "video_id").with_columns(
        split=pl.col("subject").replace_strict(fold, default=None, return_dtype=pl.Int64).cast(pl.String)
    )
    return {
        "why": f"fewer than {FEW} test subjects: measure by cross-validation over people",
        "folds": splits.FOLDS,
        "fold": dict(sorted(fold.items())),
        "subjects": [sum(f == k for f in fold.values()) for k in range(splits.FOLDS)],
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
        found.append("too few test subjects for a proper test: evaluate cross-validates over people")
    return found


def _shared(sides: dict[str, pl.DataFrame], column: str) -> int:
    seen = [set(side[column]) for side in sides.values()]
    return sum(len(a & b) for i, a in enumerate(seen) for b in seen[i + 1 :])


def _across(sides: Mapping[str, pl.DataFrame], links: Links) -> int:
    side = {v: s for s, frame in sides.items() for v in frame["video_id"].unique()}
    return sum(a in side and b in side and side[a] != side[b] for a, b in links)
