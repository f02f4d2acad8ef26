"""Find landmarks and capture quality in every frame of every video: data/poses, quality.parquet."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from pushup_data import files, landmarks, params, pose, quality, tables, workers
from pushup_data.errors import BadVideoError, MissingInputError
from pushup_data.params import Params
from pushup_data.workspace import Workspace

Note = dict[str, Any]


@dataclass(frozen=True)
class _Job:
    name: str  # of the raw file
    video: Path
    frames: int
    target: Path
    model: Path
    settings: params.Pose
    key: str


def run(workspace: Workspace, settings: Params) -> None:
    """Bring data/poses into step with the videos, then judge every video's quality anew, which is quick.

    A video whose pose cannot be made gets a row in quality.parquet that says so, and no pose. It is tried
    again when it, the model, the settings or the algorithm change.
    """
    videos = tables.read(tables.VIDEOS, workspace.videos)
    work = _jobs(workspace, settings.pose, videos.rows(named=True)) if len(videos) else {}
    _prune(workspace, work)
    notes = {video_id: _note(job) for video_id, job in work.items()}
    for outcome in workers.run(
        _track,
        # The longest first, so that at the end no core waits for one of them.
        sorted((j for v, j in work.items() if notes[v] is None), key=lambda job: -job.frames),
        label="pose",
        time_limit_s=settings.pose.time_limit_s,
        name=lambda job: job.name,
    ):
        if outcome.error:  # also a crash or a hang: written down, so that it is not tried for ever
            outcome.job.target.unlink(missing_ok=True)
            _write_note(outcome.job, {"reason": outcome.error.reason, "detail": str(outcome.error)})

    now = {video_id: _note(job) or {} for video_id, job in work.items()}
    aspects = {v: w / h for v, w, h in videos.select("video_id", "width", "height").iter_rows()}
    rows = [_quality(workspace, settings, v, note, aspects[v]) for v, note in now.items()]
    tables.write(tables.QUALITY, tables.QUALITY.frame(rows), workspace.quality)
    _report(work, rows, now, kept=sum(note is not None for note in notes.values()))


def _jobs(workspace: Workspace, settings: params.Pose, videos: list[Note]) -> dict[str, _Job]:
    model = workspace.pose_model(settings.model)
    if not model.exists():
        raise MissingInputError(f"{model} is not there; run `pushup-data pose-model --kind {settings.model}`")
    made_by = [pose.VERSION, settings.model, settings.min_confidence, _sha256_of(model)]
    if settings.flip_test:  # without it poses from before there was one stay as they are
        made_by.append("flip_test")
    jobs = {}
    for row in videos:
        video_id = row["video_id"]
        path = workspace.video(video_id)
        if not path.exists():
            raise MissingInputError(f"{path} is not there; run `pushup-data ingest`")
        # Of the normalised file: other settings of ingest give another video under the same id.
        key = hashlib.sha256(json.dumps([*made_by, _sha256_of(path)]).encode()).hexdigest()[:16]
        target = workspace.pose(video_id)
        jobs[video_id] = _Job(row["original_name"], path, row["frames"], target, model, settings, key)
    return jobs


def _track(job: _Job) -> None:
    """Runs in a process of its own; the note is written last: without it the video does not count as done."""
    found = pose.track(job.video, job.model, job.settings)
    if len(found.frame) != job.frames:
        text = f"{job.name}: decodes to {len(found.frame)} frames, not {job.frames}; delete {job.video}"
        raise BadVideoError("frames", f"{text} and run `dvc repro`")
    tables.write(tables.POSE, found.frame, job.target)
    _write_note(job, {"people": found.people, "sure": found.sure})


def _note(job: _Job) -> Note | None:
    """Return what was noted of a video beside its pose, where it was made from the same in the same way.

    A failure for lack of time is forgotten when there is more of it.
    """
    path = _note_path(job.target)
    if not path.exists():
        return None
    note: Note = json.loads(path.read_text(encoding="utf-8"))
    failed = "reason" in note and (
        note["reason"] != "timeout" or note["limit_s"] >= job.settings.time_limit_s
    )
    return note if note["key"] == job.key and (failed or ("people" in note and job.target.exists())) else None


def _write_note(job: _Job, found: Note) -> None:
    note = {"key": job.key, **found, **({"limit_s": job.settings.time_limit_s} if "reason" in found else {})}
    files.write_json(_note_path(job.target), note)


def _note_path(target: Path) -> Path:
    return target.with_suffix(".json")


def _quality(workspace: Workspace, settings: Params, video_id: str, note: Note, aspect: float) -> Note:
    if "reason" in note:
        return {"video_id": video_id, "detected": 0.0, "view": "unknown", "flags": [quality.FAILED]}
    table = tables.read(tables.POSE, workspace.pose(video_id))
    found = quality.assess(
        landmarks.from_table(table),
        table["luma"].to_numpy(),
        table["sharpness"].to_numpy(),
        settings.quality,
        aspect=aspect,
    )
    measured = asdict(found).items()  # NaN: there was nothing to measure
    row = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in measured}
    flags = [*found.flags, *quality.of_people(note["people"], sure=note["sure"])]
    return {**row, "video_id": video_id, "people": note["people"], "flags": flags}


def _prune(workspace: Workspace, work: dict[str, _Job]) -> None:
    """Remove what belongs to no video any more, and half-written files of killed runs."""
    folder = workspace.pose("any").parent
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {path for job in work.values() for path in (job.target, _note_path(job.target))}
    for path in folder.iterdir():
        if path not in wanted:
            path.unlink()


def _report(work: dict[str, _Job], rows: list[Note], notes: dict[str, Note], *, kept: int) -> None:
    failed = {video_id: note["detail"] for video_id, note in notes.items() if "reason" in note}
    flagged = sum(bool(row["flags"]) for row in rows) - len(failed)
    frames = sum(job.frames for video_id, job in work.items() if video_id not in failed)
    click.echo(
        f"pose: {len(rows) - len(failed)} videos, {frames} frames ({kept} videos kept from before); "
        f"{flagged} flagged, see data/quality.parquet"
    )
    if failed:
        first = "; ".join(list(failed.values())[:3])
        click.echo(
            f"pose: set aside {len(failed)}, not tried again until the video or `pose` in params.yaml "
            f"changes: {first}"
        )


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
