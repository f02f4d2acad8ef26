"""The whole loop on avatars: two rounds of `dvc repro`, with two simulated annotators in between.

One workspace goes through the tests of this module in order, as a user's would.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from pushup_data import demo, ledger, mongodb, params, progress, scaffold, tables, taxonomy
from pushup_data.errors import PushupDataError
from pushup_data.labelstudio import backup, server, simulate
from pushup_data.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]

CLIPS = 9  # one of the avatars comes later


@pytest.fixture(scope="module")
def looped(tmp_path_factory, avatars, fresh_server):
    """A workspace with nine avatars; its servers are stopped at the end."""
    root = tmp_path_factory.mktemp("round") / "workspace"
    scaffold.init(root)
    workspace = Workspace(root)
    demo.configure(
        workspace,
        pose={"flip_test": False},  # half the time; what it does is tested in test_pose.py
        labelstudio={"overlap_share": 1.0, "port": 18300},
        # What else is measured: test_stages_model.py.
        evaluate={"bootstrap": 100, "baselines": ["majority"], "cross_validate": False},
        train={"min_labels": 5, "epochs": 10},
        select={"budget": 14},
    )
    fill(workspace, avatars, CLIPS)
    if fresh_server.exists():  # else Label Studio makes its database once more, which takes a minute
        backup.restore(workspace, fresh_server)
    yield workspace
    server.stop(workspace)


def fill(workspace: Workspace, avatars: Path, count: int) -> None:
    for name in demo.fill(workspace, avatars)[count:]:
        (workspace.raw / name).unlink()


def ran(output: str) -> list[str]:
    """Which stages a `dvc repro` ran."""
    return re.findall(r"Running stage '(\w+)'", output)


def stamps(folder: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}


def read(table: tables.Table, path: Path) -> pl.DataFrame:
    return tables.read(table, path)


def contents(*folders: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for folder in folders for p in sorted(folder.rglob("*")) if p.is_file()}


def test_round_1_starts_label_studio_and_fills_the_queue(looped):
    output = demo.repro(looped, capture=True)
    assert "http://127.0.0.1:" in output  # pull says where the server is that it started
    videos = read(tables.VIDEOS, looped.videos)
    assert len(videos) + len(read(tables.QUARANTINE, looped.quarantine)) == CLIPS
    reps = read(tables.REPS, looped.reps)
    assert len(reps) >= CLIPS * 0.9
    for video in videos.rows(named=True):
        assert len(read(tables.POSE, looped.pose(video["video_id"]))) == video["frames"]
    for rep in reps.rows(named=True):
        assert (looped.clips / rep["clip"]).exists()
        assert looped.rendition(rep["clip"], "skeleton-slow").exists()
    queue = read(tables.QUEUE, looped.queue)
    assert set(queue["rep_id"]) <= set(reps["rep_id"])
    assert len(queue) == min(len(reps), params.load(looped.params).select.budget)
    receipt = json.loads(looped.receipt.read_text())
    assert len(receipt["tasks"]) == len(queue)
    assert not read(tables.LABELS, looped.labels)["usable"].any()
    assert not json.loads((looped.candidate / "model.json").read_text())["trained"]


def test_round_2_has_labels_a_model_and_the_next_queue(looped, avatars, monkeypatch):
    first_queue = set(read(tables.QUEUE, looped.queue)["rep_id"])
    monkeypatch.chdir(looped.root)
    simulate.run(looped, params.load(looped.params), avatars / "truth.parquet", (0.0, 0.1))
    stages = ran(demo.repro(looped, capture=True))
    assert stages[0] == "pull"
    assert "labels" in stages
    assert not {"ingest", "pose", "reps"} & set(stages)

    entries = ledger.standing(ledger.read(looped.annotations))
    assert {e.rep_id for e in entries} == first_queue
    assert all(e.simulated and e.annotator.endswith("@simulated.invalid") for e in entries)
    assert len({e.annotator for e in entries}) == 2
    labels = read(tables.LABELS, looped.labels)
    assert set(labels["rep_id"]) == first_queue
    assert labels["simulated"].all()
    assert {"present", "absent", "unknown"} == set(labels["value"])

    reps = read(tables.REPS, looped.reps)
    names = taxonomy.load(looped.taxonomy).ids
    predictions = read(tables.PREDICTIONS, looped.predictions)
    assert len(predictions) == len(reps) * len(names)
    model = json.loads((looped.candidate / "model.json").read_text())
    assert model["trained"]
    assert (looped.candidate / "weights.safetensors").exists()
    assert predictions["model_probability"].is_not_null().any()

    assignments = read(tables.ASSIGNMENTS, looped.assignments)
    assert set(assignments["subject"]) == set(reps["subject"])
    assert json.loads((looped.metrics / "split.json").read_text())["shared_subjects"] == 0
    assert (looped.metrics / "evaluation.json").exists()
    assert json.loads((looped.metrics / "verdict.json").read_text())["predictor"] in {"rules", "candidate"}

    queue = read(tables.QUEUE, looped.queue)
    assert not set(queue["rep_id"]) & first_queue
    samples = read(tables.SAMPLES, looped.samples)
    assert set(samples["rep_id"]) == set(reps["rep_id"])
    assert samples["labelled"].sum() > 0


SHOWN = """
import json, os, sys
from pathlib import Path
from pushup_data import fiftyone_dataset, mongodb
from pushup_data.workspace import Workspace
workspace = Workspace(Path.cwd())
uri = mongodb.start(workspace)
fiftyone_dataset.refresh(workspace, uri)
os.environ.update(fiftyone_dataset.environment(uri))
import fiftyone
data = fiftyone.load_dataset(fiftyone_dataset.name(workspace))
views = {name: len(data.load_saved_view(name)) for name in data.list_saved_views()}
print(json.dumps({"reps": data.values("rep_id"), "views": views, "frames": data.count("frames")}))
"""


def test_fiftyone_shows_the_round(looped):
    """The app itself: test_fiftyone_app.py."""
    try:
        asked = subprocess.run(
            [sys.executable, "-c", SHOWN], cwd=looped.root, check=True, capture_output=True, text=True
        )
    finally:
        mongodb.stop(looped)
    found = json.loads(asked.stdout.splitlines()[-1])
    reps = read(tables.REPS, looped.reps)
    assert sorted(found["reps"]) == sorted(reps["rep_id"])
    assert found["frames"] == (reps["clip_end"] - reps["clip_start"]).sum()
    unlabelled = next(n for name, n in found["views"].items() if "unlabelled" in name)
    assert unlabelled == len(reps) - read(tables.SAMPLES, looped.samples)["labelled"].sum()


def test_status_says_where_the_loop_stands(looped):
    report = progress.report(looped, params.load(looped.params))
    labelled = re.search(r"labelled +(\d+) reps by (\d+) annotations \((\d+) with simulated votes\)", report)
    assert labelled
    assert int(labelled[2]) == len(ledger.standing(ledger.read(looped.annotations)))


def test_an_experiment_is_tried_and_taken_back(looped):
    """Exactly as docs/training.md says."""

    def run(*command):
        return subprocess.run(command, cwd=looped.root, check=True, capture_output=True, text=True).stdout

    for name, value in (("user.name", "t"), ("user.email", "t@example.org")):
        run("git", "config", name, value)
    run("git", "add", "-A")
    run("git", "commit", "-qm", "round 2")
    folders = (looped.annotations, looped.metrics, looped.plots, looped.candidate)
    before = contents(*folders)
    changed = ("-S", "train.lr=0.001", "-S", "model.width=16")
    assert ran(demo.dvc(looped, "exp", "run", "-s", "train", "evaluate", *changed, capture=True)) == [
        "train",
        "evaluate",
    ]
    card = json.loads((looped.candidate / "model.json").read_text())
    assert (card["settings"]["lr"], card["model"]["width"]) == (0.001, 16)
    after = contents(*folders)
    curve = str(looped.learning_curves / "plots" / "metrics" / "lr.tsv")
    assert after[curve] != before[curve]
    assert contents(looped.annotations).items() <= before.items()
    run("git", "restore", "params.yaml", "dvc.lock", "metrics", "plots")
    run(sys.executable, "-m", "dvc", "checkout", "train", "evaluate")
    assert contents(*folders) == before
    assert ran(demo.repro(looped, capture=True)) == ["pull"]  # nothing is new
    assert contents(*folders) == before


def test_parameters_there_and_back_leave_label_studio_right(looped):
    text = looped.params.read_text()
    receipt = json.loads(looped.receipt.read_text())
    queue = read(tables.QUEUE, looped.queue)
    if len(queue) < 2:
        pytest.fail("the clips give too few reps for a second queue")
    demo.configure(looped, select={"budget": 1})
    demo.repro(looped, capture=True)
    assert len(json.loads(looped.receipt.read_text())["tasks"]) == 1
    looped.params.write_text(text)
    stages = ran(demo.repro(looped, capture=True))
    assert "push" in stages
    assert read(tables.QUEUE, looped.queue).equals(queue)
    assert json.loads(looped.receipt.read_text())["tasks"].keys() == receipt["tasks"].keys()


def test_one_new_video_costs_one_video(looped, avatars):
    known = {p.name for p in looped.raw.iterdir()}
    new = next(p for p in sorted(avatars.glob("*.mp4")) if p.name not in known)
    folders = (
        looped.root / "data" / "videos",
        looped.root / "data" / "poses",
        looped.clips,
        looped.renditions,
    )
    before = [stamps(f) for f in folders]
    assigned = read(tables.ASSIGNMENTS, looped.assignments)
    shutil.copyfile(new, looped.raw / new.name)
    demo.repro(looped, capture=True)
    after = [stamps(f) for f in folders]
    for old, now in zip(before, after, strict=True):
        assert {name: now[name] for name in old} == old
    for old, now in list(zip(before, after, strict=True))[:2]:  # the video, its pose, and notes beside them
        assert len({Path(name).stem for name in now} - {Path(name).stem for name in old}) == 1
    grown = read(tables.ASSIGNMENTS, looped.assignments)
    assert grown.join(assigned, on=["subject", "split", "reason"], how="semi").equals(assigned)


def test_a_fresh_clone_loses_no_label(looped, tmp_path, monkeypatch):
    def run(*command, cwd):
        return subprocess.run(command, cwd=cwd, check=True, capture_output=True)

    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    run("git", "add", "-A", cwd=looped.root)
    run("git", *identity, "commit", "-qm", "round", cwd=looped.root)
    clone = Workspace(tmp_path / "clone")
    run("git", "clone", "-q", str(looped.root), str(clone.root), cwd=tmp_path)
    scaffold.init(clone.root)
    assert ledger.read(clone.annotations) == ledger.read(looped.annotations)
    for clip in looped.raw.iterdir():
        if clip.name != ".gitkeep":
            shutil.copyfile(clip, clone.raw / clip.name)
    # What takes minutes is carried over: that it is made is seen in round 1.
    for folder in ("videos", "poses", "clips", "renditions"):
        shutil.copytree(looped.root / "data" / folder, clone.root / "data" / folder, dirs_exist_ok=True)

    # The clone works with another project: whether its labels go on without theirs is for people to say.
    access = server.access(looped, params.load(looped.params).labelstudio)
    monkeypatch.setenv("LABEL_STUDIO_URL", access.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", access.token)
    demo.configure(clone, labelstudio={"title": "the clone's"})
    with pytest.raises(PushupDataError, match="--new-project"):
        demo.repro(clone, capture=True)
    run(str(Path(sys.executable).parent / "pushup-data"), "pull", "--new-project", cwd=clone.root)
    demo.repro(clone, "labels", "split", capture=True)  # what comes after them is seen in round 2
    assert read(tables.LABELS, clone.labels).equals(read(tables.LABELS, looped.labels))
    assert read(tables.ASSIGNMENTS, clone.assignments).equals(read(tables.ASSIGNMENTS, looped.assignments))


def test_a_killed_round_resumes(tmp_path, avatars):
    root = tmp_path / "killed"
    scaffold.init(root)
    workspace = Workspace(root)
    demo.configure(workspace, pose={"flip_test": False})
    fill(workspace, avatars, 3)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "dvc", "repro", "pose"]
    poses = root / "data" / "poses"
    process = subprocess.Popen(command, cwd=root, env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 300
        while not list(poses.glob("*.parquet")):
            assert process.poll() is None, "finished before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kept = stamps(poses)
    demo.repro(workspace, "pose", capture=True)
    videos = read(tables.VIDEOS, workspace.videos)
    assert {p.stem for p in poses.glob("*.parquet")} == set(videos["video_id"])
    for video in videos.rows(named=True):
        assert len(read(tables.POSE, workspace.pose(video["video_id"]))) == video["frames"]
    assert {k: v for k, v in stamps(poses).items() if k in kept and k.endswith(".parquet")} == {
        k: v for k, v in kept.items() if k.endswith(".parquet") and not k.startswith(".")
    }
