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


@pytest.fixture(autouse=True, scope="module")
def _few_random_splits():
    """A thousand are drawn where their number matters; property tests call too often for that."""
    kept, splits.RANDOM_SPLITS = splits.RANDOM_SPLITS, 100
    yield
    splits.RANDOM_SPLITS = kept


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


def linked(people, pairs):
    """Links between the videos of pairs of subjects."""
    return [(f"v{a}", f"v{b}") for a, b in pairs if people[a][0] and people[b][0]]


@st.composite
def crowds(draw):
    some = draw(people)
    names = sorted(some)
    pairs = (
        draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=6)) if names else []
    )
    return some, linked(some, [(a, b) for a, b in pairs if a != b])


@given(crowds(), crowds(), st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_the_same_seconds_are_never_on_two_sides_and_nobody_moves(first, second, seed):
    old = splits.assign(NONE, *data(first[0]), SHARES, seed, links=first[1])
    both, links = first[0] | second[0], first[1] + second[1]
    reps, rules = data(both)
    new = splits.assign(old, reps, rules, SHARES, seed, links=links)
    left = splits.left_out(new, reps, links)
    found = splits.summary(new, reps, rules, links=links, left=left)
    assert new.filter(pl.col("subject").is_in(old["subject"].to_list())).equals(old)
    assert found["near_duplicates_across"] == found["shared_subjects"] == 0
    assert found["reps_without_split"] == reps["video_id"].is_in(left["video_id"].to_list()).sum()
    touched = {video for link in links for video in link}
    by_subject = dict(reps.select("video_id", "subject").iter_rows())
    without = set(reps["subject"]) - set(new["subject"])
    assert all(v in touched or by_subject[v] in without for v in left["video_id"])  # nothing else is left out


@given(crowds(), st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_folds_hold_every_subject_once_and_copies_together(crowd, seed):
    reps, rules = data(crowd[0])
    fold = splits.folds(reps, rules, crowd[1], count=3, seed=seed)
    assert set(fold) == set(reps["subject"])
    assert all(fold[a[1:]] == fold[b[1:]] for a, b in crowd[1])
    assert splits.folds(reps.reverse(), rules.reverse(), crowd[1][::-1], count=3, seed=seed) == fold


def test_a_copy_follows_its_original_and_a_bridge_is_left_out_aloud():
    crowd = {
        "ann": (3, "side", 0.1),
        "bob": (3, "side", 0.1),
        "cleo": (2, "side", 0.1),
        "dan": (2, "side", 0.1),
    }
    old = tables.ASSIGNMENTS.frame(
        [{"subject": "ann", "split": "test"}, {"subject": "bob", "split": "train"}]
    )
    links = [("vann", "vcleo"), ("vann", "vdan"), ("vbob", "vdan")]
    reps, rules = data(crowd)
    # Copies of one are one group: cleo repeats ann, but is not tied to dan by that.
    made = splits.assign(old, reps, rules, SHARES, 0, links=links)
    assert dict(made.select("subject", "split").iter_rows()) == {
        "ann": "test",
        "bob": "train",
        "cleo": "test",
    }
    left = splits.left_out(made, reps, links)
    assert left.select("video_id", "reason").rows() == [
        ("vdan", "its subject shows the same seconds as ann (test) and bob (train)")
    ]
    assert not {r for r in splits.of_reps(reps, made, left) if r.startswith("dan")}


def test_old_subjects_with_the_same_seconds_on_two_sides_lose_those_videos():
    reps, rules = data({"ann": (3, "side", 0.1), "bob": (3, "side", 0.1)})
    old = tables.ASSIGNMENTS.frame(
        [{"subject": "ann", "split": "test"}, {"subject": "bob", "split": "train"}]
    )
    assert splits.assign(old, reps, rules, SHARES, 0, links=[("vann", "vbob")]).equals(old)
    assert set(splits.left_out(old, reps, [("vann", "vbob")])["video_id"]) == {"vann", "vbob"}
    assert splits.summary(old, reps, rules, links=[("vann", "vbob")])["near_duplicates_across"] == 1


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
    return splits.gaps(placed, rules)["hips_sagging"]


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
    found = splits.summary(made, reps, rules)
    assert found["cross_validation"]["subjects"] == [2, 1, 1, 1, 1]
    assert any("cross-validate" in w for w in found["warnings"])
    many = data({f"p{i}": (3, "side", 0.2) for i in range(40)})
    assert splits.summary(splits.assign(NONE, *many, SHARES, 0), *many)["cross_validation"] is None
