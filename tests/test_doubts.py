from functools import cache

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.simulated import ERRORS, measured
from pushup_data import doubts, reviews, tables


def doubted(y, x, rules, subjects, seed=0):
    rep_ids = [f"r{i:04d}" for i in range(len(y))]
    probability = doubts.out_of_fold(x, y.astype(float), rules, subjects, seed)
    return probability, doubts.table(rep_ids, ERRORS, y.astype(float), probability)


@cache
def tenth_flipped(seed):
    """Return the truth, which labels are flipped, the probability and the doubts: a second or two each."""
    truth, x, rules, subjects = measured(seed)
    flipped = np.random.default_rng(seed + 100).random(truth.shape) < 0.1
    return truth, flipped, *doubted(truth ^ flipped, x, rules, subjects)


def share_found(found, flipped, first):
    """Return the share of flipped (rep, error) pairs among the first so many by doubt."""
    order = found.sort("doubt", descending=True)
    place = [(int(r[1:]), ERRORS.index(e)) for r, e in order.select("rep_id", "error").iter_rows()]
    return sum(flipped[at] for at in place[: int(first * len(place))]) / flipped.sum()


def test_most_flipped_labels_are_at_the_front_of_the_queue():
    """More seeds: benchmarks/label_errors.py."""
    truth, flipped, probability, found = tenth_flipped(0)
    auc = np.mean([roc_auc_score(truth[:, e], probability[:, e]) for e in range(len(ERRORS))])
    assert 0.75 < auc < 0.9  # no oracle: about as good as the rules are on real clips
    assert share_found(found, flipped, 0.15) >= 0.6


def test_the_reps_asked_about_first_hold_most_of_the_flips_that_so_few_can_hold():
    """A tenth of all labels, five to a rep: no order of reps can have all of them among the first 15 %."""
    truth, flipped, _, found = tenth_flipped(0)
    worth = reviews.worth(found, tables.LABELS.empty())
    first = int(0.15 * len(truth))
    asked = [int(rep[1:]) for rep in sorted(worth, key=worth.__getitem__, reverse=True)[:first]]
    best = np.sort(flipped.sum(axis=1))[::-1][:first]
    assert flipped[asked].sum() > 0.7 * best.sum()


def test_nobodys_own_labels_vouch_for_themselves():
    """All labels of one person are wrong: a forest that had seen them would believe them."""
    truth, x, _, subjects = measured(3, people=5, each=20, noise=0.3, camera=0.2)
    theirs = np.array(subjects) == "s00"
    truth, silent = truth[:, :2], np.full((len(truth), 2), np.nan)  # two errors are enough
    y = np.where(theirs[:, None], ~truth, truth)
    probability = doubts.out_of_fold(x, y.astype(float), silent, subjects, 0)
    assert np.isfinite(probability).all()
    changed = y.copy()
    changed[theirs] = truth[theirs]
    again = doubts.out_of_fold(x, changed.astype(float), silent, subjects, 0)
    assert (again[theirs] == probability[theirs]).all()


def test_unknown_labels_are_not_doubted_and_unknown_rules_do_not_matter():
    truth, x, rules, subjects = measured(0, people=10, each=6)
    y = truth.astype(float)
    y[:20, 0] = np.nan
    rules[:, 1] = np.nan  # the forest speaks alone
    probability, found = doubted(y, x, rules, subjects)
    assert np.isnan(probability[:20, 0]).all()
    assert len(found.filter(error="hips_sagging")) == len(y) - 20
    assert len(found.filter(error="hips_piked")) == len(y)
    assert found["doubt"].is_between(0, 1).all()


def test_rules_that_every_label_contradicts_raise_no_doubt():
    _, x, rules, subjects = measured(0, people=10, each=6)
    nowhere = np.zeros(rules.shape, dtype=bool)
    probability, found = doubted(nowhere, x, np.full(rules.shape, 0.9), subjects)
    assert found["doubt"].max() < 0.5
    probability, _ = doubted(nowhere[:8], x[:8], np.full((8, len(ERRORS)), 0.1), subjects[:8])
    assert probability.max() <= 0.1 + 1e-9


def test_nothing_to_doubt_gives_an_empty_table():
    empty = np.zeros((0, len(ERRORS)))
    probability = doubts.out_of_fold(np.zeros((0, 3)), empty, empty, [], 0)
    assert doubts.table([], ERRORS, empty, probability).equals(tables.DOUBTS.empty())
