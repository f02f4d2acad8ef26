import dataclasses
import re
import sqlite3

import numpy as np
import pytest
from click.testing import CliRunner

from pushup_data.cli import main
from pushup_data.model import training, tuning
from pushup_data.model.tuning import Choice, Tuned
from pushup_data.params import Model, Train
from pushup_data.stages import labels, split
from tests.rounds import fill, settings, write
from tests.test_model_training import figures

MODEL = Model(width=16, steps=32)
SETTINGS = Train(epochs=5, lr=0.003, batch_size=32, min_labels=10, patience=10)


@pytest.fixture(autouse=True, scope="module")
def short_trainings():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "_EPOCHS", (5, 15))
        yield


@pytest.fixture(scope="module")
def sides():
    return figures(30, 1, "train"), figures(15, 2, "val")


def search(sides, file, trials, minutes=2.0, said=None):
    return tuning.search(
        *sides, MODEL, SETTINGS, 0, trials=trials, minutes=minutes, study_file=file, say=(said or []).append
    )


@pytest.fixture(scope="module")
def searched(sides, tmp_path_factory):
    file, said = tmp_path_factory.mktemp("tune") / "kept" / "tune.db", []
    return search(sides, file, 8, said=said), file, said


def fits(monkeypatch):
    """Count the trainings."""
    count, fit = [], training.fit
    monkeypatch.setattr(training, "fit", lambda *a, **k: count.append(a[3]) or fit(*a, **k))
    return count


def test_the_best_are_ranked_and_measured_as_training_does(searched, sides):
    tuned, _, said = searched
    assert len(tuned.best) + tuned.pruned == 8
    losses = [loss for _, loss in tuned.best]
    assert losses == sorted(losses)
    assert len(tuned.current_losses) == len(tuned.best_losses) == tuning.SEEDS
    assert tuned.best_losses[0] == losses[0]
    for choice, found in ((tuned.current, tuned.current_losses), (tuned.best[0][0], tuned.best_losses)):
        again = [
            training.fit(*sides, *choice.put(MODEL, SETTINGS), seed).loss for seed in range(tuning.SEEDS)
        ]
        assert found == again
    told = [float(line.split("loss ")[1].split()[0]) for line in said]
    assert told == sorted(told, reverse=True)
    assert not told or told[0] <= tuned.current_losses[0] + 1e-4


def test_an_interrupted_search_goes_on_where_it_was(searched, sides, tmp_path, monkeypatch):
    whole, _, _ = searched
    file, ran = tmp_path / "tune.db", fits(monkeypatch)
    search(sides, file, 3)
    known = len(ran)
    fit = training.fit

    def interrupted(*arguments, **keywords):
        if len(ran) == known + 2:
            raise KeyboardInterrupt
        return fit(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search(sides, file, 8)
    del ran[:]
    tuned = search(sides, file, 8)
    assert len(tuned.best) + tuned.pruned == 8
    assert len(ran) <= 3 + tuning.SEEDS - 1  # five were tried before; the best may need its other seeds
    assert tuned.current_losses == whole.current_losses
    del ran[:]
    assert search(sides, file, 8) == tuned
    assert not ran


def test_the_first_trials_are_the_same_every_time(searched, sides, tmp_path):
    tuned = search(sides, tmp_path / "tune.db", 4)
    assert set(tuned.best) <= set(searched[0].best)


def test_other_data_are_another_study(searched, sides, monkeypatch):
    tuned, file, _ = searched
    ran = fits(monkeypatch)
    fewer = sides[1].take(np.arange(len(sides[1])) < 12)
    other = search((sides[0], fewer), file, 1)
    assert len(ran) >= tuning.SEEDS
    assert other.current_losses != tuned.current_losses
    assert search(sides, file, 8) == tuned


def test_the_budget_holds(sides, tmp_path, monkeypatch):
    fit, ran = training.fit, []

    def slow(*arguments, watch, **keywords):
        def waited(epoch):
            clock[0] += 4
            watch(epoch)

        ran.append(1)
        return fit(*arguments, watch=waited, **keywords)

    clock = [0.0]
    monkeypatch.setattr(tuning.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(training, "fit", slow)
    tuned = search(sides, tmp_path / "tune.db", 1000, minutes=3)
    assert tuned.out_of_time
    assert 0 < len(tuned.best) + tuned.pruned < len(ran) < 30
    assert clock[0] <= 3 * 60 + 4  # an epoch more at most
    tuned = search(sides, tmp_path / "none.db", 1000, minutes=0.05)
    assert tuned.best == tuned.current_losses == []
    assert "more --minutes" in tuning.report(tuned, 3)[-1]


def test_the_file_holds_no_pickle(searched):
    with sqlite3.connect(searched[1]) as file:
        tables = [name for (name,) in file.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for row in file.execute(f"select * from {table}"):
                assert not any(isinstance(value, bytes) for value in row), table


def test_what_cannot_be_tuned(sides):
    train, val = sides
    assert tuning.obstacle(train, val, SETTINGS) is None
    none = dataclasses.replace(val, y=np.full_like(val.y, np.nan))
    assert "no val rep" in tuning.obstacle(train, none, SETTINGS)
    assert "no val rep" in tuning.obstacle(train, val.take([False] * len(val)), SETTINGS)
    assert "asks for 10" in tuning.obstacle(train.take(np.arange(30) < 5), val, SETTINGS)


CURRENT, BETTER = Choice(0.003, 32, 60, 32), Choice(0.012, 16, 80, 48)


@pytest.mark.parametrize(
    ("best", "verdict"),
    [
        ([0.30, 0.31, 0.32], "more than seeds alone make"),
        ([0.47, 0.49, 0.48], "keep the current settings"),
        ([0.30], "more --minutes"),
    ],
)
def test_a_gain_is_told_from_luck(best, verdict):
    tuned = Tuned(CURRENT, [0.48, 0.50, 0.52], [(BETTER, best[0]), (BETTER, best[0])], best, 2, False)
    lines = tuning.report(tuned, 4)
    assert verdict in "\n".join(lines)
    assert (
        sum("best 1" in line for line in lines)
        == 1
        == sum("0.48" in line for line in lines if "current" in line)
    )
    if len(best) > 1:
        found = dict(re.findall(r"-S ([\w.]+)=(\S+)", lines[-1]))
        assert found == {
            "train.lr": "0.012",
            "train.batch_size": "16",
            "train.epochs": "80",
            "model.width": "48",
        }


def test_without_labels_one_line_says_what_is_missing(workspace, default_taxonomy):
    write(workspace)
    result = CliRunner().invoke(main, ["tune"])
    assert result.exit_code == 1
    fill(workspace, default_taxonomy)
    split.run(workspace, settings())
    labels.run(workspace, settings())
    result = CliRunner().invoke(main, ["tune"])
    assert result.exit_code == 1
    assert "0 labelled train reps" in result.output
    assert result.output.count("\n") == 1
