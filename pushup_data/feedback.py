"""What to do better, rep by rep: the loop's own path from video to predictions, in the taxonomy's words."""

import json
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from pushup_data import landmarks, params, pose, predictions, quality, tables, taxonomy, verdict, video
from pushup_data.errors import BadInputError
from pushup_data.model import crops, data, predictor
from pushup_data.stages import reps as stage
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import TEMPLATE, Workspace


@dataclass(frozen=True)
class Cue:
    """One thing to do better in one rep."""

    error: str
    say: str
    advice: str  # how to do better, a sentence
    probability: float
    reason: str


@dataclass(frozen=True)
class Spoken:
    """What is said of one rep."""

    number: int
    start_s: float
    end_s: float
    partial: bool
    cues: tuple[Cue, ...]  # the most severe first
    not_judged: dict[str, str]  # error to why it cannot be told


@dataclass(frozen=True)
class Feedback:
    """What is said of one video."""

    video: str
    view: str  # side, oblique, front, unknown
    predictor: str  # rules, candidate, champion, released
    flags: tuple[str, ...]  # what is wrong with the picture
    reps: tuple[Spoken, ...]


def on_video(path: Path, *, as_json: bool = False) -> str:
    """Return the feedback on one video as sentences or as JSON. Raises BadVideoError and its like."""
    if not path.is_file():
        raise BadInputError(f"{path} is not there; name a video file")
    found = judge(path, _home())
    return json.dumps(asdict(found), indent=1) if as_json else in_words(found, _taxonomy(_home()))


def judge(path: Path, workspace: Workspace) -> Feedback:
    """Normalise, track, find reps and predict, as the stages do, leaving nothing behind."""
    settings = params.load(workspace.params)
    known = _taxonomy(workspace)
    with tempfile.TemporaryDirectory() as folder:
        normalised = Path(folder) / "video.mp4"
        made = video.normalise(path, normalised, settings.ingest)
        tracked = pose.track(normalised, workspace.pose_model(settings.pose.model), settings.pose)
        row = {"video_id": "feedback", "subject": "", **made.row()}
        rep_rows, opinions, _ = stage.of_video(
            row,
            tracked.frame,
            boundaries=[],
            registry=tables.REP_REGISTRY.empty(),
            video_flags=quality.of_people(tracked.people, sure=tracked.sure),
            known=known,
            params=settings,
        )
        reps = tables.REPS.frame(rep_rows).sort("number")
        table, speaker = _predicted(
            workspace, reps, row, tracked.frame, tables.RULES.frame(opinions), known=known, film=normalised
        )
    spoken = [_spoken(rep, table.filter(rep_id=rep["rep_id"]), known) for rep in reps.rows(named=True)]
    flags = dict.fromkeys(flag for rep in rep_rows for flag in rep["flags"])
    views = reps["view"].mode().sort().to_list() or ["unknown"]
    return Feedback(path.name, views[0], speaker, tuple(flags), tuple(spoken))


def in_words(found: Feedback, known: Taxonomy) -> str:
    """Return the feedback as lines for a person to read."""
    if not found.reps:
        return f"{found.video}: no push-up found; film the whole body from the side, in good light"
    counted = f"{len(found.reps)} repetition{'s' * (len(found.reps) > 1)}"
    lines = [f"{found.video}: {counted}, seen from {_seen_from(found.view)} (judged by: {found.predictor})"]
    lines += [f"careful: {flag}" for flag in found.flags]
    for rep in found.reps:
        head = f"rep {rep.number}  {rep.start_s:4.1f}-{rep.end_s:.1f} s  "
        said = [f"{cue.say} ({cue.probability:.0%} sure: {cue.reason})" for cue in rep.cues]
        if not said:
            told = len(known.errors) - len(rep.not_judged)
            said = ["Well done" if told else "can't tell"]
        if rep.partial:
            said[0] += " [the video cuts this repetition]"
        lines += [head + said[0], *(" " * len(head) + more for more in said[1:])]
    every = Counter(cue.advice for rep in found.reps for cue in rep.cues)
    lines += [f"to do better: {advice}" for advice, _ in every.most_common()]
    hidden = [e for e in known.errors if all(e.id in rep.not_judged for rep in found.reps)]
    if hidden:
        why = {e.title.lower(): found.reps[0].not_judged[e.id] for e in hidden}
        lines.append("can't tell: " + "; ".join(f"{title} ({reason})" for title, reason in why.items()))
    return "\n".join(lines)


def _seen_from(view: str) -> str:
    words = {"side": "the side", "front": "the front", "oblique": "an oblique angle"}
    return words.get(view, "an angle that is not clear")


def _spoken(rep: dict[str, object], table: pl.DataFrame, known: Taxonomy) -> Spoken:
    rows = {row["error"]: row for row in table.rows(named=True)}
    present = [e for e in known.errors if rows[e.id]["present"]]
    present.sort(key=lambda e: (-e.severity, -rows[e.id]["probability"]))
    start, end, fps = (float(str(rep[c])) for c in ("start", "end", "fps"))
    return Spoken(
        number=int(str(rep["number"])),
        start_s=round(start / fps, 2),
        end_s=round(end / fps, 2),
        partial=bool(rep["partial"]),
        cues=tuple(
            Cue(e.id, e.cue, e.advice, rows[e.id]["probability"], rows[e.id]["reason"]) for e in present
        ),
        not_judged={e: row["reason"] for e, row in rows.items() if row["probability"] is None},
    )


def _predicted(
    workspace: Workspace,
    reps: pl.DataFrame,
    row: dict[str, object],
    frame: pl.DataFrame,
    rules: pl.DataFrame,
    *,
    known: Taxonomy,
    film: Path,
) -> tuple[pl.DataFrame, str]:
    """Return predictions by the workspace's verdict, by the released model, or by the rules."""
    speaker, folder = _speaker(workspace)
    model = predictor.load(folder) if folder else None
    opinions = None
    if model is not None and len(reps):
        videos = pl.DataFrame([row])
        x = data.sequences(
            reps,
            videos,
            rules,
            lambda _: landmarks.from_table(frame),
            among=reps,
            errors=model.errors,
            steps=model.steps,
        )
        pixels = crops.crops(
            model.streams, reps, videos, lambda _: landmarks.from_table(frame), lambda _: film
        )
        opinions, _ = model.judge(x, reps, known, pixels)
    thresholds = model.thresholds if model else {}
    speaker = speaker if model else "rules"
    table = predictions.combine(reps, rules, known, model=opinions, thresholds=thresholds, speaker=speaker)
    return table, speaker


def _speaker(workspace: Workspace) -> tuple[str, Path | None]:
    found = verdict.read(workspace.metrics / "verdict.json")
    if found is None:
        return "released", workspace.released
    named = found["predictor"]
    return named, {"candidate": workspace.candidate, "champion": workspace.champion}.get(named)


def _home() -> Workspace:
    """Return the workspace that is the current folder, or the installation's own settings."""
    here = Workspace(Path.cwd())
    return here if here.params.exists() else Workspace(TEMPLATE)


def _taxonomy(workspace: Workspace) -> Taxonomy:
    return taxonomy.load(workspace.taxonomy)
