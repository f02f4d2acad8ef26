"""Tables and clips for tests of Label Studio: reps without people, but complete."""

import shutil

import polars as pl

from pushup_data import files, tables
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import RENDITIONS, Workspace
from tests import sources
from tests.figures import pose_table, push_up


def reps(count: int) -> pl.DataFrame:
    """One rep of each of `count` videos, seen from the side."""
    row = {"number": 1, "start": 2, "bottom": 10, "end": 20, "fps": 25.0, "view": "side", "near_side": "left"}
    row |= {"support": "feet", "partial": False, "drawn": False, "flags": [], "clip_start": 0, "clip_end": 25}
    return tables.REPS.frame(
        [
            row
            | {"rep_id": f"v{n}-f10", "video_id": f"v{n}", "subject": f"s{n}", "clip": f"v{n}-f10-0-25.mp4"}
            for n in range(count)
        ]
    )


def videos(count: int) -> pl.DataFrame:
    """Their videos."""
    row = {"sha256": "", "subject_known": True, "consent": "yes", "fps": 25.0, "frames": 60, "width": 64}
    row |= {
        "height": 48,
        "copied": True,
        "source_fps": 25.0,
        "source_frames": 60,
        "repeated": 0,
        "dropped": 0,
    }
    return tables.VIDEOS.frame(
        [row | {"video_id": f"v{n}", "original_name": f"v{n}.mp4", "subject": f"s{n}"} for n in range(count)]
    )


def queue(order: list[int], opinions: int = 2) -> pl.DataFrame:
    """These reps in this order, the even ones blind, each for so many people."""
    return tables.QUEUE.frame(
        [
            {"position": p, "rep_id": f"v{n}-f10", "reason": "random", "blind": n % 2 == 0}
            | {"opinions": opinions}
            for p, n in enumerate(order)
        ]
    )


def queued(count: int) -> pl.DataFrame:
    """The queue of all reps, joined with them."""
    return queue(list(range(count))).join(reps(count), on="rep_id")


def predictions(count: int, known: Taxonomy, reason: str = "hips low") -> pl.DataFrame:
    """Sagging hips, an asymmetry that cannot be seen, and nothing else."""
    chances = {"hips_sagging": 0.9, "asymmetric": None}
    rows = []
    for n in range(count):
        for error in known.ids:
            chance = chances.get(error, 0.1)
            row = {"rep_id": f"v{n}-f10", "error": error, "probability": chance, "predictor": "rules"}
            rows.append(row | {"present": None if chance is None else chance > 0.5, "reason": reason})
    return tables.PREDICTIONS.frame(rows)


def fill(workspace: Workspace, known: Taxonomy, count: int) -> None:
    """Write all tables that push reads, and the clips."""
    tables.write(tables.VIDEOS, videos(count), workspace.videos)
    tables.write(tables.REPS, reps(count), workspace.reps)
    tables.write(tables.QUEUE, queue(list(range(count))), workspace.queue)
    tables.write(tables.PREDICTIONS, predictions(count, known), workspace.predictions)
    for name in reps(count)["clip"]:
        clip = workspace.clips / name
        if not clip.exists():
            sources.numbered(clip)
            for kind in RENDITIONS:
                path = workspace.rendition(name, kind)
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(clip, path)


def judged(workspace: Workspace, known: Taxonomy, count: int) -> None:
    """Write what predict reads beside that: poses, the rules' opinions, and a verdict for the rules."""
    pose, _ = push_up(reps=1, fps=25.0)
    for video_id in videos(count)["video_id"]:
        tables.write(tables.POSE, pose_table(pose), workspace.pose(video_id))
    said = predictions(count, known)
    tables.write(tables.RULES, said.select(*tables.RULES.columns), workspace.rules)
    files.write_json(workspace.metrics / "verdict.json", {"predictor": "rules", "why": "no candidate"})
