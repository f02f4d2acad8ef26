"""An annotator cannot tell the tasks that measure (val, test) from the blind ones of train."""

import json

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.tree import DecisionTreeClassifier

from pushup_data import acquisition, tables
from pushup_data.labelstudio import push
from pushup_data.params import LabelStudio, Select
from tests.test_ledger import entry

SUBJECTS, EACH = 60, 20
PROJECT = LabelStudio(title="some project", port=8080, overlap=2, overlap_share=0.3)
SETTINGS = Select(budget=400, random_share=0.25, review_share=0.1)


def blind_tasks(seed, taxonomy, *, leak=None):
    """Return the blind tasks of a round as push makes them, who is filmed in each, and which measure."""
    rng = np.random.default_rng(seed)
    split = rng.permutation(["train"] * 36 + ["val"] * 12 + ["test"] * 12)
    reps, predictions = [], []
    for i in range(SUBJECTS * EACH):
        s, start = i // EACH, int(rng.integers(0, 900))
        bottom, end = start + int(rng.integers(10, 30)), start + int(rng.integers(40, 90))
        video = f"{s * 7919 % 65536:06x}{i % 3:06x}"
        row = {
            "rep_id": f"{video}-f{bottom}-{i}",
            "video_id": video,
            "subject": f"s{s}",
            "number": i % EACH + 1,
        }
        row |= {"start": start, "bottom": bottom, "end": end, "fps": float(rng.choice([25.0, 30.0, 60.0]))}
        row |= {"view": str(rng.choice(["side", "oblique", "front"])), "near_side": "left", "support": "feet"}
        row |= {
            "partial": bool(rng.random() < 0.1),
            "drawn": False,
            "flags": ["dark"] if rng.random() < 0.1 else [],
        }
        row |= {"clip": f"{row['rep_id']}-{start}-{end}.mp4", "clip_start": start, "clip_end": end}
        reps.append(row)
        for error in taxonomy.ids:
            p = float(rng.random())
            said = {"rep_id": row["rep_id"], "error": error, "probability": p, "rule_probability": p}
            predictions.append(said | {"predictor": "rules", "present": p >= 0.5, "reason": "hips low"})
    frame = tables.REPS.frame(reps)
    placed = tables.ASSIGNMENTS.frame([{"subject": f"s{s}", "split": split[s]} for s in range(SUBJECTS)])
    # Some are annotated already; whose label is in doubt comes back beside the rest.
    done = [r for r in reps if rng.random() < 0.1]
    entries = [
        entry(i, rep_id=r["rep_id"], start=r["start"], end=r["end"], annotator=f"p{i % 2}@example.org")
        for i, r in enumerate(done)
    ]
    queue = acquisition.queue(
        frame,
        tables.PREDICTIONS.frame(predictions),
        placed,
        acquisition.history(entries, frame),
        withheld=[],
        settings=SETTINGS,
        overlap=PROJECT,
        seed=seed,
    )
    known = tables.PREDICTIONS.frame(predictions)
    tasks = push.wanted(queue.join(frame, on="rep_id"), known, taxonomy)
    subject = dict(frame.select("rep_id", "subject").iter_rows())
    chosen = []
    new = set(queue.filter(reason="random")["rep_id"])
    for position, task in enumerate(tasks):
        rep_id = task["data"]["rep_id"]
        if rep_id not in new:
            continue
        measures = str(split[int(subject[rep_id][1:])]) != "train"
        if leak:
            leak(task, measures)
        chosen.append((position, task, subject[rep_id], measures))
    return len(tasks), chosen


def features(total, position, task, before):
    """Everything in a task as numbers: its place, every value, every length, the gap before it."""
    row = {"place": position / total, "gap": position - before, "opinions": task["opinions"]}
    parts = {**task["data"], **{f"prediction {k}": v for k, v in task["predictions"][0].items()}}
    for name, value in parts.items():
        text = json.dumps(value)
        row[f"length of {name}"] = len(text)
        row[f"hash of {name}"] = sum(map(ord, text)) % 97
        if isinstance(value, int | float):
            row[name] = value
        elif isinstance(value, str):
            row[f"start of {name}"] = int.from_bytes(value[:4].encode().ljust(4, b"\0"))
    row["ratio"] = (task["data"]["end"] - task["data"]["start"]) / task["data"]["fps"]
    return row


def table(total, chosen):
    rows, before = [], -1
    for position, task, *_ in chosen:
        rows.append(features(total, position, task, before))
        before = position
    names = sorted(set().union(*rows))
    x = np.array([[row.get(name, -1) for name in names] for row in rows], dtype=float)
    return x, np.array([measures for *_, measures in chosen]), np.array([s for _, _, s, _ in chosen])


def auc(model, x, y, subjects):
    """How well a model tells them apart for people it has not seen; the ids of those it has, it may learn."""
    scores = np.full(len(y), np.nan)
    for inside, outside in GroupKFold(5, shuffle=True, random_state=0).split(x, groups=subjects):
        scores[outside] = model.fit(x[inside], y[inside]).predict_proba(x[outside])[:, 1]
    return roc_auc_score(y, scores)


MODELS = {
    "tree": DecisionTreeClassifier(max_depth=5, random_state=0),
    "forest": RandomForestClassifier(60, random_state=0),
}


@pytest.fixture(scope="module")
def worlds(default_taxonomy):
    return [blind_tasks(seed, default_taxonomy) for seed in range(8)]


@pytest.mark.parametrize("model", MODELS)
def test_nothing_in_the_tasks_tells_val_and_test_from_blind_train(worlds, model):
    found = [auc(MODELS[model], *table(*world)) for world in worlds]
    # Chance is 0.5; people are few and their tasks alike, so single worlds scatter.
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - 0.5) < max(3 * error, 0.03)
    assert np.mean(found) < 0.55


def test_place_in_the_queue_is_the_same_draw_for_both(worlds):
    for total, chosen in worlds:
        assert len(chosen) == 200
        for measures in (True, False):
            places = [(position + 0.5) / total for position, _, _, m in chosen if m == measures]
            assert len(places) == 100
            assert kstest(places, "uniform").pvalue > 1e-3
        runs = np.diff([m for *_, m in chosen]) != 0
        assert 0.35 < runs.mean() < 0.65  # neither in blocks nor in turn


@pytest.mark.parametrize(
    "leak",
    [
        lambda task, measures: task.update(opinions=2 if measures else task["opinions"]),
        lambda task, measures: task["data"].update({"split": "val"} if measures else {}),
        lambda task, measures: task["predictions"][0].update(score=0.0 if measures else 0.3),
    ],
    ids=["opinions", "field", "score"],
)
def test_this_test_would_see_a_leak(default_taxonomy, leak):
    x, y, subjects = table(*blind_tasks(0, default_taxonomy, leak=leak))
    assert auc(MODELS["tree"], x, y, subjects) > 0.75
