import csv

import pytest
from click.testing import CliRunner

from pushup_data import demo, manifest, params
from pushup_data.errors import MissingInputError


def test_without_clips_it_says_what_it_needs(monkeypatch):
    monkeypatch.delenv("PUSHUP_REAL_DATA", raising=False)
    with pytest.raises(MissingInputError, match="set PUSHUP_REAL_DATA"):
        demo.real_data()
    result = CliRunner().invoke(demo.main, ["start"])
    assert result.exit_code == 1
    assert "put them into data/raw" in result.output


def test_clips_come_in_turn_from_every_scene(workspace, tmp_path):
    source = tmp_path / "clips"
    (source / "videos").mkdir(parents=True)
    with (source / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip_id", "file", "scene", "collection"])
        for number, scene in enumerate(["gym", "gym", "gym", "park", "home"]):
            writer.writerow([f"c{number}", f"videos/c{number}.mp4", scene, "x"])
            (source / "videos" / f"c{number}.mp4").write_text(str(number))
    assert demo.fill(workspace, source, 4) == ["c0.mp4", "c3.mp4", "c4.mp4", "c1.mp4"]
    assert manifest.read(workspace.manifest)["c3.mp4"].subject == "park"
    assert (workspace.raw / "c1.mp4").read_text() == "1"


def test_single_settings_are_changed_and_checked(workspace):
    demo.configure(workspace, labelstudio={"overlap": 3}, select={"budget": 7})
    changed = params.load(workspace.params)
    assert (changed.labelstudio.overlap, changed.select.budget, changed.train.lr) == (3, 7, 0.003)
