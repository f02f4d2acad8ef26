import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from pushup_data import feedback, files, pose, quality
from pushup_data.cli import main
from pushup_data.feedback import Cue, Feedback, Spoken
from pushup_data.model import storage
from tests import sources
from tests.test_model_storage import card, network  # noqa: F401  fixtures


def spoken(number=1, cues=(), not_judged=None, partial=False):
    return Spoken(number, 0.4, 2.1, partial, tuple(cues), not_judged or {})


SAG = Cue(
    "hips_sagging",
    "Keep your back straight",
    "Tighten your belly.",
    0.93,
    "hips 6 % of body length below the line",
)
HIDDEN = {"asymmetric": "cannot be seen from a side view"}


def words(known, *reps, flags=(), view="side"):
    return feedback.in_words(Feedback("set.mp4", view, "rules", flags, reps), known)


def test_it_says_what_to_do_how_sure_it_is_and_what_it_cannot_tell(default_taxonomy):
    said = words(default_taxonomy, spoken(1, [SAG], HIDDEN), spoken(2, [], HIDDEN)).splitlines()
    assert said == [
        "set.mp4: 2 repetitions, seen from the side (judged by: rules)",
        "rep 1   0.4-2.1 s  Keep your back straight (93% sure: hips 6 % of body length below the line)",
        "rep 2   0.4-2.1 s  Well done",
        "to do better: Tighten your belly.",
        "can't tell: asymmetric (cannot be seen from a side view)",
    ]


def test_advice_is_given_once_and_what_is_wrong_most_often_comes_first(default_taxonomy):
    high = replace(SAG, say="Lower your hips", advice="Bring your hips down.")
    said = words(default_taxonomy, spoken(1, [high, SAG]), spoken(2, [SAG])).splitlines()
    assert said[-2:] == ["to do better: Tighten your belly.", "to do better: Bring your hips down."]


def test_a_rep_of_which_nothing_can_be_told_is_not_praised(default_taxonomy):
    nothing = dict.fromkeys(default_taxonomy.ids, "the camera's view is not known")
    assert "Well done" not in words(default_taxonomy, spoken(1, [], nothing), view="unknown")


def test_a_cut_rep_and_a_poor_picture_are_said(default_taxonomy):
    said = words(default_taxonomy, spoken(partial=True), flags=("too dark",))
    assert "careful: too dark" in said
    assert "the video cuts this repetition" in said


def test_no_push_up_says_what_to_film(default_taxonomy):
    assert "film the whole body from the side" in words(default_taxonomy)


def test_a_video_without_anybody(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no workspace: the installation's own settings are used
    sources.numbered(tmp_path / "set.mp4", size="320x240").rename("10:30.mp4")  # no address, a file here
    result = CliRunner().invoke(main, ["feedback", "10:30.mp4"])
    assert result.exit_code == 0
    assert "no push-up found" in result.output


@pytest.mark.parametrize(
    ("name", "said"), [("none.mp4", "is not there"), ("text.mp4", "text.mp4: cannot be read")]
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    result = CliRunner().invoke(main, ["feedback", name])
    assert result.exit_code == 1
    assert result.output.startswith("error: ")
    assert said in result.output
    assert result.output.count("\n") == 1


def test_a_real_sag_is_heard(real_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["feedback", "--json", str(real_data / "videos" / "c002.mp4")])
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert (found["view"], found["predictor"], len(found["reps"])) == ("side", "released", 1)
    assert "Keep your back straight" in [cue["say"] for cue in found["reps"][0]["cues"]]
    assert "asymmetric" in found["reps"][0]["not_judged"]


def test_several_people_are_mentioned(avatars, tmp_path, monkeypatch):
    """The tracker stands in for a second person: avatars are alone."""
    monkeypatch.chdir(tmp_path)
    track = pose.track

    def two(*of):
        return replace(track(*of), people=2, sure=False)

    monkeypatch.setattr(pose, "track", two)
    said = CliRunner().invoke(main, ["feedback", str(min(avatars.glob("*.mp4")))]).output
    assert f"careful: {quality.SEVERAL}" in said
    assert f"careful: {quality.UNSURE_WHO}" in said


@pytest.fixture
def released(tmp_path, monkeypatch, card, network):  # noqa: F811
    """An installation that ships a model, which nobody trained."""
    model = storage.save(tmp_path / "installed" / "models" / "released", card, network)
    monkeypatch.setattr("pushup_data.workspace.TEMPLATE", tmp_path / "installed")
    return model


def judged_by(video):
    result = CliRunner().invoke(main, ["feedback", "--json", str(video)])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_a_fresh_install_speaks_with_the_released_model_and_a_workspace_by_its_verdict(
    avatars, workspace, released
):
    video = min(avatars.glob("*.mp4"))
    by_rules = {"predictor": "rules", "why": "no candidate"}
    found = judged_by(video)
    assert found["predictor"] == "released"
    assert found["reps"]
    assert any(cue["reason"].startswith("model 0.") for rep in found["reps"] for cue in rep["cues"])
    files.write_json(workspace.metrics / "verdict.json", by_rules)
    assert judged_by(video)["predictor"] == "rules"
    (workspace.metrics / "verdict.json").unlink()
    (workspace.released / "weights.safetensors").write_bytes(b"")
    result = CliRunner().invoke(main, ["feedback", str(video)])
    assert result.exit_code == 1
    assert "not the weights" in result.output
    assert result.output.count("\n") == 1
    (workspace.released / "model.json").unlink()
    assert judged_by(video)["predictor"] == "rules"
