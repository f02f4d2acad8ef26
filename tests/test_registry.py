"""Promotion, on models that the stages trained on stick figures."""

import json
import os
import shutil

import polars as pl
import pytest
from click.testing import CliRunner

from pushup_data import files, registry, tables
from pushup_data.cli import main
from pushup_data.errors import BadInputError, MissingInputError
from pushup_data.model import predictor, storage
from pushup_data.stages import evaluate, predict, train
from pushup_data.workspace import Workspace
from tests import rounds as loop

FEW = {"min_labels": 10}
ENOUGH = {"evaluate": {"bootstrap": 100, "min_positives": 2}, "train": FEW}
HASTY = ENOUGH | {"train": FEW | {"epochs": 1}}


@pytest.fixture(scope="module")
def judged(after_two_rounds, tmp_path_factory):
    """A workspace whose candidate was found better than rules that guess, with enough people in val."""
    root = tmp_path_factory.mktemp("judged") / "workspace"
    shutil.copytree(after_two_rounds[0].root, root)
    workspace = Workspace(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.root)
        placed = tables.read(tables.ASSIGNMENTS, workspace.assignments)
        learners = placed.filter(split="train")["subject"].sort().to_list()
        moved = pl.when(pl.col("subject").is_in(learners[:5])).then(pl.lit("val")).otherwise("split")
        tables.write(tables.ASSIGNMENTS, placed.with_columns(moved.alias("split")), workspace.assignments)
        loop.run(workspace, [train, evaluate, predict], **ENOUGH)
    return workspace


@pytest.fixture
def workspace(judged, copied):
    """A copy of it, to be changed."""
    return copied(judged)


def command(*words, code=0):
    result = CliRunner().invoke(main, ["model", *words])
    assert result.exit_code == code, result.output
    return result.output


def decide(workspace, predictor, why):
    path = workspace.metrics / "verdict.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"predictor": predictor, "why": why}))


def test_a_better_candidate_becomes_the_champion_and_no_prediction_changes(workspace):
    said = workspace.predictions.read_bytes()
    assert "candidate" in tables.read(tables.PREDICTIONS, workspace.predictions)["predictor"].to_list()
    candidate = {p.name: p.read_bytes() for p in workspace.candidate.iterdir()}
    assert "champion now, by the verdict: better than rules" in command("promote")
    assert {p.name: p.read_bytes() for p in workspace.candidate.iterdir()} == candidate
    card = storage.read_card(workspace.champion)
    assert card.promotion.forced is False
    evaluation = loop.read(workspace, "metrics/evaluation.json")["test"]
    f1 = evaluation["macro"]["candidate"]["f1"]
    assert card.metrics["test"].macro.f1.value == f1
    assert (
        card.metrics["test"].errors["hips_sagging"].present == evaluation["errors"]["hips_sagging"]["present"]
    )
    assert "already" in command("promote")
    loop.run(workspace, [evaluate, predict], **ENOUGH)
    assert loop.read(workspace, "metrics/verdict.json")["predictor"] == "champion"
    assert workspace.predictions.read_bytes() == said
    assert "already" in command("promote", "--force")  # which changes nothing, and so records nothing
    assert storage.read_card(workspace.champion) == card


def test_another_candidate_leaves_the_champion_speaking(workspace):
    registry.promote(workspace)
    before = tables.read(tables.PREDICTIONS, workspace.predictions)
    loop.run(workspace, [train, evaluate, predict], **HASTY)
    after = tables.read(tables.PREDICTIONS, workspace.predictions)
    assert set(after.filter(error="hips_sagging")["predictor"]) == {"champion"}
    assert after.drop("predictor").equals(before.drop("predictor"))
    with pytest.raises(BadInputError, match="not promoted: the candidate is"):
        registry.promote(workspace)
    assert storage.read_card(workspace.champion).promotion.verdict.startswith("better than rules")


def test_undecided_is_refused_and_force_is_written_down(workspace):
    decide(workspace, "rules", "undecided: 3 labelled val subjects")
    refused = command("promote", code=1)
    assert refused.startswith("error: not promoted: undecided: 3 labelled val subjects")
    assert refused.count("\n") == 1
    assert storage.read_card(workspace.champion) is None
    assert "by force, against the verdict" in command("promote", "--force")
    shown = command("show", "champion")
    assert shown == (workspace.champion / storage.WORDS).read_text()
    assert "Forced, against this verdict: undecided: 3 labelled val subjects" in shown
    candidate, champion, *_ = command("list").splitlines()
    assert candidate.endswith("; is the champion")
    assert champion.endswith("; promoted by force")
    assert "which flatters; AP least" in shown.partition("## Measured on test")[0]
    assert "which flatters; AP least" not in shown.partition("## Measured on test")[2]
    loop.run(workspace, [evaluate, predict], **ENOUGH)
    assert "champion" in tables.read(tables.PREDICTIONS, workspace.predictions)["predictor"].to_list()


def test_a_verdict_about_another_model_is_no_verdict(workspace):
    loop.run(workspace, [train], **HASTY)
    for forced in (False, True):
        with pytest.raises(BadInputError, match=r"about another candidate .*`dvc repro`"):
            registry.promote(workspace, forced=forced)
    assert "about another candidate" in registry.listing(workspace)[-1]
    assert "not measured" in registry.listing(workspace)[0]
    loop.run(workspace, [evaluate], **ENOUGH)
    storage.copy(workspace.candidate, workspace.champion, storage.read_card(workspace.candidate))
    loop.run(workspace, [train], **ENOUGH)
    loop.run(workspace, [evaluate], **ENOUGH)
    shutil.rmtree(workspace.champion)
    with pytest.raises(BadInputError, match="about another champion"):
        registry.promote(workspace)


def test_the_list_says_who_speaks_and_why(workspace, monkeypatch, tmp_path):
    monkeypatch.setattr("pushup_data.workspace.TEMPLATE", tmp_path)
    candidate, champion, released, speaks = command("list").splitlines()
    f1 = loop.read(workspace, "metrics/evaluation.json")["val"]["macro"]["candidate"]["f1"]
    assert f"val F1 {f1:.2f} [" in candidate
    assert champion.split() == ["champion", "none"]
    assert released.split() == ["released", "none"]
    assert speaks.startswith("speaks     candidate: better than rules: AP +")
    assert "## Measured on test" in command("show", "candidate")
    (workspace.metrics / "verdict.json").unlink()
    assert "no model is released" in registry.listing(workspace)[-1]
    storage.copy(workspace.candidate, workspace.released, storage.read_card(workspace.candidate))
    assert registry.listing(workspace)[-1].split()[1] == "released:"


@pytest.mark.parametrize("at", [storage.WEIGHTS, storage.WORDS, storage.CARD])
@pytest.mark.parametrize("old", [False, True])
def test_an_interrupted_promotion_is_said_and_can_be_done_again(workspace, monkeypatch, at, old):
    if old:
        card = storage.read_card(workspace.candidate)
        model = predictor.load(workspace.candidate)
        model.network.heads.bias.data += 1
        storage.save(workspace.champion, card, model.network)
        loop.run(workspace, [evaluate], **ENOUGH)
        decide(workspace, "candidate", "better")
    place = files.atomic_path

    def stop(path):
        if path == workspace.champion / at:
            raise KeyboardInterrupt
        return place(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "atomic_path", stop)
        with pytest.raises(KeyboardInterrupt):
            registry.promote(workspace)
    if old and at != storage.WEIGHTS:
        with pytest.raises(BadInputError, match=r"not the weights that model\.json names; restore"):
            predictor.load(workspace.champion)
    else:
        assert (predictor.load(workspace.champion) is not None) is old
    registry.promote(workspace)
    assert predictor.load(workspace.champion).card.digest == predictor.load(workspace.candidate).card.digest


def untrained(workspace):
    card = storage.read_card(workspace.candidate)
    storage.save(workspace.candidate, card.model_copy(update={"trained": False, "reason": "3 labels"}), None)


def write(name, text):
    return lambda w: (w.root / name).write_text(text)


def remove(name):
    return lambda w: shutil.rmtree(w.root / name) if (w.root / name).is_dir() else (w.root / name).unlink()


def a_file_in_the_way(workspace):
    shutil.rmtree(workspace.champion)
    workspace.champion.write_text("")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (remove("models/candidate"), "models/candidate holds no model"),
        (untrained, "no candidate to promote: 3 labels"),
        (remove("metrics/verdict.json"), "verdict.json is not there"),
        (write("metrics/verdict.json", "{"), "verdict.json: "),
        (write("metrics/verdict.json", "[]"), "damaged"),
        (write("metrics/verdict.json", '{"predictor": "candidate"}'), "damaged"),
        (write("metrics/verdict.json", '{"predictor": "candidate", "why": "old"}'), "another candidate"),
        (remove("metrics/evaluation.json"), "evaluation.json is not there"),
        (write("metrics/evaluation.json", "{}"), "evaluation.json says nothing of 'val'"),
        (write("metrics/evaluation.json", '{"val": 3}'), "evaluation.json is damaged"),
        (write("models/candidate/model.json", "{"), "model.json: "),
        (write("models/champion/model.json", "{}"), "another version"),
        (write("models/candidate/weights.safetensors", "x"), "not the weights"),
        (remove("models/candidate/weights.safetensors"), "No such file"),
        (a_file_in_the_way, "cannot be written"),
    ],
)
def test_what_cannot_be_promoted_is_one_line_and_changes_nothing(workspace, harm, said):
    harm(workspace)
    before = {p: p.read_bytes() for p in workspace.champion.rglob("*") if p.is_file()}
    output = command("promote", "--force", code=1)
    assert output.startswith("error: ")
    assert said in output
    assert output.count("\n") == 1
    assert {p: p.read_bytes() for p in workspace.champion.rglob("*") if p.is_file()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into a read-only folder")
def test_a_read_only_folder_is_said(workspace):
    workspace.champion.chmod(0o500)
    assert "cannot be written (Permission denied)" in command("promote", code=1)
    workspace.champion.chmod(0o700)


def test_a_model_that_is_not_there_cannot_be_shown(workspace):
    with pytest.raises(MissingInputError, match="models/champion holds no model"):
        registry.show(workspace, "champion")
    assert "Invalid value" in command("show", "best", code=2)
