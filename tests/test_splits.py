import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import split_proof, splits, tables
from pushup_data.errors import BadInputError
from tests.crowds import NONE, SHARES, data


@pytest.fixture(autouse=True, scope="module")
def _few_random_splits():
    """A thousand are drawn where their number matters; property tests call too often for that."""
    kept, split_proof.RANDOM_SPLITS = split_proof.RANDOM_SPLITS, 100
    yield
    split_proof.RANDOM_SPLITS = kept


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
    found = split_proof.proof(assignments, reps, rules)
    assert found["shared_subjects"] == found["shared_videos"] == found["reps_without_split"] == 0
    assert sum(found["reps"].values()) == len(reps)


def test_nobody_gives_nothing_and_a_valid_summary():
    reps, rules = data({})
    assignments = splits.assign(NONE, reps, rules, SHARES, 0)
    assert assignments.is_empty()
    found = split_proof.proof(assignments, reps, rules)
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


def test_one_person_with_most_of_the_data_goes_to_train():
    crowd = {f"p{i}": (2, "side", 0.1) for i in range(8)}
    assignments = splits.assign(NONE, *data({"huge": (40, "side", 0.9)} | crowd), SHARES, 0)
    assert dict(assignments.select("subject", "split").iter_rows())["huge"] == "train"


@pytest.mark.parametrize("split", ["tset", None])
def test_a_split_that_is_none_is_refused(split):
    wrong = tables.ASSIGNMENTS.frame([{"subject": "ann", "split": split, "reason": ""}])
    with pytest.raises(BadInputError, match=f"ann is in '{split}'"):
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
    found = split_proof.proof(new, reps, rules, links=links, left=left)
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
    assert split_proof.proof(old, reps, rules, links=[("vann", "vbob")])["near_duplicates_across"] == 1
