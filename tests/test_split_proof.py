import numpy as np
import polars as pl

from pushup_data import split_proof, splits, tables
from tests.crowds import NONE, SHARES, data


def test_a_rare_error_and_a_rare_view_reach_every_side():
    everybody = {
        f"p{i:02}": (3, "front" if i % 4 == 0 else "side", 0.9 if i % 3 == 0 else 0.05) for i in range(30)
    }
    reps, rules = data(everybody)
    found = split_proof.proof(splits.assign(NONE, reps, rules, SHARES, 0), reps, rules)
    shares = found["prevalence_by_rules"]["hips_sagging"]
    assert max(shares.values()) - min(shares.values()) < 0.1
    # Beside it, what placing at random does.
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(50):
        side = rng.permutation(["train"] * 18 + ["val"] * 6 + ["test"] * 6)
        rows = [{"subject": s, "split": x, "reason": ""} for s, x in zip(everybody, side, strict=True)]
        by_chance = split_proof.proof(tables.ASSIGNMENTS.frame(rows), reps, rules)
        found_by_chance = by_chance["prevalence_by_rules"]["hips_sagging"].values()
        gaps.append(max(found_by_chance) - min(found_by_chance))
    assert max(shares.values()) - min(shares.values()) < np.mean(gaps)


def test_too_few_people_is_said():
    reps, rules = data({"ann": (3, "side", 0.1), "bob": (3, "side", 0.1)})
    found = split_proof.proof(splits.assign(NONE, reps, rules, SHARES, 0), reps, rules)
    assert any("no test subject among 2" in w for w in found["warnings"])


def test_a_leak_is_seen():
    reps, rules = data({"ann": (3, "side", 0.1), "bob": (3, "side", 0.1)})
    reps = reps.with_columns(video_id=pl.lit("one video"))
    rows = [{"subject": "ann", "split": "train"}, {"subject": "bob", "split": "test"}]
    assert split_proof.proof(tables.ASSIGNMENTS.frame(rows), reps, rules)["shared_videos"] == 1


def mixed(seed, count=30):
    rng = np.random.default_rng(seed)
    return {
        f"p{i:02}": (int(rng.integers(1, 9)), ["side", "front"][rng.integers(2)], float(rng.random() < 0.25))
        for i in range(count)
    }


def gap_of(fold, reps, rules):
    placed = reps.with_columns(
        split=pl.col("subject").replace_strict(fold, return_dtype=pl.Int64).cast(pl.String)
    )
    return split_proof.gaps(placed, rules)["hips_sagging"]


def test_folds_are_nearly_as_even_as_scikit_learns_where_both_apply():
    """One error, nobody frozen. StratifiedGroupKFold balances this alone, ours also views, reps and people.

    Measured: mean gap 0.15 against 0.10, where 2.0 and 0.7 % of random splits do better.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    ours, theirs = [], []
    for seed in range(6):
        reps, rules = data(mixed(seed))
        y = rules.sort("rep_id")["probability"].to_numpy()
        groups = reps.sort("rep_id")["subject"].to_list()
        cut = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(y, y, groups)
        other = {groups[i]: k for k, (_, test) in enumerate(cut) for i in test}
        ours.append(gap_of(splits.folds(reps, rules, seed=seed), reps, rules))
        theirs.append(gap_of(other, reps, rules))
    assert np.mean([g["gap"] for g in ours]) <= np.mean([g["gap"] for g in theirs]) * 1.8
    assert np.mean([g["percentile"] for g in ours]) < 5


def test_too_few_people_are_cross_validated():
    reps, rules = data({f"p{i}": (3, "side", 0.2) for i in range(6)})
    made = splits.assign(NONE, reps, rules, SHARES, 0)
    found = split_proof.proof(made, reps, rules)
    assert found["cross_validation"]["subjects"] == [2, 1, 1, 1, 1]
    assert any("cross-validates" in w for w in found["warnings"])
    many = data({f"p{i}": (3, "side", 0.2) for i in range(40)})
    assert split_proof.proof(splits.assign(NONE, *many, SHARES, 0), *many)["cross_validation"] is None
