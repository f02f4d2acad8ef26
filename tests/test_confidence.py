import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushup_data import confidence, evaluation
from pushup_data.metrics import Judged, Scores, resample
from tests.judging import ERRORS, NAN, judged, many

rep = st.tuples(
    st.sampled_from([0.0, 1.0, NAN]),
    st.sampled_from([NAN, 0.0, 0.2, 0.2, 0.5, 0.7, 1.0]),
    st.sampled_from("abcd"),
)


@given(st.lists(rep, min_size=1, max_size=25), st.sampled_from([0.2, 0.5]))
def test_full_coverage_is_the_plain_metric(some, threshold):
    truth, said = (np.array([[r[i]] for r in some]) for i in (0, 1))
    whole = Judged([r[2] for r in some], truth, {"rules": Scores(said, np.array([threshold]))})
    weights = resample(whole.subjects, 20, 0)
    found, plain = confidence.coverage(whole, "rules", weights), evaluation.macro(whole, "rules", weights)
    if not (truth == 1).any():
        assert found == []
        return
    for name in ("f1", "f1_low", "f1_high"):
        assert found[0][name] == plain[name]
    known = np.isfinite(truth)
    right = (said >= threshold)[known] == (truth == 1)[known]
    assert found[0]["accuracy"] == pytest.approx(right.mean(), abs=1e-4)


@given(
    st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 0.3, 2.0]), st.integers(0, 3)), max_size=20),
    st.sampled_from(confidence.COVERAGES),
)
def test_the_surest_are_kept_in_the_share_asked_for(some, share):
    sure, weights = np.array([s for s, _ in some]), np.array([[float(w) for _, w in some]])
    kept = confidence.surest(sure, weights, share)
    assert kept.sum() == pytest.approx(share * weights.sum())
    assert ((kept >= 0) & (kept <= weights)).all()
    for level in set(sure[kept[0] > 0]):  # who is surer than one that is kept is kept whole
        np.testing.assert_allclose(kept[0, sure > level], weights[0, sure > level])


def test_silence_on_the_least_sure_helps_who_knows_when_it_knows():
    truth, score, subjects = many(60, 0.3)
    curve = confidence.coverage(
        judged(truth[:, None], subjects, rules=score[:, None]), "rules", np.ones((1, 240))
    )
    accuracy = [row["accuracy"] for row in curve]
    assert accuracy == sorted(accuracy)
    assert accuracy[-1] > accuracy[0] + 0.05
    blind = np.where(np.arange(240) < 96, NAN, score)  # it cannot tell 40 %: these are given up first
    found = confidence.coverage(
        judged(truth[:, None], subjects, rules=blind[:, None]), "rules", np.ones((1, 240))
    )
    alone = judged(truth[96:, None], subjects[96:], rules=score[96:, None])
    assert found[4]["accuracy"] == confidence.coverage(alone, "rules", np.ones((1, 144)))[0]["accuracy"]


def test_a_p_beyond_a_low_threshold_is_no_sure_absent():
    truth, said = np.array([[0.0], [1.0]]), np.array([[0.05], [0.3]])
    low = Judged(["a", "b"], truth, {"rules": Scores(said, np.array([0.28]))})
    kept = confidence.coverage(low, "rules", np.ones((1, 2)))[-1]
    assert (kept["accuracy"], kept["f1"], kept["f1_errors"]) == (1, None, 0)  # 0.05 is the surer one


@given(st.lists(st.integers(0, 10), min_size=1, max_size=8))
def test_perfect_calibration_has_no_error(tenths):
    said = np.repeat([t / 10 for t in tenths], 10)
    truth = np.concatenate([np.arange(10) < t for t in tenths]).astype(float)
    found = confidence.calibrated(judged(truth[:, None], rules=said[:, None]), "rules", 0)
    if truth.any():
        assert found["ece"] == pytest.approx(0, abs=2e-4)
        assert found["brier"] == pytest.approx((said * (1 - said)).mean(), abs=1e-4)
    else:
        assert found == {"ece": None, "brier": None}


def test_before_and_after_calibration_are_told_apart():
    truth, score, subjects = many(20, 0.0)
    sure = Scores(np.full((80, 2), 0.5), np.full(2, 0.5), before=np.full((80, 2), 0.98))
    table = np.stack([truth, np.zeros(80)], axis=1)
    some = Judged(
        subjects, table, {"rules": Scores(np.stack([score] * 2, axis=1), sure.threshold), "candidate": sure}
    )
    found = evaluation.report(some, ERRORS, 10, 0)
    sag = found["errors"]["hips_sagging"]["candidate"]
    assert (sag["ece_before"], sag["ece"], sag["brier"]) == (0.48, 0, 0.25)
    assert found["macro"]["candidate"]["ece_before"] == 0.48
    assert "ece_before" not in found["macro"]["rules"]
    assert found["errors"]["hips_piked"]["candidate"]["ece"] is None  # no positive: and the reason is there
    assert "no positive" in found["errors"]["hips_piked"]["candidate"]["reason"]
    assert found["reliability"]["candidate"]["before"] == [{"said": 0.98, "came_true": 0.5, "count": 80}]
