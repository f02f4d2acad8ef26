import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from pushup_data import charts, evaluation, metrics, verdict
from pushup_data.metrics import Judged, Scores

ERRORS = ("hips_sagging", "hips_piked")
NAN = np.nan


def judged(truth, subjects=None, **probabilities):
    """Reps with two errors; every predictor's threshold is 0.5."""
    truth = np.array(truth, dtype=float)
    predictors = {
        name: Scores(np.array(p, dtype=float), np.full(truth.shape[1], 0.5))
        for name, p in probabilities.items()
    }
    return Judged(subjects or [f"p{i}" for i in range(len(truth))], truth, predictors)


reps = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.5001, 0.9]), st.integers(0, 3)),
    min_size=1,
    max_size=25,
)


@given(reps)
@settings(deadline=None)
def test_metrics_are_scikit_learns(some):
    positive = np.array([p for p, _, _ in some], dtype=float)
    score = np.array([s for _, s, _ in some])
    weights = np.array([w for _, _, w in some], dtype=float)
    assume((positive * weights).sum() > 0)
    drawn = np.stack([np.ones(len(some)), weights])
    said = (score >= 0.5).astype(float)
    found = metrics.confusion(positive, said, drawn)
    ap = metrics.average_precision(positive, score, drawn)
    for row, w in enumerate(drawn):
        assert ap[row] == pytest.approx(average_precision_score(positive, score, sample_weight=w))
        p, r, f, _ = precision_recall_fscore_support(
            positive, said, average="binary", sample_weight=w, zero_division=np.nan
        )
        for name, expected in (("precision", p), ("recall", r), ("f1", f)):
            assert found[name][row] == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=20))
@settings(deadline=None)
def test_people_are_drawn_whole(subjects):
    weights = metrics.resample(subjects, 50, 0)
    owner = np.array(subjects)
    for name in set(subjects):
        of_one = weights[:, owner == name]
        assert (of_one == of_one[:, :1]).all()
    first = [subjects.index(name) for name in sorted(set(subjects))]
    assert (weights[:, first].sum(axis=1) == len(first)).all()


def test_resampling_in_parts_changes_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    positive, score = (rng.random(30) < 0.4).astype(float), rng.random(30)
    weights = metrics.resample([str(i % 6) for i in range(30)], 100, 0)
    whole = metrics.average_precision(positive, score, weights)
    monkeypatch.setattr(metrics, "_CHUNK", 100)
    np.testing.assert_allclose(metrics.average_precision(positive, score, weights), whole)


def report(reps):
    found = evaluation.report(reps, ERRORS, 200, 0)
    json.dumps(found, allow_nan=False)
    return found


def test_zero_labels_give_nulls_with_reasons():
    found = report(judged(np.zeros((0, 2)), rules=np.zeros((0, 2))))
    assert found["reps"] == found["subjects"] == 0
    for row in found["errors"].values():
        assert (row["present"], row["absent"], row["unknown"]) == (0, 0, 0)
        assert row["rules"]["f1"] is row["rules"]["ap"] is row["rules"]["recall"] is None
        assert row["rules"]["reason"] == "no labelled rep"
    assert found["macro"]["rules"]["f1"] is None
    assert found["macro"]["rules"]["reason"]


def test_no_positive_is_null_and_never_zero():
    found = report(judged([[0, NAN], [0, 1]], rules=[[0.9, 0.2], [0.1, 0.8]]))
    sag = found["errors"]["hips_sagging"]
    assert (sag["present"], sag["absent"], sag["unknown"]) == (0, 2, 0)
    assert sag["rules"]["precision"] is sag["rules"]["f1"] is sag["rules"]["ap"] is None
    assert sag["rules"]["reason"] == "no positive among 2 labelled reps"
    assert sag["rules"]["said_present"] == 1  # the false alarm is not hidden
    assert found["macro"]["rules"]["errors"] == 1
    assert found["macro"]["rules"]["f1"] == 1.0


def test_a_miss_is_zero_and_has_no_precision():
    found = report(judged([[1, 0], [0, 0]], rules=[[0.2, 0], [0.1, 0]]))["errors"]["hips_sagging"]["rules"]
    assert (found["recall"], found["f1"], found["precision"]) == (0.0, 0.0, None)
    assert "never says present" in found["reason"]


def test_cannot_tell_counts_as_not_said():
    found = report(judged([[1, 0], [1, 0], [0, 0]], rules=[[0.9, 0], [NAN, 0], [0.2, 0]]))
    sag = found["errors"]["hips_sagging"]["rules"]
    assert (sag["cannot_tell"], sag["recall"], sag["precision"]) == (1, 0.5, 1.0)
    assert sag["ap"] == pytest.approx(0.5 + 0.5 * 2 / 3, abs=1e-4)
    never = report(judged([[1, 0], [0, 0]], rules=[[NAN, 0], [NAN, 0]]))["errors"]["hips_sagging"]["rules"]
    assert never["f1"] is None
    assert "cannot tell" in never["reason"]


@pytest.mark.parametrize("subjects", [["ann", "ann"], ["ann", "bob"]])
def test_one_person_who_shows_it_gives_no_interval(subjects):
    found = report(judged([[1, 0], [0, 0]], subjects, rules=[[0.9, 0], [0.2, 0]]))
    assert found["errors"]["hips_sagging"]["present_subjects"] == 1
    sag = found["errors"]["hips_sagging"]["rules"]
    assert sag["f1"] == 1.0
    assert sag["f1_low"] is sag["f1_high"] is None
    assert "one subject" in sag["reason"]
    assert found["macro"]["rules"]["f1_low"] is None


def many(people, quality, seed=0):
    """Four reps of each person, half sagging; `quality` is how far the score tells them apart."""
    rng = np.random.default_rng(seed)
    truth = np.tile([1.0, 0.0, 1.0, 0.0], people)
    score = np.clip(0.5 + quality * (truth - 0.5) + rng.normal(0, 0.2, len(truth)), 0, 1)
    return truth, score, [f"p{i // 4}" for i in range(len(truth))]


def test_intervals_hold_the_estimate_and_shrink_with_people():
    widths = []
    for people in (6, 60):
        truth, score, subjects = many(people, 0.3)
        table = np.stack([truth, np.full(len(truth), NAN)], axis=1)
        found = report(judged(table, subjects, rules=np.stack([score, score], axis=1)))
        sag = found["errors"]["hips_sagging"]["rules"]
        for name in ("precision", "recall", "f1", "ap"):
            assert sag[f"{name}_low"] <= sag[name] <= sag[f"{name}_high"]
        widths.append(sag["ap_high"] - sag["ap_low"])
    assert widths[1] < 0.7 * widths[0]


def decide(val, **changes):
    options = {"incumbent": "rules", "no_candidate": None, "bootstrap": 300, "min_positives": 5, "seed": 0}
    found = verdict.decide(val, ERRORS, **options | changes)
    json.dumps(found, allow_nan=False)
    return found


def contest(candidate, rules, people=12):
    truth, score, subjects = many(people, candidate, seed=1)
    _, other, _ = many(people, rules, seed=2)
    table = np.stack([truth, np.full(len(truth), NAN)], axis=1)
    both = {
        name: np.stack([s, s], axis=1)
        for name, s in (("candidate", score), ("rules", other), ("champion", other))
    }
    return judged(table, subjects, **both)


def test_a_clearly_better_candidate_replaces_the_incumbent():
    for incumbent in ("rules", "champion"):
        found = decide(contest(1.0, 0.1), incumbent=incumbent)
        assert found["predictor"] == "candidate"
        assert found["difference"]["low"] > 0
        assert f"better than {incumbent}" in found["why"]
        assert found["errors"] == ["hips_sagging"]


def test_a_worse_or_equal_candidate_does_not():
    worse = decide(contest(0.1, 1.0))
    assert worse["predictor"] == "rules"
    assert "worse" in worse["why"]
    equal = decide(contest(0.3, 0.3), incumbent="champion")
    assert equal["predictor"] == "champion"
    assert "undecided" in equal["why"]


def test_too_little_evidence_leaves_the_incumbent():
    assert "no error has 100 present" in decide(contest(1.0, 0.1), min_positives=100)["why"]
    assert "4 labelled val subjects" in decide(contest(1.0, 0.1, people=4))["why"]
    empty = judged(np.zeros((0, 2)), candidate=np.zeros((0, 2)), rules=np.zeros((0, 2)))
    for val in (empty, contest(1.0, 0.1)):
        found = decide(val, no_candidate="3 labels")
        assert found["predictor"] == "rules"
        assert found["why"] == "no candidate: 3 labels"
    assert "undecided" in decide(empty)["why"]


def test_the_habit_of_one_person_is_no_evidence():
    val = contest(1.0, 0.1)
    truth = val.truth.copy()
    truth[4:, 0] = 0
    truth[:4, 0] = 1
    one = Judged(val.subjects, truth, val.predictors)
    assert "from 2 val subjects" in decide(one, min_positives=4)["why"]


def test_an_error_the_candidate_has_not_learnt_counts_against_it():
    val = contest(1.0, 0.1)
    blind = Scores(np.full_like(val.truth, NAN), np.full(2, NAN))
    found = decide(Judged(val.subjects, val.truth, {**val.predictors, "candidate": blind}))
    assert found["predictor"] == "rules"


def test_charts_are_stable_and_leave_out_what_is_undefined(tmp_path):
    val = report(judged([[1, 0], [0, 0]], rules=[[0.9, 0.1], [0.2, 0.1]], candidate=[[NAN, 0.1], [NAN, 0.7]]))
    rows = charts.bars(val).splitlines()
    assert rows == ["bar,error,predictor,ap,f1", "hips_sagging (rules),hips_sagging,rules,1.0,1.0"]
    empty = report(judged(np.zeros((0, 2)), rules=np.zeros((0, 2))))
    for name, split in (("val", val), ("empty", empty)):
        paths = [tmp_path / f"{name}{i}.png" for i in range(2)]
        for path in paths:
            charts.draw(split, name, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()
        assert paths[0].read_bytes().startswith(b"\x89PNG")
