import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulated import ballots
from pushup_data import reliability, votes

SENSITIVITY, SPECIFICITY = (0.95, 0.9, 0.8, 0.7), (0.99, 0.97, 0.92, 0.85)


@pytest.mark.parametrize("seed", range(10))
def test_known_error_rates_are_recovered_within_five_points(seed):
    _, said = ballots(seed, SENSITIVITY, SPECIFICITY)
    found = reliability.estimate(said).overall
    assert np.abs(found - np.stack([SENSITIVITY, SPECIFICITY], axis=1)).max() < 0.05


@pytest.mark.parametrize("seed", range(5))
def test_with_few_labels_the_best_is_still_known_and_nobody_is_infallible(seed):
    _, said = ballots(seed, SENSITIVITY, SPECIFICITY, reps=60)
    found = reliability.estimate(said)
    wrong = 1 - found.overall.mean(axis=1)
    assert wrong[0] < wrong[3]
    for rates in (found.sensitivity, found.specificity):
        assert ((rates > 0.02) & (rates < 0.999)).all()


def test_who_judges_alone_is_taken_to_be_like_everybody():
    _, said = ballots(0, SENSITIVITY, SPECIFICITY)
    alone = said.said.copy()
    alone[:, 3] = votes.NONE
    alone[(alone != votes.NONE).any(axis=2).sum(axis=1) == 0] = votes.NONE
    found = reliability.estimate(votes.Votes(said.rep_ids, said.annotators, said.errors, alone))
    assert found.judged[3] == 0
    assert found.overall[3] == pytest.approx(found.everybody)
    report = found.report()["p3@example.org"]
    assert report["sensitivity"] is None
    assert report["reason"]
    accuracy = found.accuracy(["stranger@example.org", "p0@example.org"])
    assert accuracy[0] == pytest.approx(found.everybody.mean())
    assert accuracy[1] == pytest.approx((found.sensitivity[0] + found.specificity[0]) / 2)


def test_cannot_tell_is_no_fault():
    _, said = ballots(1, SENSITIVITY, SPECIFICITY, unsure=0)
    shy = said.said.copy()
    rng = np.random.default_rng(0)
    mine = shy[:, 0]
    mine[(mine != votes.NONE) & (rng.random(mine.shape) < 0.5)] = votes.UNKNOWN
    found = reliability.estimate(votes.Votes(said.rep_ids, said.annotators, said.errors, shy))
    assert found.overall[0] == pytest.approx([0.95, 0.99], abs=0.05)


def test_no_votes_give_the_prior(default_taxonomy):
    found = reliability.estimate(votes.gather([], default_taxonomy))
    assert found.annotators == []
    assert found.everybody.tolist() == [reliability.PRIOR] * 2


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_names_and_order_do_not_matter(seed, reps, asked):
    _, said = ballots(seed, SENSITIVITY, SPECIFICITY, reps=reps, asked=asked)
    first = reliability.estimate(said)
    turned = votes.Votes(said.rep_ids, said.annotators[::-1], said.errors, said.said[:, ::-1])
    second = reliability.estimate(turned)
    assert second.overall[::-1] == pytest.approx(first.overall, abs=1e-4)
    assert ((first.sensitivity > 0) & (first.sensitivity < 1)).all()


@pytest.mark.parametrize("seed", range(3))
def test_of_two_people_alone_neither_counts_more(seed):
    _, said = ballots(seed, (0.95, 0.7), (0.99, 0.85), reps=60)
    found = reliability.estimate(said)
    assert found.of_two
    assert np.ptp(found.accuracy(said.annotators)) == 0  # so where they disagree, nothing is known
