import json
import shutil

import pytest
import torch
from click.testing import CliRunner

from pushup_data import files, registry
from pushup_data.cli import main
from pushup_data.errors import BadInputError, MissingInputError
from pushup_data.model import predictor, storage
from pushup_data.model.calibration import Platt
from pushup_data.model.card import Card, Head, Side, markdown
from pushup_data.model.data import channels
from pushup_data.model.network import Network

BETTER = "better than rules: AP +0.20 [+0.10, +0.30] on 1 errors, 9 val subjects"
UNDECIDED = "undecided: no error has 5 present labels"


def candidate(workspace, params, seed=0, **changes):
    """Put an untrained network into models/candidate."""
    heads = [
        Head(error=e, threshold=t, calibration=Platt(), present=n, absent=50)
        for e, t, n in (("hips_sagging", 0.4, 30), ("hips_piked", 0.5, 3), ("asymmetric", None, 0))
    ]
    card = Card(
        trained=True,
        reason="trained on 80 labelled reps of 9 subjects",
        heads=heads,
        splits={
            "train": Side(subjects=9, reps=80, simulated=0),
            "val": Side(subjects=4, reps=30, simulated=0),
        },
        taxonomy=1,
        seed=seed,
        model=params.model,
        settings=params.train,
        data="abc",
        versions={"torch": "2"},
        channels=list(channels([head.error for head in heads])),
    ).model_copy(update=changes)
    torch.manual_seed(seed)
    return storage.save(workspace.candidate, card, Network(len(card.channels), len(heads), params.model))


def judged(workspace, card, predictor_name="candidate", why=BETTER):
    files.write_json(
        workspace.metrics / "verdict.json",
        {
            "predictor": predictor_name,
            "why": why,
            "candidate": card.weights,
            "difference": None,
            "errors": [],
        },
    )
    row = {"f1": 0.8, "f1_low": 0.6, "f1_high": 0.9, "ap": 0.85, "ap_low": 0.7, "ap_high": 0.95}
    nothing = {"f1": None, "ap": None, "precision": None, "recall": None, "reason": "no positive"}
    split = {
        "macro": {"rules": row, "candidate": row},
        "errors": {"hips_sagging": {"candidate": row}, "asymmetric": {"candidate": nothing}},
    }
    files.write_json(workspace.metrics / "evaluation.json", {"predictors": {}, "val": split, "test": split})


def test_a_better_candidate_becomes_the_champion_with_its_figures(workspace, default_params):
    card = candidate(workspace, default_params)
    judged(workspace, card)
    assert "is the champion (better than rules" in registry.promote(workspace, force=False)
    champion = storage.read_card(workspace.champion)
    assert champion.weights == card.weights
    assert champion.promotion.forced is False
    assert champion.metrics["val"]["errors"]["hips_sagging"]["f1_low"] == 0.6
    assert predictor.load(workspace.champion).errors == predictor.load(workspace.candidate).errors
    page = (workspace.champion / "CARD.md").read_text()
    assert "0.80 [0.60, 0.90]" in page
    assert "asymmetric (no positive)" in page
    assert (workspace.champion / "README.md").exists()
    assert registry.promote(workspace, force=False) == "the candidate is the champion already"


def test_an_undecided_one_does_not_but_by_force_which_stays_written(workspace, default_params):
    card = candidate(workspace, default_params)
    judged(workspace, card, "rules", UNDECIDED)
    with pytest.raises(BadInputError, match=r"not promoted: undecided.*--force"):
        registry.promote(workspace, force=False)
    assert storage.read_card(workspace.champion) is None
    assert "by force" in registry.promote(workspace, force=True)
    champion = storage.read_card(workspace.champion)
    assert champion.promotion.forced
    assert champion.promotion.verdict == UNDECIDED
    assert "by force against the verdict" in (workspace.champion / "CARD.md").read_text()
    assert "promoted by force" in registry.listed(workspace)


def test_a_verdict_on_another_candidate_promotes_nobody(workspace, default_params):
    judged(workspace, candidate(workspace, default_params))
    candidate(workspace, default_params, seed=1)
    for force in (False, True):
        with pytest.raises(BadInputError, match=r"another candidate.*dvc repro"):
            registry.promote(workspace, force=force)
    assert "val F1" not in registry.listed(workspace)  # nor are its figures another's


def test_without_a_verdict_or_a_candidate_it_says_what_to_do(workspace, default_params):
    with pytest.raises(MissingInputError, match=r"no candidate to promote.*dvc repro"):
        registry.promote(workspace, force=True)
    card = candidate(workspace, default_params)
    with pytest.raises(BadInputError, match="dvc repro"):
        registry.promote(workspace, force=True)
    judged(workspace, card)
    (workspace.metrics / "verdict.json").write_text("{")
    with pytest.raises(BadInputError, match=r"verdict\.json.*dvc repro"):
        registry.promote(workspace, force=False)
    judged(workspace, card)
    (workspace.candidate / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(BadInputError, match="not the weights"):
        registry.promote(workspace, force=True)


def test_a_promotion_that_is_cut_off_leaves_the_old_champion_or_says_so(
    workspace, default_params, monkeypatch
):
    judged(workspace, candidate(workspace, default_params))
    registry.promote(workspace, force=False)
    judged(workspace, candidate(workspace, default_params, seed=1))

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr(files, "write_json", broken)
    with pytest.raises(OSError, match="disk full"):
        registry.promote(workspace, force=False)
    with pytest.raises(BadInputError, match="restore the folder from git"):
        predictor.load(workspace.champion)


def test_list_and_show_say_who_is_who(workspace, default_params):
    run = CliRunner().invoke
    empty = run(main, ["model", "list"]).output.splitlines()
    assert [line.split()[0] for line in empty] == ["candidate", "champion", "released", "speaks"]
    assert "none: " in empty[1]
    missing = run(main, ["model", "show", "champion"])
    assert missing.exit_code == 1
    assert "model promote" in missing.output
    card = candidate(workspace, default_params)
    judged(workspace, card)
    listed = run(main, ["model", "list"]).output
    assert "cnn-lstm: trained on 80 labelled reps of 9 subjects; val F1 0.80 [0.60, 0.90]" in listed
    assert f"speaks     candidate: {BETTER}" in listed
    page = run(main, ["model", "show", "candidate"]).output
    assert "asymmetric is not learnt (0 present and 50 absent labels)" in page
    assert "hips_piked is learnt from 3 present" in page
    assert "Trained on 9 people only." in page
    assert "hips_sagging is" not in page
    assert "`abc`" in page


def test_same_card_same_page_and_nothing_trained_has_one_too(workspace, default_params):
    first = markdown(candidate(workspace, default_params))
    shutil.rmtree(workspace.candidate)
    assert markdown(candidate(workspace, default_params)) == first
    untrained = storage.read_card(workspace.candidate).model_copy(
        update={"trained": False, "reason": "3 labelled train reps"}
    )
    storage.save(workspace.candidate, untrained, None)
    assert (workspace.candidate / "CARD.md").read_text() == "# No model\n\n3 labelled train reps\n"
    assert json.loads((workspace.candidate / "model.json").read_text())["trained"] is False


def test_simulated_labels_are_said(workspace, default_params):
    side = {"train": Side(subjects=20, reps=40, simulated=40)}
    page = markdown(candidate(workspace, default_params, splits=side, evidence=["F1 .9 (`make x`)"]))
    assert "40 of 40 training reps carry simulated labels" in page
    assert "- F1 .9 (`make x`)" in page
