import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulated import ballots
from pushup_data import agreement, labels, votes
from pushup_data.metrics import resample
from tests.voting import REPS, people, said


def of(entries, taxonomy):
    sample = votes.gather(labels.file(entries, REPS).counted, taxonomy)
    subjects = dict(REPS.select("rep_id", "subject").iter_rows())
    return agreement.agreement(sample, subjects, bootstrap=50, seed=0)


def test_alpha_of_two_reps_by_hand(default_taxonomy):
    pairs = {"abc-f10": ("present", "present"), "abc-f50": ("absent", "present")}
    bounds = {"abc-f10": (0, 20), "abc-f50": (40, 60)}
    entries = [
        said(v, annotator=f"p{i}@example.org", rep_id=rep, start=bounds[rep][0], end=bounds[rep][1])
        for rep, pair in pairs.items()
        for i, v in enumerate(pair)
    ]
    found = of(entries, default_taxonomy)["hips_sagging"]
    # Observed disagreement 2 of 4; expected 2 * 3 * 1 / (4 * 3).
    assert (found["units"], found["pairs"], found["percent"], found["alpha"]) == (2, 2, 0.5, 0.0)
    assert found["alpha_low"] is None
    assert "1 subjects" in found["reason"]


def test_what_cannot_be_computed_is_null_with_a_reason(default_taxonomy):
    same = of(people("absent", "absent", "unknown"), default_taxonomy)
    assert same["hips_sagging"]["percent"] == 1.0
    assert same["hips_sagging"]["alpha"] is None
    assert "absent" in same["hips_sagging"]["reason"]
    assert same["hips_sagging"]["cannot_tell"] == pytest.approx(1 / 3, abs=1e-4)
    nobody = of([], default_taxonomy)["asymmetric"]
    assert nobody["percent"] is nobody["alpha"] is nobody["cannot_tell"] is None
    assert nobody["reason"]


COUNTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)


@given(COUNTS, st.lists(st.integers(0, 3), min_size=12, max_size=12))
@settings(deadline=None)
def test_alpha_of_a_resample_is_the_librarys(counts, times):
    counts = np.array([c for c in counts if sum(c) >= 2], dtype=float).reshape(-1, 2)
    times = np.array(times[: len(counts)], dtype=float)
    drawn = np.repeat(counts, times.astype(int), axis=0)
    if not len(counts):
        return
    found = agreement.alphas(counts, times[None])[0]
    if not len(drawn) or (drawn.sum(axis=0) == 0).any():
        assert np.isnan(found)
    else:
        expected = krippendorff.alpha(value_counts=drawn, level_of_measurement="nominal")
        assert found == pytest.approx(expected)


def test_an_interval_over_subjects_is_wider_than_one_over_reps_where_people_are_alike():
    rng = np.random.default_rng(0)
    # Each of 20 subjects is either clear (everybody agrees) or not.
    clear = np.repeat(rng.random(20) < 0.5, 20)
    value = np.repeat(rng.random(20) < 0.5, 20)
    other = np.where(clear, value, rng.random(400) < 0.5)
    counts = np.stack([2.0 - value - other, 0.0 + value + other], axis=1)
    subjects = [f"s{i // 20}" for i in range(400)]
    by_subject, by_rep = (
        agreement.measure(counts, owners, bootstrap=400, seed=0)
        for owners in (subjects, [str(i) for i in range(400)])
    )
    assert by_subject["alpha"] == by_rep["alpha"]
    width, narrow = (row["alpha_high"] - row["alpha_low"] for row in (by_subject, by_rep))
    assert width > 2 * narrow
    assert by_subject["alpha_low"] < by_subject["alpha"] < by_subject["alpha_high"]


def test_intervals_hold_what_they_promise():
    """Of 100 samples of 40 subjects, about 95 intervals hold the alpha of a very large sample."""
    rates = ((0.85, 0.85), (0.95, 0.95))
    _, large = ballots(0, *rates, reps=60_000, asked=2, unsure=0, prevalence=(0.3,))
    truth = agreement.alpha(np.stack([large.count(v)[:, 0] for v in (0, 1)], axis=1).astype(float))
    held = 0
    for seed in range(1, 101):
        _, few = ballots(seed, *rates, reps=160, asked=2, unsure=0, prevalence=(0.3,))
        counts = np.stack([few.count(v)[:, 0] for v in (0, 1)], axis=1).astype(float)
        drawn = agreement.alphas(counts, resample([f"s{i // 4}" for i in range(160)], 300, seed))
        low, high = np.percentile(drawn, [2.5, 97.5])
        held += low <= truth <= high
    assert held >= 88
