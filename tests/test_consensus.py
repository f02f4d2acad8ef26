import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulated import ballots
from pushup_data import consensus, labels, ledger, reliability, tables, votes
from tests.test_ledger import entry
from tests.voting import REPS, people, said

ONE, TWO = 0.8, 0.8**2 / (0.8**2 + 0.2**2)  # certainty of one newcomer's vote, and of two that agree


def table(entries, taxonomy, min_certainty=0.5):
    counted = labels.file(entries, REPS).counted
    said = votes.gather(counted, taxonomy)
    nothing_known = reliability.estimate(votes.gather([], taxonomy))
    return consensus.consensus(counted, said, nothing_known.accuracy(said.annotators), min_certainty)


def sag(entries, taxonomy, min_certainty=0.5):
    found = table(entries, taxonomy, min_certainty)
    return found.row(by_predicate=pl.col("error") == "hips_sagging", named=True)


def of(values, taxonomy, min_certainty=0.5):
    row = sag(people(*values), taxonomy, min_certainty)
    return row["value"], pytest.approx(row["certainty"])


def test_no_annotation_gives_an_empty_table(default_taxonomy):
    assert table([], default_taxonomy).equals(tables.LABELS.empty())


def test_votes_of_people_of_whom_nothing_is_known(default_taxonomy):
    t = default_taxonomy
    assert of(["present"], t) == ("present", ONE)
    assert of(["absent", "absent"], t) == ("absent", TWO)
    assert of(["present", "present", "absent"], t) == ("present", ONE)
    assert of(["present", "absent"], t) == ("unknown", 1 / 4)
    assert of(["unknown"], t) == ("unknown", 2 / 3)
    assert of(["present", "unknown"], t) == ("present", ONE * 2 / 3)
    assert of(["present", "unknown", "unknown"], t) == ("unknown", 3 / 5)
    # More people can't tell: unknown, however low the bar.
    assert of(["present", "unknown", "unknown"], t, 0.0) == ("unknown", 3 / 5)


def test_a_higher_bar_asks_for_a_second_opinion(default_taxonomy):
    assert of(["present"], default_taxonomy, 0.9) == ("unknown", 1 / 3)
    assert of(["present"] * 2, default_taxonomy, 0.9) == ("present", TWO)


def test_every_annotated_rep_has_a_row_per_error_and_votes_add_up(default_taxonomy):
    found = table(people("present", "absent", "unknown"), default_taxonomy)
    assert set(found["error"]) == set(default_taxonomy.ids)
    assert (found["present"] + found["absent"] + found["unknown"]).to_list() == [3] * len(
        default_taxonomy.ids
    )
    assert not found["simulated"].any()


def test_what_the_view_cannot_show_is_unknown_not_absent(default_taxonomy):
    answer = dict.fromkeys(default_taxonomy.ids, "absent")
    found = table([entry(1, answer=answer, view="side")], default_taxonomy)
    values = dict(found.select("error", "value").iter_rows())
    assert values["hips_sagging"] == "absent"
    assert values["elbows_flared"] == values["asymmetric"] == "unknown"


def test_unusable_needs_more_than_half_and_then_nothing_is_known(default_taxonomy):
    bad = said("present", annotator="b@example.org", annotation=2, usable=False)
    tie = sag([said("present"), bad], default_taxonomy)
    assert (tie["usable"], tie["value"], tie["present"], tie["unknown"]) == (True, "present", 1, 1)
    worse = [said("present"), bad, said("present", annotator="c@example.org", annotation=3, usable=False)]
    row = sag(worse, default_taxonomy)
    assert (row["usable"], row["value"]) == (False, "unknown")


VALUES = st.sampled_from(["present", "absent", "unknown"])


@given(st.lists(st.tuples(st.integers(0, 4), VALUES, st.booleans()), min_size=1, max_size=8), st.randoms())
@settings(deadline=None)
def test_order_of_the_ledger_does_not_matter(default_taxonomy, votes, random):
    entries = [
        said(v, annotator=f"p{who}@example.org", annotation=i, usable=usable)
        for i, (who, v, usable) in enumerate(votes)
    ]
    first = table(entries, default_taxonomy)
    random.shuffle(entries)
    assert table(entries, default_taxonomy).equals(first)
    row = first.row(by_predicate=pl.col("error") == "hips_sagging", named=True)
    assert row["present"] + row["absent"] + row["unknown"] == len({who for who, _, _ in votes})
    assert 0 < row["certainty"] < 1
    if row["value"] != "unknown":
        other = "absent" if row["value"] == "present" else "present"
        assert row[row["value"]] > row[other]
        assert row["usable"]


def test_deleted_and_skipped_annotations_do_not_count(default_taxonomy):
    entries = [*people("present", "absent", "absent"), said("absent", annotation=1, event="deleted")]
    entries.append(said("absent", annotation=2, event="skip"))
    assert sag(ledger.standing(entries), default_taxonomy)["value"] == "present"


def weighed(said, rates):
    """Return consensus as (reps, errors): 1 present, 0 absent, NaN unknown; and certainties."""
    entries = [
        entry(i, rep_id=rep, annotator=name)
        for i, (rep, name) in enumerate((rep, name) for rep in said.rep_ids for name in said.annotators[:1])
    ]
    found = consensus.consensus(entries, said, rates, 0.0)
    value = found["value"].replace_strict({"present": 1.0, "absent": 0.0, "unknown": np.nan}).to_numpy()
    shape = (len(said.rep_ids), len(said.errors))
    return value.reshape(shape), found["certainty"].to_numpy().reshape(shape)


@pytest.mark.parametrize("seed", range(4))
def test_weighing_beats_the_majority_where_one_is_better_than_the_others(seed):
    truth, said = ballots(seed, (0.97, 0.7, 0.65), (0.98, 0.85, 0.85), prevalence=(0.3,) * 7)
    value, _ = weighed(said, reliability.estimate(said).accuracy(said.annotators))
    equal = reliability.estimate(votes.Votes([], said.annotators, said.errors, said.said[:0]))
    plain, _ = weighed(said, equal.accuracy(said.annotators))
    wrong, wrong_plain = ((v[np.isfinite(v)] != truth[np.isfinite(v)]).mean() for v in (value, plain))
    assert wrong < 0.6 * wrong_plain
    assert np.isnan(value).sum() < 1.1 * np.isnan(plain).sum()  # and not by leaving more open


@pytest.mark.parametrize("seed", range(4))
def test_a_certainty_is_how_often_it_is_right(seed):
    truth, said = ballots(seed, (0.9, 0.8, 0.7), (0.95, 0.85, 0.8), asked=2, unsure=0, prevalence=(0.5,) * 7)
    value, certainty = weighed(said, reliability.estimate(said).accuracy(said.annotators))
    off = []
    for low, high in ((0.6, 0.8), (0.8, 0.9), (0.9, 0.96), (0.96, 1.0)):
        here = np.isfinite(value) & (certainty >= low) & (certainty < high)
        assert here.sum() > 200
        off.append((abs((value == truth)[here].mean() - certainty[here].mean()), here.sum()))
    assert max(error for error, _ in off) < 0.1
    assert sum(error * count for error, count in off) / sum(count for _, count in off) < 0.02
