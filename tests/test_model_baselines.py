import numpy as np
import pytest

from pushup_data import quality, tables
from pushup_data.model import baselines
from pushup_data.params import BASELINES, Model, Train
from tests.test_model_training import ERRORS, figures

MODEL = Model(width=8, steps=32)
SETTINGS = Train(epochs=12, lr=0.01, batch_size=16, min_labels=10, patience=10)


@pytest.fixture(scope="module")
def people():
    return figures(60, 1, "train"), figures(30, 2, "val"), figures(30, 3, "new")


@pytest.fixture(scope="module")
def fitted(people):
    return baselines.fit(BASELINES, people[0], people[1], MODEL, SETTINGS, seed=0)


@pytest.fixture(scope="module")
def taxonomy(default_taxonomy):
    return default_taxonomy.model_copy(update={"errors": tuple(default_taxonomy[error] for error in ERRORS)})


def reps(count, view="side", flags=()):
    return tables.REPS.frame(
        [{"rep_id": f"{i:03}", "view": view, "flags": list(flags)} for i in range(count)]
    )


@pytest.mark.parametrize("name", BASELINES[1:])
def test_it_learns_what_it_is_shown_of_people_it_never_saw(people, fitted, taxonomy, name):
    new = people[2]
    said = fitted[name].judge(new.x, reps(30), taxonomy)
    for e in range(2):
        right = (said.probability[:, e] >= said.threshold[e]) == (new.y[:, e] == 1)
        assert right.mean() > max((new.y[:, e] == 0).mean(), 0.75)
    assert np.isnan(said.threshold[2])  # no label: not learnt
    assert np.isnan(said.probability[:, 2]).all()
    assert said.before.shape == said.probability.shape


def test_the_majority_says_the_same_of_everybody(people, fitted, taxonomy):
    said = fitted["majority"].judge(people[2].x, reps(30), taxonomy)
    share = (people[0].y[:, 0] == 1).mean()
    np.testing.assert_allclose(said.probability[:, 0], share, atol=1e-6)
    assert said.before is None


@pytest.mark.parametrize("name", BASELINES)
def test_nobody_can_tell_what_is_not_seen(people, fitted, taxonomy, name):
    x = people[2].x[:4].copy()
    x[1] = np.nan
    assert (
        np.isnan(fitted[name].judge(x, reps(4), taxonomy).probability[:, 0]).tolist()
        == [False, True] + [False] * 2
    )
    assert np.isnan(fitted[name].judge(x, reps(4, "front"), taxonomy).probability[:, 0]).all()
    hidden = fitted[name].judge(x, reps(4, flags=[quality.BODY_WRONG]), taxonomy)
    assert np.isnan(hidden.probability).all()
    assert fitted[name].judge(x[:0], reps(0), taxonomy).probability.shape == (0, 3)


def test_validation_people_only_calibrate(people, fitted, taxonomy):
    train, val, new = people
    turned = val.take(np.ones(len(val), dtype=bool))
    turned.y[:, 0] = 1 - turned.y[:, 0]
    again = baselines.fit(["forest"], train, turned, MODEL, SETTINGS, seed=0)["forest"]
    one, two = (f.judge(new.x, reps(30), taxonomy) for f in (fitted["forest"], again))
    np.testing.assert_array_equal(one.before, two.before)
    assert (one.probability[:, 0] != two.probability[:, 0]).any()


def test_too_few_labels_are_a_reason(people):
    few = people[0].take(np.arange(60) < 5)
    found = baselines.fit(BASELINES, few, people[1], MODEL, SETTINGS, seed=0)
    assert set(found.values()) == {"5 labelled train reps, train.min_labels asks for 10"}
    assert baselines.fit([], *people[:2], MODEL, SETTINGS, seed=0) == {}


def test_a_subject_on_both_sides_is_refused(people):
    for name in BASELINES:
        with pytest.raises(ValueError, match="train and val"):
            baselines.fit([name], people[0], people[0], MODEL, SETTINGS, seed=0)
