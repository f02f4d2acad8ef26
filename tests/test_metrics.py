import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from pushup_data import metrics

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
