import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import splits, tables
from pushup_data.errors import BadInputError
from pushup_data.params import Split

SHARES = Split(val=0.2, test=0.2)
NONE = tables.ASSIGNMENTS.empty()


def data(people):
    """Reps and rules of {subject: (number of reps, view, probability of hips_sagging or None)}."""
    reps, rules = [], []
    for subject, (count, view, probability) in people.items():
        for i in range(count):
            rep_id = f"{subject}-f{i}"
            reps.append({"rep_id": rep_id, "video_id": f"v{subject}", "subject": subject, "view": view})
            rules.append({"rep_id": rep_id, "error": "hips_sagging", "probability": probability})
    return tables.REPS.frame(reps), tables.RULES.frame(rules)


people = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3),
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["side", "front", "unknown"]),
        st.none() | st.floats(0, 1),
    ),
    max_size=14,
)


@given(people, people, st.integers(0, 5))
@settings(deadline=None)
def test_rows_never_change_whoever_comes_later(first, second, seed):
    old = splits.assign(NONE, *data(first), SHARES, seed)
    new = splits.assign(old, *data(first | second), SHARES, seed + 1)
    assert new.filter(pl.col("subject").is_in(old["subject"].to_list())).equals(old)
    with_reps = {s for s, (n, _, _) in (first | second).items() if n}
    assert with_reps <= set(new["subject"])
    assert set(old["subject"]) == {s for s, (n, _, _) in first.items() if n}
    assert new["subject"].is_unique().all()


@given(people, st.integers(0, 5))
@settings(deadline=None)
def test_same_answer_in_any_order_and_twice(some, seed):
    reps, rules = data(some)
    once = splits.assign(NONE, reps, rules, SHARES, seed)
    shuffled = splits.assign(NONE, reps.sample(fraction=1, shuffle=True), rules.reverse(), SHARES, seed)
    assert shuffled.equals(once)
    assert splits.assign(once, reps, rules, SHARES, seed).equals(once)


@given(people)
@settings(deadline=None)
def test_no_subject_and_no_video_on_two_sides(some):
    reps, rules = data(some)
    assignments = splits.assign(NONE, reps, rules, SHARES, 0)
    split = splits.of_reps(reps, assignments)
    sides = [{r.rsplit("-", 1)[0] for r, s in split.items() if s == side} for side in splits.SPLITS]
    assert sum(map(len, sides)) == len(set.union(*sides))
    found = splits.summary(assignments, reps, rules)
    assert found["shared_subjects"] == found["shared_videos"] == found["reps_without_split"] == 0
    assert sum(found["reps"].values()) == len(reps)


def test_nobody_gives_nothing_and_a_valid_summary():
    reps, rules = data({})
    assignments = splits.assign(NONE, reps, rules, SHARES, 0)
    assert assignments.is_empty()
    found = splits.summary(assignments, reps, rules)
    assert found["subjects"] == {"train": 0, "val": 0, "test": 0}
    assert found["warnings"] == []


def test_shares_are_kept_among_equal_people():
    reps, rules = data({f"p{i:02}": (4, "side", 0.5) for i in range(20)})
    counts = splits.assign(NONE, reps, rules, SHARES, 0)["split"].value_counts()
    assert dict(counts.iter_rows()) == {"train": 12, "val": 4, "test": 4}


def test_shares_are_kept_when_people_come_one_by_one():
    everybody = {f"p{i:02}": (4, "side", 0.5) for i in range(20)}
    assignments = NONE
    for i in range(1, 21):
        assignments = splits.assign(assignments, *data(dict(list(everybody.items())[:i])), SHARES, 0)
    counts = dict(assignments["split"].value_counts().iter_rows())
    assert counts == {"train": 12, "val": 4, "test": 4}


def test_a_rare_error_and_a_rare_view_reach_every_side():
    everybody = {
        f"p{i:02}": (3, "front" if i % 4 == 0 else "side", 0.9 if i % 3 == 0 else 0.05) for i in range(30)
    }
    reps, rules = data(everybody)
    found = splits.summary(splits.assign(NONE, reps, rules, SHARES, 0), reps, rules)
    shares = found["prevalence_by_rules"]["hips_sagging"]
    assert max(shares.values()) - min(shares.values()) < 0.1
    # Beside it, what placing at random does.
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(50):
        side = rng.permutation(["train"] * 18 + ["val"] * 6 + ["test"] * 6)
        rows = [{"subject": s, "split": x, "reason": ""} for s, x in zip(everybody, side, strict=True)]
        by_chance = splits.summary(tables.ASSIGNMENTS.frame(rows), reps, rules)
        found_by_chance = by_chance["prevalence_by_rules"]["hips_sagging"].values()
        gaps.append(max(found_by_chance) - min(found_by_chance))
    assert max(shares.values()) - min(shares.values()) < np.mean(gaps)


def test_one_person_with_most_of_the_data_goes_to_train():
    crowd = {f"p{i}": (2, "side", 0.1) for i in range(8)}
    assignments = splits.assign(NONE, *data({"huge": (40, "side", 0.9)} | crowd), SHARES, 0)
    assert dict(assignments.select("subject", "split").iter_rows())["huge"] == "train"


def test_too_few_people_is_said():
    reps, rules = data({"ann": (3, "side", 0.1), "bob": (3, "side", 0.1)})
    found = splits.summary(splits.assign(NONE, reps, rules, SHARES, 0), reps, rules)
    assert any("no test subject among 2" in w for w in found["warnings"])


def test_a_leak_is_seen():
    reps, rules = data({"ann": (3, "side", 0.1), "bob": (3, "side", 0.1)})
    reps = reps.with_columns(video_id=pl.lit("one video"))
    rows = [{"subject": "ann", "split": "train"}, {"subject": "bob", "split": "test"}]
    assert splits.summary(tables.ASSIGNMENTS.frame(rows), reps, rules)["shared_videos"] == 1


def test_a_split_that_is_none_is_refused():
    wrong = tables.ASSIGNMENTS.frame([{"subject": "ann", "split": "tset", "reason": ""}])
    with pytest.raises(BadInputError, match="ann is in 'tset'"):
        splits.assign(wrong, *data({"ann": (1, "side", 0.1)}), SHARES, 0)
