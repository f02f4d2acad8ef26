import numpy as np
import polars as pl
import pytest

from pushup_data.model import folds
from tests.test_model_baselines import reps, taxonomy  # noqa: F401  a fixture
from tests.test_model_training import MODEL, SETTINGS, figures

PEOPLE = figures(60, 1, "p")


@pytest.fixture
def judge(taxonomy):  # noqa: F811
    def judged(people, count, **changes):
        fold = {subject: i % count for i, subject in enumerate(sorted(set(people.subjects)))}
        settings = SETTINGS.model_copy(update=changes)
        subjects = pl.Series("subject", people.subjects)
        return folds.judge(
            people,
            people.x,
            reps(len(people)).with_columns(subjects),
            taxonomy,
            fold=fold,
            names=["majority", "forest"],
            model=MODEL,
            settings=settings,
            seed=0,
        )

    return judged


def test_everybody_is_judged_by_models_of_others(judge):
    found, reasons = judge(PEOPLE, 5)
    assert reasons == {}
    forest = found["forest"].probability
    assert np.isfinite(forest[:, :2]).all()
    assert np.isnan(forest[:, 2]).all()  # of asymmetry nothing is known
    for e in range(2):
        assert ((forest[:, e] >= found["forest"].threshold[:, e]) == (PEOPLE.y[:, e] == 1)).mean() > 0.9


def test_what_a_person_shows_changes_nothing_that_is_said_of_them(judge):
    """Of that fold: the labels of one person turned round teach the others, not the one."""
    mine = np.array([subject == PEOPLE.subjects[0] for subject in PEOPLE.subjects])
    turned = figures(60, 1, "p")
    turned.y[mine, :2] = 1 - turned.y[mine, :2]
    before, after = (judge(people, 5)[0]["forest"].probability for people in (PEOPLE, turned))
    np.testing.assert_array_equal(before[mine], after[mine])
    assert not np.array_equal(before[~mine], after[~mine], equal_nan=True)


@pytest.mark.parametrize(("count", "changes"), [(1, {}), (2, {}), (5, {"min_labels": 60})])
def test_what_cannot_be_trained_for_every_fold_is_not_measured(judge, count, changes):
    scores, reasons = judge(PEOPLE, count, **changes)
    assert scores == {}
    assert f"asks for {changes.get('min_labels', 10)}" in reasons["forest"]
