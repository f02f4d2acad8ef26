"""Check the videos in data/raw and normalise them: data/videos, videos.parquet, quarantine.csv."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pushup_data import files, manifest, params, tables, video, workers
from pushup_data.errors import LabelsAtRiskError, PushupDataError
from pushup_data.params import Params
from pushup_data.workspace import Workspace

_NOT_RAW = {"manifest.csv", ".gitkeep"}


@dataclass(frozen=True)
class _Job:
    source: Path
    target: Path
    settings: params.Ingest
    key: str


def run(workspace: Workspace, settings: Params, *, accept_removals: bool = False) -> None:
    """Bring data/videos into step with data/raw. Raises LabelsAtRiskError where many videos are gone.

    Where the machine fails, as on a full disk, it raises what video.normalise() does and changes no table:
    no video is held to be bad or drops out for it. The next run goes on from there.
    """
    entries = manifest.read(workspace.manifest)
    hashes, rejected = _hashes(workspace.raw, sorted(_raw_names(workspace.raw)))
    matched, unused = manifest.match(entries, [*hashes, *rejected])

    raw: dict[str, str] = {}
    known: dict[str, manifest.Entry] = {}
    for sha256, same in _by_hash(hashes).items():
        told = {name: matched[name] for name in same if name in matched}
        kept = next(iter(told), same[0])  # the one in the manifest: what is known of it must not get lost
        raw[kept] = sha256
        known[kept] = manifest.merge(told)
        for name in same:
            if name != kept:
                rejected[name] = ("duplicate", f"has the same bytes as {kept}; remove one of the two")
    _guard(workspace, set(raw.values()), accept_removals)

    jobs = {name: _job(workspace, settings, name, sha256) for name, sha256 in raw.items()}
    done = {name for name, job in jobs.items() if _note(job) is not None}
    for outcome in workers.run(
        _normalise,
        [job for name, job in jobs.items() if name not in done],
        label="ingest",
        time_limit_s=settings.ingest.time_limit_s,
        name=lambda job: job.source.name,
    ):
        if outcome.error:  # also a crash or a hang: written down, so that it is not tried for ever
            failed = {"reason": outcome.error.reason, "detail": str(outcome.error)}
            _write_note(outcome.job, {**failed, "limit_s": settings.ingest.time_limit_s})

    rows = []
    for name, sha256 in raw.items():
        note = _note(jobs[name]) or {}
        if "reason" in note:
            rejected[name] = (note["reason"], note["detail"])
        else:
            rows.append(_row(name, sha256, known[name], note["video"]))
    _prune(workspace, {job.target for job in jobs.values()}, {row["video_id"] for row in rows})
    tables.write(tables.VIDEOS, tables.VIDEOS.frame(rows), workspace.videos)
    bad = [{"original_name": n, "reason": r, "detail": d} for n, (r, d) in rejected.items()]
    tables.write(tables.QUARANTINE, tables.QUARANTINE.frame(bad), workspace.quarantine)
    _report(rows, len(rejected), sum(row["original_name"] in done for row in rows), unused)


def _raw_names(raw: Path) -> list[str]:
    paths = (Path(folder) / name for folder, _, files in os.walk(raw) for name in files)
    return [
        path.relative_to(raw).as_posix()
        for path in paths
        if path.name not in _NOT_RAW and not path.name.startswith(".")
    ]


def _hashes(raw: Path, names: list[str]) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Return each readable video's SHA-256, and reason and detail of each file that is none."""
    rejected = {}
    readable = []
    for name in names:
        # The name as it can be written down; the same, but for one in another encoding.
        shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
        if shown != name:
            rejected[shown] = ("unreadable", "has a name that is not in UTF-8; rename it")
        elif not (raw / name).is_file():  # a pipe or a dangling link: reading it could wait for ever
            rejected[name] = ("not_file", "is no ordinary file; copy the video itself here")
        elif Path(name).suffix.lower() not in video.SUFFIXES:
            rejected[name] = (
                "not_video",
                f"is not named as one of {' '.join(video.SUFFIXES)}; remove or convert it",
            )
        else:
            readable.append(name)
    hashes = {}
    for name in readable:
        try:
            with (raw / name).open("rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as e:
            rejected[name] = (
                "unreadable",
                f"cannot be read ({e.strerror}); check its permissions and the disk",
            )
    return hashes, rejected


def _by_hash(hashes: dict[str, str]) -> dict[str, list[str]]:
    """Return the names of the files that have the same bytes, by their SHA-256."""
    names: dict[str, list[str]] = {}
    for name, sha256 in hashes.items():
        names.setdefault(sha256, []).append(name)
    return names


def _guard(workspace: Workspace, now: set[str], accept_removals: bool) -> None:
    known = set(tables.read(tables.VIDEOS, workspace.videos, default_empty=True)["sha256"])
    gone = known - now
    if not accept_removals and len(gone) >= 3 and 2 * len(gone) > len(known):
        raise LabelsAtRiskError(
            f"{len(gone)} of {len(known)} known videos are gone from {workspace.raw}, and their labels "
            f"would have nothing to stand on; put them back, or run `pushup-data ingest --accept-removals`"
        )


def _job(workspace: Workspace, settings: Params, name: str, sha256: str) -> _Job:
    video_id = sha256[:12]
    made_by = json.dumps([sha256, video.VERSION, settings.ingest.max_lines, settings.ingest.max_duration_s])
    key = hashlib.sha256(made_by.encode()).hexdigest()[:16]
    return _Job(workspace.raw / name, workspace.video(video_id), settings.ingest, key)


def _note(job: _Job) -> dict[str, Any] | None:
    """Return what was noted of a video beside it, where it was made from the same input in the same way.

    A failure for lack of time is forgotten when there is more of it.
    """
    path = job.target.with_suffix(".json")
    if not path.exists():
        return None
    note = json.loads(path.read_text(encoding="utf-8"))
    late = note.get("reason") == "timeout" and note["limit_s"] < job.settings.time_limit_s
    done = "reason" in note or job.target.exists()
    return dict(note) if note["key"] == job.key and done and not late else None


def _write_note(job: _Job, found: dict[str, Any]) -> None:
    files.write_json(job.target.with_suffix(".json"), {"key": job.key, **found})


def _normalise(job: _Job) -> None:
    """Runs in a process of its own; the note is written last: without it the video does not count as done."""
    try:
        made = video.normalise(job.source, job.target, job.settings)
        _write_note(job, {"video": made.row()})
    except OSError as e:
        text = (
            f"{job.source.name}: cannot be read or written ({e.strerror or e}), which is not the file's fault"
        )
        raise PushupDataError(f"{text}; see to the disk and run it again") from None


def _row(name: str, sha256: str, entry: manifest.Entry, made: dict[str, Any]) -> dict[str, Any]:
    video_id = sha256[:12]
    return {
        "video_id": video_id,
        "original_name": name,
        "sha256": sha256,
        "subject": entry.subject or f"video:{video_id}",
        "subject_known": entry.subject is not None,
        "camera": entry.camera,
        "source": entry.source,
        "licence": entry.licence,
        "consent": entry.consent,
        **made,
    }


def _prune(workspace: Workspace, wanted: set[Path], accepted: set[str]) -> None:
    """Remove what belongs to no raw video any more, and half-written files of killed runs."""
    notes = {path.with_suffix(".json") for path in wanted}
    folder = workspace.video("any").parent
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path not in notes and not (path in wanted and path.stem in accepted):
            path.unlink()


def _report(rows: list[dict[str, Any]], rejected: int, kept: int, unused: list[str]) -> None:
    copied = sum(row["copied"] for row in rows)
    aside = f"; {rejected} set aside, see data/quarantine.csv" if rejected else ""
    click.echo(
        f"{len(rows)} videos ({copied} copied, {len(rows) - copied} encoded), {kept} kept from before{aside}"
    )
    nobody = sum(not row["subject_known"] for row in rows)
    if nobody:
        click.echo(f"{nobody} videos have no subject in manifest.csv: each counts as a person of its own")
    if unused:
        click.echo(f"manifest.csv names {len(unused)} files that are not here: {', '.join(unused[:3])} …")
