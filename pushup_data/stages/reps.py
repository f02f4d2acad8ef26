"""Find repetitions, judge them by the rules, and cut a clip of each."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import polars as pl

from pushup_data import clips, kinematics, landmarks, planted, quality, reps, rules, tables, taxonomy, workers
from pushup_data.params import Params
from pushup_data.reps import Boundaries, Rep
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import RENDITIONS, Workspace

_CLIP_VERSION = 2  # another one makes every clip again
_WHOLE_VIDEO = (quality.SEVERAL, quality.UNSURE_WHO)  # flags that a rep takes over from its video

Row = dict[str, Any]


@dataclass(frozen=True)
class _Clip:
    start: int
    end: int
    clip: Path
    renditions: Mapping[str, Path]

    @property
    def made(self) -> bool:
        return all(path.exists() for path in (self.clip, *self.renditions.values()))


@dataclass(frozen=True)
class _Job:
    """One video's clips that are not there yet."""

    video_id: str
    source: Path
    pose: Path
    fps: float
    clips: tuple[_Clip, ...]


def run(workspace: Workspace, params: Params) -> None:
    """Write reps, rules and rep_registry anew, which is quick, and those clips that are not there yet."""
    known = taxonomy.load(workspace.taxonomy)
    videos = tables.read(tables.VIDEOS, workspace.videos)
    flags = _video_flags(workspace)
    drawn = _drawn(workspace)
    registry = tables.read(tables.REP_REGISTRY, workspace.rep_registry, default_empty=True)
    registered = {key[0]: part for key, part in registry.partition_by("video_id", as_dict=True).items()}

    rep_rows: list[Row] = []
    rule_rows: list[Row] = []
    minted: list[pl.DataFrame] = []
    jobs = []
    wanted: set[str] = set()
    without_pose, without_reps = [], []
    for video in videos.iter_rows(named=True):
        video_id = video["video_id"]
        if not workspace.pose(video_id).exists():
            without_pose.append(video["original_name"])
            continue
        rows, opinions, new = of_video(
            video,
            tables.read(tables.POSE, workspace.pose(video_id)),
            boundaries=drawn.get(video_id, []),
            registry=registered.get(video_id, tables.REP_REGISTRY.empty()),
            video_flags=flags.get(video_id, []),
            known=known,
            params=params,
        )
        minted.append(new)
        if not rows:
            without_reps.append(video["original_name"])
        rep_rows += rows
        rule_rows += opinions
        wanted |= {row["clip"] for row in rows}
        job = _job(workspace, video, rows)
        if job.clips:
            jobs.append(job)

    failed = _make_clips(jobs)
    rep_rows = [row for row in rep_rows if row["video_id"] not in failed]
    kept = {row["rep_id"] for row in rep_rows}
    rule_rows = [row for row in rule_rows if row["rep_id"] in kept]
    pruned = _prune(workspace, wanted)
    tables.write(tables.REP_REGISTRY, pl.concat([registry, *minted]), workspace.rep_registry)
    tables.write(tables.RULES, tables.RULES.frame(rule_rows), workspace.rules)
    tables.write(tables.REPS, tables.REPS.frame(rep_rows), workspace.reps)

    made = sum(len(job.clips) for job in jobs if job.video_id not in failed)
    partial, by_hand = (sum(row[column] for row in rep_rows) for column in ("partial", "drawn"))
    click.echo(
        f"reps: {len(rep_rows)} reps ({partial} partial, {by_hand} drawn by people) in "
        f"{len({row['video_id'] for row in rep_rows})} of {len(videos)} videos; "
        f"{made} clips cut, {len(rep_rows) - made} kept, {pruned} no longer needed"
    )
    for what, names in {
        "without a rep": without_reps,
        "without a pose": without_pose,
        "that could not be cut": sorted(failed.values()),
    }.items():
        if names:
            listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            click.echo(f"reps: videos {what}: {len(names)} ({listed})")


def of_video(
    video: Row,
    table: pl.DataFrame,
    *,
    boundaries: Sequence[Boundaries],
    registry: pl.DataFrame,
    video_flags: Sequence[str],
    known: Taxonomy,
    params: Params,
) -> tuple[list[Row], list[Row], pl.DataFrame]:
    """Return one video's rows of reps.parquet and rules.parquet, and the entries its registry lacks.

    `video` is a row of tables.VIDEOS, `table` its tables.POSE. Nothing is read, written or cut.
    """
    pose = landmarks.from_table(table)
    fps, frames, video_id = video["fps"], len(pose), video["video_id"]
    signals = kinematics.measure(pose, fps, video["width"], video["height"])
    found = reps.in_signals(signals, pose, fps, params.reps)
    found = reps.apply_boundaries(found, boundaries, signals, pose)
    ids, new = reps.name(video_id, found, registry)
    aspect = video["width"] / video["height"]
    luma, sharpness = table["luma"].to_numpy(), table["sharpness"].to_numpy()
    context = round(params.reps.context_s * fps)
    rows, opinions = [], []
    for number, (rep_id, rep) in enumerate(zip(ids, found, strict=True), start=1):
        seen = quality.assess(
            pose, luma, sharpness, params.quality, aspect=aspect, start=rep.start, end=rep.end
        )
        moved = planted.flags(pose, rep, fps, seen.flags, params.quality, aspect=aspect)
        flags = list(dict.fromkeys((*seen.flags, *moved, *(f for f in video_flags if f in _WHOLE_VIDEO))))
        start, end = max(rep.start - context, 0), min(rep.end + context, frames)
        rows.append(
            {
                "rep_id": rep_id,
                "video_id": video_id,
                "subject": video["subject"],
                "number": number,
                "fps": fps,
                "flags": flags,
                "clip": f"{rep_id}-{start}-{end}-{_clip_key(video, pose.cut(start, end))}.mp4",
                "clip_start": start,
                "clip_end": end,
                **_fields(rep),
            }
        )
        opinions += [
            {"rep_id": rep_id, "error": o.error, "probability": o.probability, "reason": o.reason}
            for o in rules.judge(rep, signals, fps, flags, taxonomy=known, rules=params.rules)
        ]
    return rows, opinions, new


def _fields(rep: Rep) -> Row:
    names = ("start", "bottom", "end", "view", "near_side", "support", "partial", "drawn")
    return {name: getattr(rep, name) for name in names}


def _clip_key(video: Row, pose: landmarks.Pose) -> str:
    """Return what a clip and its renditions depend on besides the rep's bounds, as six hex digits."""
    video_as_is = [video[column] for column in ("fps", "frames", "width", "height")]
    content = json.dumps([_CLIP_VERSION, clips.SLOWER, *video_as_is]).encode() + pose.xy.tobytes()
    return hashlib.sha256(content).hexdigest()[:6]


def _video_flags(workspace: Workspace) -> dict[str, list[str]]:
    table = tables.read(tables.QUALITY, workspace.quality)
    return dict(table.select("video_id", "flags").iter_rows())


def _drawn(workspace: Workspace) -> dict[str, list[Boundaries]]:
    """Return people's reps by video."""
    table = tables.read(tables.BOUNDARIES, workspace.boundaries)
    drawn: dict[str, list[Boundaries]] = {}
    for video_id, start, bottom, end in table.select("video_id", "start", "bottom", "end").iter_rows():
        drawn.setdefault(video_id, []).append(Boundaries(start, bottom, end))
    return drawn


def _job(workspace: Workspace, video: Row, rows: Sequence[Row]) -> _Job:
    wanted = (
        _Clip(
            row["clip_start"],
            row["clip_end"],
            workspace.clips / row["clip"],
            {kind: workspace.rendition(row["clip"], kind) for kind in RENDITIONS},
        )
        for row in rows
    )
    missing = tuple(clip for clip in wanted if not clip.made)
    video_id = video["video_id"]
    return _Job(video_id, workspace.video(video_id), workspace.pose(video_id), video["fps"], missing)


def _make_clips(jobs: Sequence[_Job]) -> Mapping[str, str]:
    """Make the missing clips; return why for each video whose clips cannot be made."""
    # Generous: cutting takes a second per clip, but a machine may be busy.
    limit = 120.0 + 30 * max((len(job.clips) for job in jobs), default=0)
    outcomes = workers.run(_cut, jobs, label="clips", time_limit_s=limit, name=lambda job: job.source.name)
    return {o.job.video_id: str(o.error) for o in outcomes if o.error}


def _cut(job: _Job) -> None:
    pose = landmarks.read(job.pose)
    for clip in job.clips:
        if not clip.clip.exists():
            clips.cut(job.source, clip.start, clip.end, job.fps, clip.clip)
        skeleton = clip.renditions["skeleton"]
        clips.skeleton(clip.clip, pose.cut(clip.start, clip.end), job.fps, skeleton)
        clips.slow(clip.clip, clip.renditions["slow"])
        clips.slow(skeleton, clip.renditions["skeleton-slow"])


def _prune(workspace: Workspace, wanted: set[str]) -> int:
    """Remove clips and renditions of reps and settings that are no more; return how many clips."""
    pruned = 0
    beside = {workspace.rendition(clip, kind).name for clip in wanted for kind in RENDITIONS}
    for folder, names in ((workspace.clips, wanted), (workspace.renditions, beside)):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name not in names:
                path.unlink()
                pruned += folder == workspace.clips and not path.name.startswith(".")
    return pruned
