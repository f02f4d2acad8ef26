"""Every table of the workspace: its columns, and the only way to read and write it.

Tables are Parquet with exactly the columns declared here, or CSV where a person or git should be able
to read them. Frames are 0-based and half-open on the normalised video: a rep is frames[start:end].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pushup_data import files
from pushup_data.errors import BadInputError, MissingInputError

LANDMARKS = 33  # MediaPipe's pose landmarks per person
_PER_LANDMARK = pl.Array(pl.Float32, LANDMARKS)


@dataclass(frozen=True)
class Table:
    """A table's columns in order, what a row is, and the columns it is sorted by and unique in."""

    name: str
    row: str
    columns: Mapping[str, Any]
    key: tuple[str, ...]
    kept: bool = False  # in git, and nothing makes it again: whoever deletes it loses what it holds

    @property
    def remedy(self) -> str:
        """What to do about a damaged file."""
        return "restore it from git" if self.kept else "delete it and run `dvc repro` to make it again"

    def empty(self) -> pl.DataFrame:
        """Return a valid table of no rows."""
        return pl.DataFrame(schema=dict(self.columns))

    def frame(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """Build a checked, sorted table from dicts; a missing key becomes null."""
        data = {c: [row.get(c) for row in rows] for c in self.columns}
        return self.check(pl.DataFrame(data, schema=dict(self.columns), strict=False))

    def check(self, frame: pl.DataFrame, where: str = "") -> pl.DataFrame:
        """Return the frame in column and key order; raise BadInputError where it breaks the schema."""
        name = where or self.name
        missing = [c for c in self.columns if c not in frame.columns]
        extra = [c for c in frame.columns if c not in self.columns]
        if missing or extra:
            raise BadInputError(f"{name}: columns missing {missing}, not expected {extra}; {self.remedy}")
        try:
            frame = frame.select([pl.col(c).cast(t) for c, t in self.columns.items()])
        except pl.exceptions.PolarsError as e:
            raise BadInputError(f"{name}: {e}; {self.remedy}") from None
        keyed = frame.select(self.key)
        if keyed.null_count().sum_horizontal().sum():
            raise BadInputError(f"{name}: a row without {', '.join(self.key)}; {self.remedy}")
        if keyed.is_duplicated().any():
            twice = keyed.filter(keyed.is_duplicated()).row(0)
            raise BadInputError(f"{name}: two rows for {', '.join(map(str, twice))}; {self.remedy}")
        return frame.sort(self.key)


VIDEOS = Table(
    "videos.parquet",
    "an accepted video, as normalised",
    {
        "video_id": pl.String,  # first 12 hex digits of the raw file's SHA-256
        "original_name": pl.String,  # path of the raw file below data/raw
        "sha256": pl.String,  # of the raw file
        "subject": pl.String,  # who is filmed; `video:<video_id>` where the manifest does not say
        "subject_known": pl.Boolean,
        "camera": pl.String,
        "source": pl.String,
        "licence": pl.String,
        "consent": pl.String,  # yes, no, unknown; `no` is never pushed
        "fps": pl.Float64,
        "frames": pl.Int64,
        "width": pl.Int64,  # pixels, upright
        "height": pl.Int64,
        "copied": pl.Boolean,  # the stream complied and was copied, not encoded again
        "source_fps": pl.Float64,  # mean rate of the raw stream
        "source_frames": pl.Int64,
        "repeated": pl.Int64,  # frames the resampling showed twice
        "dropped": pl.Int64,  # frames the resampling left out
    },
    ("video_id",),
)

QUARANTINE = Table(
    "quarantine.csv",
    "a file set aside",
    {"original_name": pl.String, "reason": pl.String, "detail": pl.String},
    ("original_name",),
)

POSE = Table(
    "poses/<video_id>.parquet",
    "a frame of one video",
    {
        "frame": pl.Int32,
        "detected": pl.Boolean,  # false: all coordinates are NaN
        "x": _PER_LANDMARK,  # share of the width, 0 left
        "y": _PER_LANDMARK,  # share of the height, 0 top
        "z": _PER_LANDMARK,  # MediaPipe's depth, in shares of the width, smaller is nearer
        "visibility": _PER_LANDMARK,  # 0 to 1
        "presence": _PER_LANDMARK,
        "world_x": _PER_LANDMARK,  # metres from the hips' middle
        "world_y": _PER_LANDMARK,
        "world_z": _PER_LANDMARK,
        "luma": pl.Float32,  # mean brightness, 0 to 255
        "sharpness": pl.Float32,  # variance of the Laplacian of the grey frame
    },
    ("frame",),
)

QUALITY = Table(
    "quality.parquet",
    "how well one video shows the person",
    {
        "video_id": pl.String,
        "detected": pl.Float64,  # share of frames with a person
        "in_frame": pl.Float64,  # share of landmarks of detected frames that lie inside the picture
        "visibility": pl.Float64,  # mean of the near side's landmarks
        "luma": pl.Float64,
        "sharpness": pl.Float64,
        "people": pl.Int64,  # places that somebody is at in at least a third of the sampled frames
        "view": pl.String,  # side, oblique, front, unknown
        "flags": pl.List(pl.String),  # what is wrong, in the words of quality.py; empty is good
    },
    ("video_id",),
)

BOUNDARIES = Table(
    "boundaries.parquet",
    "a rep as a person drew it",
    {
        "video_id": pl.String,
        "start": pl.Int64,
        "bottom": pl.Int64,  # null: find it between start and end
        "end": pl.Int64,
        "annotation": pl.String,  # which ledger entry says so
    },
    ("video_id", "start"),
)

REPS = Table(
    "reps.parquet",
    "a repetition",
    {
        "rep_id": pl.String,  # <video_id>-f<bottom frame when first seen>
        "video_id": pl.String,
        "subject": pl.String,
        "number": pl.Int64,  # 1-based within the video
        "start": pl.Int64,  # first frame, at the top before going down
        "bottom": pl.Int64,  # the middle of the frames that are as good as lowest
        "end": pl.Int64,  # one past the last frame, at the top again
        "fps": pl.Float64,
        "view": pl.String,  # side, oblique, front, unknown
        "near_side": pl.String,  # left, right: the side of the body that faces the camera
        "support": pl.String,  # feet, knees
        "partial": pl.Boolean,  # the video starts or ends within the rep
        "drawn": pl.Boolean,  # bounds come from a person
        "flags": pl.List(pl.String),  # capture quality of this rep; empty is good
        "clip": pl.String,  # file name below data/clips, by id and bounds
        "clip_start": pl.Int64,  # frames of the video that the clip shows
        "clip_end": pl.Int64,
    },
    ("rep_id",),
)

RULES = Table(
    "rules.parquet",
    "the rules' opinion on one error of one rep",
    {
        "rep_id": pl.String,
        "error": pl.String,
        "probability": pl.Float64,  # null: this view cannot show it, or the pose is not good enough
        "reason": pl.String,  # in words, with the figure measured
    },
    ("rep_id", "error"),
)

LABELS = Table(
    "labels.parquet",
    "the consensus on one error of one rep",
    {
        "rep_id": pl.String,
        "error": pl.String,
        "value": pl.String,  # present, absent, unknown
        "certainty": pl.Float64,  # 0 to 1: how sure the consensus is of `value`
        "usable": pl.Boolean,  # false: annotators say it is no rep; `value` is unknown then
        "present": pl.Int64,  # votes
        "absent": pl.Int64,
        "unknown": pl.Int64,
        "simulated": pl.Boolean,  # at least one vote comes from a simulated annotator
    },
    ("rep_id", "error"),
)

ASSIGNMENTS = Table(
    "assignments.csv",
    "where a subject was put, once and for all",
    {"subject": pl.String, "split": pl.String, "reason": pl.String},
    ("subject",),
    kept=True,
)

LEFT_OUT = Table(
    "left_out.csv",
    "a video in no split: it would tie two of them together",
    {"video_id": pl.String, "subject": pl.String, "reason": pl.String},
    ("video_id",),
)

SIGNATURES = Table(
    "signatures.parquet",
    "a rep's pictures, to find the same seconds in several videos",
    {
        "rep_id": pl.String,
        "key": pl.String,  # of what they were made from
        "pictures": pl.List(pl.UInt8),  # grey values; empty where there are none
    },
    ("rep_id",),
)

REP_REGISTRY = Table(
    "rep_registry.csv",
    "a rep id ever given out, and the bounds it was given for",
    {
        "rep_id": pl.String,
        "video_id": pl.String,
        "start": pl.Int64,
        "bottom": pl.Int64,
        "end": pl.Int64,
    },
    ("rep_id",),
    kept=True,
)

PREDICTIONS = Table(
    "predictions.parquet",
    "what the machine thinks of one error of one rep",
    {
        "rep_id": pl.String,
        "error": pl.String,
        "probability": pl.Float64,  # of the predictor named; null: cannot tell
        "present": pl.Boolean,  # probability at or above the predictor's threshold; null: cannot tell
        "rule_probability": pl.Float64,
        "model_probability": pl.Float64,  # null without a model
        "predictor": pl.String,  # rules, candidate, champion, released
        "reason": pl.String,
    },
    ("rep_id", "error"),
)

EMBEDDINGS = Table(
    "embeddings.parquet",
    "a rep as the model (without one: its landmarks' means and spreads) sees it",
    {"rep_id": pl.String, "embedding": pl.List(pl.Float32)},
    ("rep_id",),
)

QUEUE = Table(
    "queue.parquet",
    "a rep to be annotated",
    {
        "position": pl.Int64,  # 0 first
        "rep_id": pl.String,
        "reason": pl.String,  # uncertain, random; overlap: others have annotated it; review: in doubt
        "blind": pl.Boolean,  # shown without the machine's opinion
        "opinions": pl.Int64,  # people who should have annotated it, all in all
        "score": pl.Float64,  # acquisition score or doubt, higher is more wanted; null for random draws
    },
    ("rep_id",),
)

DOUBTS = Table(
    "doubts.parquet",
    "a train label, held against those who never saw it",
    {
        "rep_id": pl.String,
        "error": pl.String,
        "value": pl.String,  # present, absent
        "probability": pl.Float64,  # of present, by a forest trained on other people and the rules
        "doubt": pl.Float64,  # probability of the other value
    },
    ("rep_id", "error"),
)

REVIEWS = Table(
    "reviews.csv",
    "a second opinion asked for because a label is in doubt",
    {
        "rep_id": pl.String,
        "error": pl.String,
        "votes": pl.Int64,  # people who had annotated the rep when it was asked for
        "value": pl.String,  # the label then; unknown: people contradicted each other
        "probability": pl.Float64,  # of present, then; null: people contradicted each other
    },
    ("rep_id", "error", "votes"),
    kept=True,
)

SAMPLES = Table(
    "curation/samples.parquet",
    "a rep as FiftyOne shows it",
    {
        "rep_id": pl.String,
        "clip": pl.String,
        "video_id": pl.String,
        "subject": pl.String,
        "split": pl.String,
        "number": pl.Int64,
        "view": pl.String,
        "support": pl.String,
        "partial": pl.Boolean,
        "flags": pl.List(pl.String),
        "original_name": pl.String,
        "fps": pl.Float64,
        "frames": pl.Int64,  # of the clip
        "width": pl.Int64,
        "height": pl.Int64,
        "start": pl.Int64,  # of the rep, in frames of the video
        "bottom": pl.Int64,
        "end": pl.Int64,
        "clip_start": pl.Int64,
        "queued": pl.String,  # why it is in the queue; null: it is not
        "uncertainty": pl.Float64,  # mean binary entropy over the errors, bits
        "disagreement": pl.Float64,  # largest |model - rules| over the errors; null without a model
        "label_conflict": pl.Float64,  # largest |probability - label| over known labels; null without labels
        "labelled": pl.Boolean,
        "usable": pl.Boolean,  # false: annotators say it is no rep; null: nobody was asked
        "simulated": pl.Boolean,
    },
    ("rep_id",),
)

_TOLD = pl.Struct({"error": pl.String, "severity": pl.Float64, "value": pl.String})
TRUTH = Table(
    "truth.parquet",
    "a rendered set of push-ups, and all that is true of it",
    {
        "file": pl.String,  # of the video, beside this table
        "recipe": pl.String,  # digest of what it was made from
        "subject": pl.String,  # the body
        "view": pl.String,  # side, oblique, front
        "azimuth": pl.Float64,  # the camera's turn from a side view, degrees, positive towards the head
        "elevation": pl.Float64,  # and its height above the body
        "near_side": pl.String,  # left, right
        "support": pl.String,  # feet, knees
        "flaw": pl.String,  # what is wrong with the picture: dark, blurred, hidden, cut off; empty: nothing
        "fps": pl.Float64,
        "frames": pl.Int64,
        "width": pl.Int64,
        "height": pl.Int64,
        # start, bottom, end in frames as in REPS; every error with its severity, 0 (none, or at its mildest)
        # to 1, and its value: unknown where it is there or not, but the camera cannot show it
        "reps": pl.List(
            pl.Struct(
                {
                    "number": pl.Int64,
                    "start": pl.Int64,
                    "bottom": pl.Int64,
                    "end": pl.Int64,
                    "errors": pl.List(_TOLD),
                }
            )
        ),
        "joints_2d": pl.List(pl.Array(pl.Float32, (LANDMARKS, 2))),  # per frame, pixels; NaN: not known
        "joints_3d": pl.List(pl.Array(pl.Float32, (LANDMARKS, 3))),  # metres; x to the head, y left, z up
    },
    ("file",),
)


def write(table: Table, frame: pl.DataFrame, path: Path) -> None:
    """Check and write a table atomically; the suffix of `path` says whether as CSV or Parquet."""
    frame = table.check(frame, str(path))
    with files.atomic_path(path) as temporary:
        if path.suffix == ".csv":
            frame.write_csv(temporary)
        else:
            frame.write_parquet(temporary, compression="zstd", statistics=False)


def read(table: Table, path: Path, *, default_empty: bool = False) -> pl.DataFrame:
    """Read and check a table. A missing file is an error, or an empty table with `default_empty`."""
    if not path.exists():
        if default_empty:
            return table.empty()
        raise MissingInputError(f"{path} is not there; run `dvc repro` to make it")
    try:
        if path.suffix == ".csv":
            _merged(path)
            frame = pl.read_csv(path, schema_overrides=dict(table.columns), infer_schema=False)
        else:
            frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as e:
        raise BadInputError(f"{path} cannot be read ({e}); {table.remedy}") from None
    return table.check(frame, str(path))


def _merged(path: Path) -> None:
    """Raise BadInputError where git has left both sides of a conflict in the file: they read as rows."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.startswith((b"<<<<<<<", b"=======", b">>>>>>>")):
            raise BadInputError(
                f"{path}:{number}: git's mark of a conflict; resolve it, keeping both sides' rows"
            )
