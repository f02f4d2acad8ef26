from dataclasses import replace

import numpy as np
import pytest

from pushup_data.model import calibration, support
from pushup_data.model.data import Dataset
from tests.test_model_training import SETTINGS, figures


@pytest.fixture(scope="module")
def people():
    return figures(60, 1, "train"), figures(30, 2, "val")


def test_obstacles_are_named(people):
    train = people[0]
    assert support.obstacle(train, SETTINGS) is None
    assert "min_labels asks for 61" in support.obstacle(train, SETTINGS.model_copy(update={"min_labels": 61}))
    only = Dataset(train.rep_ids, train.subjects, train.x, np.zeros_like(train.y))
    assert "no error is present" in support.obstacle(only, SETTINGS)
    always = Dataset(train.rep_ids, train.subjects, train.x, np.ones_like(train.y))
    assert "both present and absent" in support.obstacle(always, SETTINGS)


def test_what_few_people_show_is_believed_less(people):
    train = people[0]
    # Of 20 people all sag, 8 pike, and of asymmetry nothing is known.
    assert support.shrinkage(train) == pytest.approx([20 / 26, 8 / 14, 0])
    avatars = replace(train, worth=dict.fromkeys(train.subjects, 0.1))
    assert support.shrinkage(avatars) == pytest.approx([2 / 8, 0.8 / 6.8, 0])


def test_a_threshold_lies_between_one_half_and_the_best_for_f1(people):
    val = people[1]
    logits = np.random.default_rng(0).normal(val.y * 2 - 2, 1)
    platts, found = support.calibrated(logits, val)
    for e, share in enumerate([10 / 16, 4 / 10]):  # of 10 people all sag, 4 pike
        best = calibration.threshold(platts[e](logits[:, e]), val.subjects)
        assert found[e] == pytest.approx(0.5 + share * (best - 0.5), abs=1e-4)
    assert found[2] == 0.5


def test_the_loss_that_stops_training_asks_who_errs_not_how_sure_it_is():
    rng = np.random.default_rng(0)
    truth = (rng.random((200, 2)) < 0.4).astype(np.float32)
    people = [f"s{i}" for i in range(200)]
    right = np.where(truth == 1, 1.0, -1.0) + rng.normal(0, 1, truth.shape)
    truth[:50, 1] = np.nan
    assert support.calibrated_loss(4 * right, truth, people) == pytest.approx(
        support.calibrated_loss(right, truth, people), rel=0.1
    )
    worse = right.copy()
    worse[:20, 0] *= -1
    assert support.calibrated_loss(worse, truth, people) > support.calibrated_loss(right, truth, people)
    worse = right.copy()
    worse[:50, 1] *= -1  # unknown there
    assert support.calibrated_loss(worse, truth, people) == support.calibrated_loss(right, truth, people)
