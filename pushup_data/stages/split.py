"""Put new subjects into train, val or test; people who show the same seconds together."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import polars as pl

from pushup_data import files, landmarks, ledger, signatures, split_proof, splits, tables, workers
from pushup_data.errors import LabelsAtRiskError
from pushup_data.landmarks import Pose
from pushup_data.params import Params
from pushup_data.signatures import Floats
from pushup_data.workspace import Workspace


@dataclass(frozen=True)
class _Rep:
    """A rep whose pictures are to be taken."""

    rep_id: str
    clip: Path
    clip_start: int
    pose: Path
    bottom: int
    near_side: str
    fps: float


@dataclass(frozen=True)
class _Job:
    """One video's reps."""

    video_id: str
    reps: tuple[_Rep, ...]


def run(workspace: Workspace, params: Params, *, place_anew: bool = False) -> None:
    """Append to assignments.csv; write left_out.csv, signatures.parquet and metrics/split.json.

    Raises LabelsAtRiskError where people have labels but no place in assignments.csv, which was lost then.
    """
    reps = tables.read(tables.REPS, workspace.reps)
    rules = tables.read(tables.RULES, workspace.rules)
    existing = tables.read(tables.ASSIGNMENTS, workspace.assignments, default_empty=True)
    links = _links(workspace, params, reps)
    assignments = splits.assign(existing, reps, rules, params.split, params.seed, links=links)
    if not place_anew:
        _guard(workspace, reps, existing, assignments)
    tables.write(tables.ASSIGNMENTS, assignments, workspace.assignments)
    # From the file, as every later stage will read it.
    written = tables.read(tables.ASSIGNMENTS, workspace.assignments)
    left = splits.left_out(written, reps, links)
    tables.write(tables.LEFT_OUT, left, workspace.left_out)
    found = split_proof.proof(written, reps, rules, links=links, left=left, seed=params.seed)
    files.write_json(workspace.metrics / "split.json", found)
    sizes = ", ".join(f"{n} {split}" for split, n in found["subjects"].items())
    click.echo(
        f"split: {len(assignments) - len(existing)} subjects placed, {len(existing)} kept; now {sizes}; "
        f"{len(links)} pairs of videos show the same seconds"
    )
    for video_id, reason in left.head(5).select("video_id", "reason").iter_rows():
        click.echo(f"split: {video_id} is left out: {reason}; say in manifest.csv whose it is, or remove it")
    if len(left) > 5:
        click.echo(f"split: {len(left) - 5} more videos are left out, see data/left_out.csv")
    for warning in found["warnings"]:
        click.echo(f"split: {warning}")


def _guard(
    workspace: Workspace, reps: pl.DataFrame, existing: pl.DataFrame, assignments: pl.DataFrame
) -> None:
    """Raise where people have labels and would be placed now: they were, before anybody was asked.

    Who is left out of all splits, labelled elsewhere, is placed nowhere and loses nothing.
    """
    labelled = {entry.rep_id for entry in ledger.standing(ledger.read(workspace.annotations))}
    owners = set(reps.filter(pl.col("rep_id").is_in(list(labelled)))["subject"])
    lost = sorted(owners & set(assignments["subject"]) - set(existing["subject"]))
    if lost:
        named = ", ".join(lost[:3]) + (", …" if len(lost) > 3 else "")
        raise LabelsAtRiskError(
            f"{workspace.assignments}: {len(lost)} subjects with labels have no row ({named}), so people who "
            f"are tested on could go to train; restore it (`git checkout data/assignments.csv`), put renamed "
            f"subjects' names back, or place them again by `pushup-data split --place-anew`"
        )


def _links(workspace: Workspace, params: Params, reps: pl.DataFrame) -> list[tuple[str, str]]:
    """Return the pairs of videos that show the same seconds, the smaller id first."""
    videos = tables.read(tables.VIDEOS, workspace.videos)
    sizes = {v: (w, h) for v, w, h in videos.select("video_id", "width", "height").iter_rows()}
    ours = reps.filter(pl.col("video_id").is_in([v for v in sizes if workspace.pose(v).exists()]))
    movements: dict[str, Floats] = {}
    wanted: dict[str, tuple[str, _Rep]] = {}
    for group in ours.partition_by("video_id", maintain_order=True):
        video_id = group["video_id"][0]
        pose = landmarks.read(workspace.pose(video_id))
        for row in group.iter_rows(named=True):
            movement = _movement(pose, row, sizes[video_id])
            movements[row["rep_id"]] = movement
            key = hashlib.sha256(f"{signatures.VERSION} {row['clip']} {row['bottom']} ".encode())
            key.update(np.ascontiguousarray(movement, dtype="<f4").tobytes())
            clip = workspace.clips / row["clip"]
            at = (
                clip,
                row["clip_start"],
                workspace.pose(video_id),
                row["bottom"],
                row["near_side"],
                row["fps"],
            )
            wanted[row["rep_id"]] = (key.hexdigest()[:16], _Rep(row["rep_id"], *at))
    pictures = _pictures(workspace, ours, wanted)
    rep_ids = list(movements)
    if len(rep_ids) < 2:
        return []
    shown = np.full((len(rep_ids), signatures.VALUES), np.nan, dtype=np.float32)
    for i, rep_id in enumerate(rep_ids):
        if pictures.get(rep_id):
            shown[i] = pictures[rep_id]
    owner = dict(ours.select("rep_id", "video_id").iter_rows())
    names = [owner[rep_id] for rep_id in rep_ids]
    found = signatures.pairs(
        np.stack(list(movements.values())),
        shown,
        names,
        max_distance=params.split.max_distance,
        min_likeness=params.split.min_likeness,
    )
    return sorted({(min(names[i], names[j]), max(names[i], names[j])) for i, j in found})


def _movement(pose: Pose, row: dict[str, object], size: tuple[int, int]) -> Floats:
    bottom, fps = int(str(row["bottom"])), float(str(row["fps"]))
    width, height = size
    side = str(row["near_side"])
    return signatures.movement(pose, bottom, near_side=side, fps=fps, width=width, height=height)


def _pictures(
    workspace: Workspace, reps: pl.DataFrame, wanted: dict[str, tuple[str, _Rep]]
) -> dict[str, list[int]]:
    """Return every rep's pictures; those made from the same as before are kept."""
    before = tables.read(tables.SIGNATURES, workspace.signatures, default_empty=True)
    kept = {
        rep_id: shown
        for rep_id, key, shown in before.iter_rows()
        if shown and rep_id in wanted and wanted[rep_id][0] == key
    }
    jobs = []
    for group in reps.partition_by("video_id", maintain_order=True):
        missing = (wanted[r][1] for r in group["rep_id"] if r not in kept)
        there = tuple(rep for rep in missing if rep.clip.exists())
        if there:
            jobs.append(_Job(group["video_id"][0], there))
    made = dict(kept)
    for outcome in workers.run(
        _take, jobs, label="signatures", time_limit_s=600, name=lambda job: job.video_id
    ):
        if outcome.error:
            click.echo(f"split: {outcome.job.video_id} cannot be compared with others: {outcome.error}")
        else:
            made |= outcome.value or {}
    rows = [{"rep_id": r, "key": wanted[r][0], "pictures": shown} for r, shown in made.items()]
    tables.write(tables.SIGNATURES, tables.SIGNATURES.frame(rows), workspace.signatures)
    return made


def _take(job: _Job) -> dict[str, list[int]]:
    pose = landmarks.read(job.reps[0].pose)
    return {
        rep.rep_id: signatures.pictures(
            rep.clip, rep.clip_start, pose, rep.bottom, near_side=rep.near_side, fps=rep.fps
        )
        for rep in job.reps
    }
