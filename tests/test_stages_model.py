"""From the ledger to the next queue, stage by stage, on stick figures with known errors."""

import shutil

import numpy as np
import polars as pl
import pytest

from pushup_data import ledger, splits, tables
from pushup_data.errors import LabelsAtRiskError, MissingInputError
from pushup_data.labelstudio import backend, push
from pushup_data.model import predictor
from pushup_data.stages import evaluate, labels, predict, select, split, train
from tests.figures import film, push_up
from tests.rounds import BESIDE, REPS_EACH, annotate, fill, read, run, settings, write
from tests.test_ledger import entry
from tests.voting import REPS

WRITTEN = (
    "data/labels.parquet",
    "data/assignments.csv",
    "models/candidate/model.json",
    "metrics/labels.json",
    "metrics/split.json",
    "metrics/evaluation.json",
    "metrics/verdict.json",
    "plots/evaluation/val.csv",
    "plots/evaluation/val.png",
    "plots/evaluation/test.csv",
    "plots/training/metrics.json",
    "plots/training/plots/metrics/loss/train.tsv",
    "plots/training/plots/metrics/loss/val.tsv",
    "plots/training/plots/metrics/lr.tsv",
    "plots/calibration/test.csv",
    "plots/calibration/test.png",
    "plots/coverage/test.csv",
    "plots/coverage/test.png",
    "data/predictions.parquet",
    "data/embeddings.parquet",
    "data/doubts.parquet",
    "data/queue.parquet",
    "data/reviews.csv",
)


def contents(workspace):
    return {name: (workspace.root / name).read_bytes() for name in WRITTEN}


def test_everything_succeeds_on_nothing(workspace):
    write(workspace)
    run(workspace)
    first = contents(workspace)
    assert read(workspace, "metrics/verdict.json")["predictor"] == "rules"
    card = read(workspace, "models/candidate/model.json")
    assert card["trained"] is False
    assert "0 labelled train reps" in card["reason"]
    assert tables.read(tables.QUEUE, workspace.queue).is_empty()
    assert read(workspace, "metrics/evaluation.json")["test"]["errors"]["asymmetric"]["rules"]["ap"] is None
    run(workspace)
    assert contents(workspace) == first


def test_reps_without_labels_are_predicted_by_rules_and_queued(workspace, default_taxonomy):
    truth = fill(workspace, default_taxonomy)
    run(workspace)
    table = tables.read(tables.PREDICTIONS, workspace.predictions)
    assert len(table) == len(truth) * len(default_taxonomy.ids)
    assert set(table["predictor"]) == {"rules"}
    assert table["model_probability"].null_count() == len(table)
    assert table.filter(pl.col("error") == "elbows_flared")["probability"].null_count() == len(truth)
    assert len(tables.read(tables.EMBEDDINGS, workspace.embeddings)) == len(truth)
    queue = tables.read(tables.QUEUE, workspace.queue)
    assert len(queue) == 40
    assert queue["blind"].sum() == 20


def test_the_second_round_learns_from_the_first(rounds):
    workspace, truth, queue = rounds
    found = read(workspace, "metrics/labels.json")
    assert found["labelled_reps"] == found["annotations"] == 40
    assert found["orphans"] == 0
    card = read(workspace, "models/candidate/model.json")
    assert card["trained"], card["reason"]
    assert card["splits"]["train"]["reps"] + card["splits"]["val"]["reps"] < 40  # test is not touched
    heads = {h["error"]: h for h in card["heads"]}
    assert heads["hips_sagging"]["threshold"] is not None
    assert heads["hips_piked"]["threshold"] is None  # never present: not learnt
    table = tables.read(tables.PREDICTIONS, workspace.predictions)
    sag = table.filter(pl.col("error") == "hips_sagging")
    assert sag["model_probability"].null_count() == 0
    said = dict(sag.select("rep_id", "model_probability").iter_rows())
    right = np.mean([(said[r] > 0.5) == truth[r] for r in truth if r not in set(queue["rep_id"])])
    assert right > 0.9
    assert f"model {sag['model_probability'][0]:.2f}" in sag["reason"][0]
    assert set(table.filter(pl.col("error") == "hips_piked")["predictor"]) == {"rules"}


def test_every_table_fits_the_others(rounds):
    workspace, truth, queue = rounds
    second = tables.read(tables.QUEUE, workspace.queue)
    again = second.filter(reason="overlap")
    assert set(second["rep_id"]) & set(queue["rep_id"]) == set(again["rep_id"])
    assert set(again["rep_id"]) == set(queue.filter(pl.col("opinions") == 2)["rep_id"])
    assert set(second["rep_id"]) <= set(truth)
    evaluation = read(workspace, "metrics/evaluation.json")
    placed = splits.of_reps(
        tables.read(tables.REPS, workspace.reps), tables.read(tables.ASSIGNMENTS, workspace.assignments)
    )
    for side in ("val", "test"):
        labelled = [r for r in queue["rep_id"] if placed[r] == side]
        assert evaluation[side]["reps"] == len(labelled) > 0
        sag = evaluation[side]["errors"]["hips_sagging"]
        assert sag["present"] == sum(truth[r] for r in labelled)
        assert sag["present"] + sag["absent"] + sag["unknown"] == len(labelled)
        assert sag["candidate"]["ap"] == 1 >= sag["rules"]["ap"]  # a few guesses may be lucky
        assert sag["forest"]["f1"] > 0.8  # another learner of the same labels finds it too
        assert sag["majority"]["ap"] == pytest.approx(sag["present"] / len(labelled), abs=1e-4)
        assert sag["candidate"].keys() - sag["rules"].keys() == {"ece_before"}
        assert evaluation[side]["by"]["view"]["side"]["reps"] == len(labelled)
        assert list(evaluation[side]["by"]["quality"]) == ["no flag"]
    vectors = tables.read(tables.EMBEDDINGS, workspace.embeddings)
    assert set(vectors["embedding"].list.len()) == {10 * 16}  # the LSTM's two directions and eight members
    assert set(vectors["rep_id"]) == set(truth)


def test_a_model_may_read_pixels_where_the_videos_are_there(rounds, tmp_path):
    workspace, truth, _ = rounds
    settings = {"model": {"streams": ["pose", "rgb"]}, "train": {"epochs": 2}}
    with pytest.raises(MissingInputError, match=r"\.mp4 is not there, and a model of the rgb stream"):
        run(workspace, (train,), **settings)
    pose, _ = push_up(["hips_sagging"], reps=REPS_EACH, fps=15, bottom=90.0)
    film(tmp_path / "any.mp4", pose, 15, 160, 90)  # all are equally long; what they show does not matter here
    for video_id in {rep_id.split("-")[0] for rep_id in truth}:
        workspace.video(video_id).parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "any.mp4", workspace.video(video_id))
    run(workspace, (train, evaluate, predict), **settings)
    assert read(workspace, "models/candidate/model.json")["model"]["streams"] == ["pose", "rgb"]
    vectors = tables.read(tables.EMBEDDINGS, workspace.embeddings)
    assert set(vectors["embedding"].list.len()) == {12 * 16}  # and the film's two directions
    assert tables.read(tables.PREDICTIONS, workspace.predictions)["model_probability"].count() > 0


def test_running_again_changes_no_byte(rounds):
    workspace, _, _ = rounds
    first = contents(workspace) | {"w": (workspace.candidate / "weights.safetensors").read_bytes()}
    run(workspace, evaluate=BESIDE)
    assert contents(workspace) | {"w": (workspace.candidate / "weights.safetensors").read_bytes()} == first


def test_training_never_reads_a_test_subject(rounds):
    workspace, _, _ = rounds
    reps = tables.read(tables.REPS, workspace.reps)
    assignments = tables.read(tables.ASSIGNMENTS, workspace.assignments)
    placed = splits.of_reps(reps, assignments)
    for rep_id, video_id in reps.select("rep_id", "video_id").iter_rows():
        if placed[rep_id] == "test":
            workspace.pose(video_id).unlink(missing_ok=True)
    before = (workspace.candidate / "weights.safetensors").read_bytes()
    run(workspace, [train])
    assert (workspace.candidate / "weights.safetensors").read_bytes() == before


def test_validation_labels_change_no_gradient(rounds):
    workspace, _, _ = rounds
    table = tables.read(tables.LABELS, workspace.labels)
    reps = tables.read(tables.REPS, workspace.reps)
    placed = splits.of_reps(reps, tables.read(tables.ASSIGNMENTS, workspace.assignments))
    held_out = pl.col("rep_id").is_in([r for r, s in placed.items() if s != "train"])
    turned = pl.when(held_out).then(pl.lit("unknown")).otherwise("value").alias("value")
    fixed = {"model": {"width": 16, "steps": 32}, "train": {"epochs": 1}}
    run(workspace, [train], **fixed)
    before = (workspace.candidate / "weights.safetensors").read_bytes()
    tables.write(tables.LABELS, table.with_columns(turned), workspace.labels)
    run(workspace, [train], **fixed)
    assert (workspace.candidate / "weights.safetensors").read_bytes() == before


def test_labels_in_doubt_are_reviewed_and_it_is_written_down_how_that_ended(rounds, default_taxonomy):
    workspace, truth, _ = rounds
    shutil.rmtree(workspace.annotations)
    reps = tables.read(tables.REPS, workspace.reps)
    placed = splits.of_reps(reps, tables.read(tables.ASSIGNMENTS, workspace.assignments))
    mine = [r for r in sorted(truth) if placed[r] == "train"]
    wrong = set(mine[::11])
    # A forest doubts the labels: how well the network learns does not matter.
    once = {"labelstudio": {"overlap": 1}, "select": {"review_share": 0.3}, "train": {"epochs": 3}}
    stages = (labels, train, select)
    annotate(workspace, default_taxonomy, {r: v ^ (r in wrong) for r, v in truth.items()}, truth)
    run(workspace, stages, **once)
    assert tables.read(tables.QUEUE, workspace.queue).is_empty()  # there is nobody else to ask
    other = next(r for r in truth if placed[r] == "val")
    annotate(workspace, default_taxonomy, truth, [other], "second@example.org")
    run(workspace, stages, **once)
    asked = tables.read(tables.QUEUE, workspace.queue)
    assert set(asked["reason"]) == {"review"}
    assert asked["blind"].all()
    assert {placed[r] for r in asked["rep_id"]} == {"train"}
    sag = tables.read(tables.REVIEWS, workspace.reviews).filter(error="hips_sagging")
    assert len(wrong & set(sag["rep_id"])) > 0.6 * len(wrong)
    run(workspace, stages, **once)  # nobody has answered: the same queue
    assert tables.read(tables.QUEUE, workspace.queue).equals(asked)
    assert read(workspace, "metrics/labels.json")["reviews"]["open"] == len(
        tables.read(tables.REVIEWS, workspace.reviews)
    )
    annotate(workspace, default_taxonomy, truth, asked["rep_id"], "second@example.org")
    run(workspace, stages, **once)
    found = read(workspace, "metrics/labels.json")
    doubted_wrongly = set(sag["rep_id"]) - wrong
    ended = {(row["rep_id"], row["error"]): row["outcome"] for row in found["reviews"]["each"]}
    assert {ended[r, "hips_sagging"] for r in wrong & set(sag["rep_id"])} == {"undecided"}
    assert {ended[r, "hips_sagging"] for r in doubted_wrongly} <= {"confirmed"}
    # What reviews asked for is no sample: of agreement only the rep that both had anyway is known.
    assert found["agreement"]["hips_sagging"]["units"] == 1
    annotate(workspace, default_taxonomy, truth, [other], "the third@example.org")
    run(workspace, stages, **once)
    tied = wrong & set(sag["rep_id"])
    assert tied <= set(tables.read(tables.QUEUE, workspace.queue)["rep_id"])
    annotate(workspace, default_taxonomy, truth, tied, "the third@example.org")
    run(workspace, stages, **once)
    ended = read(workspace, "metrics/labels.json")["reviews"]
    assert ended["overturned"] == ended["settled"] == len(tied)
    assert ended["undecided"] == 0


def test_a_champion_predicts_until_it_is_beaten(rounds):
    workspace, _, _ = rounds
    for path in workspace.candidate.iterdir():
        shutil.copy(path, workspace.champion / path.name)
    run(workspace, [evaluate, predict])
    assert read(workspace, "metrics/verdict.json")["predictor"] == "champion"
    found = read(workspace, "metrics/evaluation.json")
    assert found["predictors"]["champion"] == "measured"
    assert (
        found["val"]["errors"]["hips_sagging"]["champion"]
        == found["val"]["errors"]["hips_sagging"]["candidate"]
    )
    table = tables.read(tables.PREDICTIONS, workspace.predictions)
    assert set(table.filter(pl.col("error") == "hips_sagging")["predictor"]) == {"champion"}


def test_baselines_are_compared_and_never_decide(rounds):
    workspace, _, _ = rounds
    before = read(workspace, "metrics/verdict.json")
    every = ["majority", "forest", "cnn-only"]  # each by itself: test_model_baselines.py
    run(workspace, [evaluate], evaluate={"baselines": every}, train={"epochs": 3})
    assert list(read(workspace, "metrics/evaluation.json")["test"]["macro"]) == ["rules", *every, "candidate"]
    assert read(workspace, "metrics/verdict.json") == before
    run(workspace, [evaluate], evaluate={"baselines": []})
    assert list(read(workspace, "metrics/evaluation.json")["test"]["macro"]) == ["rules", "candidate"]
    assert read(workspace, "metrics/verdict.json") == before
    run(workspace, [evaluate], train={"min_labels": 1000}, evaluate=BESIDE)
    assert "asks for 1000" in read(workspace, "metrics/evaluation.json")["predictors"]["forest"]


def test_with_too_few_test_people_all_are_judged_by_models_of_others(rounds):
    workspace, _, _ = rounds
    plain = read(workspace, "metrics/evaluation.json")
    assert "cross_validation" not in plain  # switched off in these rounds
    before = read(workspace, "metrics/verdict.json")
    asked = BESIDE | {"cross_validate": True}
    run(workspace, [evaluate], train={"epochs": 1}, evaluate=asked)
    found = read(workspace, "metrics/evaluation.json")
    labels = tables.read(tables.LABELS, workspace.labels)
    told = labels.filter(pl.col("usable") & pl.col("value").is_in(["present", "absent"]))
    assert found["cross_validation"]["reps"] == told["rep_id"].n_unique() > found["test"]["reps"]
    assert list(found["cross_validation"]["macro"]) == ["rules", "majority", "forest", "candidate"]
    assert found["cross_validation"]["errors"]["hips_sagging"]["forest"]["ap"] > 0.9
    assert found["cross_validation"]["errors"]["asymmetric"]["forest"]["reason"]
    assert (workspace.plots / "evaluation" / "cross_validation.png").exists()
    assert read(workspace, "metrics/verdict.json") == before
    run(workspace, [evaluate], train={"epochs": 1, "min_labels": 25}, evaluate=asked)
    found = read(workspace, "metrics/evaluation.json")["cross_validation"]
    assert list(found["macro"]) == ["rules"]
    assert "train.min_labels asks for 25" in found["not_measured"]["candidate"]


def test_fewer_labels_than_asked_for_removes_the_old_model(rounds):
    workspace, _, _ = rounds
    run(workspace, [train, evaluate, predict], train={"min_labels": 1000}, model={"steps": 32})
    assert predictor.load(workspace.candidate) is None
    assert not (workspace.candidate / "weights.safetensors").exists()
    assert "asks for 1000" in read(workspace, "metrics/verdict.json")["why"]


def test_a_moved_rep_is_orphaned_said_and_queued_again(rounds, capsys):
    workspace, _, queue = rounds
    rep_id = queue["rep_id"][0]
    reps = tables.read(tables.REPS, workspace.reps)
    here = pl.col("rep_id") == rep_id
    moved = reps.with_columns(
        *(pl.when(here).then(pl.col(c) + 200).otherwise(c).alias(c) for c in ("start", "bottom", "end"))
    )
    tables.write(tables.REPS, moved, workspace.reps)
    run(workspace, [labels, split, train, evaluate, predict])
    assert read(workspace, "metrics/labels.json")["orphaned"][0]["rep_id"] == rep_id
    assert "1 annotations set aside" in capsys.readouterr().out
    assert rep_id not in tables.read(tables.LABELS, workspace.labels)["rep_id"]
    # Nobody is there any more in frames that the video does not have: the model cannot tell.
    table = tables.read(tables.PREDICTIONS, workspace.predictions)
    assert table.filter(pl.col("rep_id") == rep_id)["model_probability"].null_count() == len(
        table["error"].unique()
    )
    assert rep_id not in tables.read(tables.EMBEDDINGS, workspace.embeddings)["rep_id"]
    run(workspace, [select], select={"budget": 100})
    assert rep_id in tables.read(tables.QUEUE, workspace.queue)["rep_id"]


def test_a_video_without_consent_is_not_queued(rounds):
    workspace, _, _ = rounds
    videos = tables.read(tables.VIDEOS, workspace.videos)
    tables.write(tables.VIDEOS, videos.with_columns(consent=pl.lit("no")), workspace.videos)
    run(workspace, [select])
    assert tables.read(tables.QUEUE, workspace.queue).is_empty()


def test_a_missing_pose_or_verdict_says_what_to_run(rounds):
    workspace, _, _ = rounds
    (workspace.metrics / "verdict.json").unlink()
    with pytest.raises(MissingInputError, match="dvc repro"):
        run(workspace, [predict])
    for path in workspace.pose("x").parent.glob("*.parquet"):
        path.unlink()
    with pytest.raises(MissingInputError, match="poses"):
        run(workspace, [train])


def test_the_backend_says_of_a_task_what_push_puts_there(rounds, default_taxonomy):
    workspace, _, _ = rounds
    verdict = workspace.metrics / "verdict.json"
    verdict.write_text(verdict.read_text().replace('"rules"', '"candidate"'))
    run(workspace, (predict,))
    reps = tables.read(tables.REPS, workspace.reps).head(6)
    queue = [{"position": n, "rep_id": r, "blind": n % 3 == 0} for n, r in enumerate(reps["rep_id"])]
    queued = tables.QUEUE.frame(queue).join(reps, on="rep_id")
    pushed = push.wanted(queued, tables.read(tables.PREDICTIONS, workspace.predictions), default_taxonomy)
    assert {t["data"]["shown"] for t in pushed} == {"blind", "candidate+rules"}

    def ask(*changed: dict, annotations=()) -> list[list[dict]]:
        tasks = [
            backend.Task(data=t["data"] | c, annotations=list(annotations))
            for t, c in zip(pushed, changed or [{}] * 6, strict=False)
        ]
        return backend.answers(workspace, tasks)

    assert ask() == [t["predictions"] for t in pushed]
    assert [bool(p[0]["result"]) for p in ask()] == [False, True, True, False, True, True]
    assert ask(annotations=[{"id": 1}]) == [[]] * 6
    moved, of_nobody = {"ext_id": "other bounds"}, {"ext_id": None, "shown": None}
    assert ask({}, moved, of_nobody) == [pushed[0]["predictions"], [], []]
    hidden = tables.read(tables.VIDEOS, workspace.videos).with_columns(consent=pl.lit("no"))
    tables.write(tables.VIDEOS, hidden, workspace.videos)
    assert ask() == [[]] * 6


def test_labels_of_who_is_left_out_of_all_splits_stop_nothing(workspace):
    ledger.append(workspace.annotations, [entry(1, rep_id="abc-f10")])
    placed = tables.ASSIGNMENTS.frame([{"subject": "bob", "split": "train"}])
    now = tables.ASSIGNMENTS.frame([{"subject": who, "split": "train"} for who in ("ann", "bob")])
    split._guard(workspace, REPS, placed, placed)
    with pytest.raises(LabelsAtRiskError, match=r"1 subjects with labels have no row \(ann\)"):
        split._guard(workspace, REPS, placed, now)


def test_labels_without_a_place_stop_the_split_until_told(rounds):
    workspace, _, _ = rounds
    split.run(workspace, settings())
    placed = workspace.assignments.read_text()
    workspace.assignments.unlink()
    with pytest.raises(LabelsAtRiskError, match=r"git checkout data/assignments.csv.*--place-anew"):
        split.run(workspace, settings())
    assert not workspace.assignments.exists()
    # A row cut off is a loss as well.
    workspace.assignments.write_text("\n".join(placed.splitlines()[:-1]) + "\n")
    with pytest.raises(LabelsAtRiskError, match="1 subjects with labels have no row"):
        split.run(workspace, settings())
    split.run(workspace, settings(), place_anew=True)
    assert workspace.assignments.read_text().count("\n") == placed.count("\n")
