"""Two rounds of the model's stages on stick figures with known errors: labels, split, train … select."""

import json
from pathlib import Path

import numpy as np
import yaml

from pushup_data import ledger, params, tables
from pushup_data.stages import evaluate, labels, predict, select, split, train
from tests.figures import HEIGHT, WIDTH, pose_table, push_up
from tests.test_ledger import entry

STAGES = (split, labels, train, evaluate, predict, select)
SUBJECTS, VIDEOS_EACH, REPS_EACH = 16, 2, 3
BESIDE = {"baselines": ["majority", "forest"]}  # in the rounds that tests share


def settings(**changes):
    """params.yaml of the current folder, with small training."""
    text = yaml.safe_load(Path("params.yaml").read_text())
    for section, values in {
        "model": {"width": 16, "steps": 32},
        "train": {"epochs": 40, "batch_size": 8},
        "evaluate": {"bootstrap": 100, "baselines": ["majority"], "cross_validate": False},
    }.items():
        text[section] |= values
    for section, values in changes.items():
        text[section] |= values
    return params.Params.model_validate(text)


def run(workspace, stages=STAGES, **changes):
    for stage in stages:
        stage.run(workspace, settings(**changes))


def read(workspace, name):
    return json.loads((workspace.root / name).read_text())


def fill(workspace, taxonomy):
    """Videos, poses, reps and useless rules of people of whom every second one sags. Returns who does."""
    videos, reps, rules = [], [], []
    truth = {}
    rng = np.random.default_rng(0)
    for s in range(SUBJECTS):
        for v in range(VIDEOS_EACH):
            video_id = f"{s:06x}{v:06x}"
            wrong = ["hips_sagging"] if (s + v) % 2 == 0 else []
            side = str(rng.choice(["left", "right"]))
            pose, bounds = push_up(
                wrong,
                reps=REPS_EACH,
                fps=15,
                near_side=side,
                bottom=float(rng.uniform(70, 100)),
                noise=0.004,
                seed=s * 10 + v,
            )
            tables.write(tables.POSE, pose_table(pose), workspace.pose(video_id))
            videos.append(
                {"video_id": video_id, "width": WIDTH, "height": HEIGHT, "fps": 15.0, "consent": "yes"}
            )
            for number, (start, bottom, end) in enumerate(bounds, 1):
                rep_id = f"{video_id}-f{bottom}"
                truth[rep_id] = bool(wrong)
                reps.append(
                    {
                        "rep_id": rep_id,
                        "video_id": video_id,
                        "subject": f"person {s}",
                        "number": number,
                        "start": start,
                        "bottom": bottom,
                        "end": end,
                        "fps": 15.0,
                        "view": "side",
                        "near_side": side,
                        "support": "feet",
                        "partial": False,
                        "drawn": False,
                        "flags": [],
                        "clip": f"{rep_id}.mp4",
                        "clip_start": start,
                        "clip_end": end,
                    }
                )
                rules += [
                    {
                        "rep_id": rep_id,
                        "error": e.id,
                        "probability": float(rng.random()) if e.judged_from("side") else None,
                        "reason": "a guess",
                    }
                    for e in taxonomy.errors
                ]
    write(workspace, videos, reps, rules)
    return truth


def write(workspace, videos=(), reps=(), rules=()):
    tables.write(tables.VIDEOS, tables.VIDEOS.frame(videos), workspace.videos)
    tables.write(tables.REPS, tables.REPS.frame(reps), workspace.reps)
    tables.write(tables.RULES, tables.RULES.frame(rules), workspace.rules)


def annotate(workspace, taxonomy, truth, rep_ids, annotator="coach@example.org"):
    """Somebody answers as it is; only sagging is ever there."""
    reps = {row["rep_id"]: row for row in tables.read(tables.REPS, workspace.reps).iter_rows(named=True)}
    known = len(ledger.read(workspace.annotations))
    entries = []
    for n, rep_id in enumerate(rep_ids):
        answer = {e.id: "absent" if e.judged_from("side") else "unknown" for e in taxonomy.errors}
        answer["hips_sagging"] = "present" if truth[rep_id] else "absent"
        entries.append(
            entry(
                known + n,
                rep_id=rep_id,
                annotator=annotator,
                created_at=f"2026-01-01T00:00:{len(annotator):02d}Z",
                video_id=reps[rep_id]["video_id"],
                start=reps[rep_id]["start"],
                end=reps[rep_id]["end"],
                answer=answer,
            )
        )
    ledger.append(workspace.annotations, entries)
