"""The samples of the FiftyOne data set: one per rep, with its fields and the skeleton of every frame.

Runs only in the process that builds the data set; FiftyOne is imported by its caller.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from pushup_data import landmarks, tables
from pushup_data.errors import MissingInputError
from pushup_data.workspace import Workspace

SHOWN = sorted({i for edge in landmarks.SHOWN_EDGES for i in edge})
EDGES = [[SHOWN.index(a), SHOWN.index(b)] for a, b in landmarks.SHOWN_EDGES]

# Fields taken from tables.SAMPLES as they are, with what the app says about them.
COLUMNS = {
    "rep_id": "which repetition; the same in every table and in Label Studio",
    "video_id": "which video",
    "original_name": "the video's file below data/raw",
    "number": "of the repetition within its video, from 1",
    "subject": "who is filmed; a subject is never in two splits",
    "split": "train, val or test",
    "view": "where the camera stands: side, oblique, front, unknown",
    "support": "what the body rests on: feet or knees",
    "partial": "the video begins or ends within the repetition",
    "flags": "what is wrong with the picture",
    "queued": "why it is in the queue of the next round",
    "uncertainty": "mean binary entropy of the predictions, bits: 0 all certain, 1 all tossed up",
    "disagreement": "largest difference between model and rules over the errors",
    "label_conflict": "largest difference between prediction and label; above 0.5 they contradict each other",
    "labelled": "an error is known to be present or absent, or annotators say it is no repetition",
    "usable": "false: annotators say it is no repetition",
    "simulated": "a simulated annotator had a vote",
}
# One Classifications field per verdict: `present` is what the app shows at first.
PREDICTIONS = {
    "predictions": "errors that the predictor sees, with its probability",
    "predictions_absent": "errors that it does not see, with their probability",
    "predictions_unknown": "errors that it cannot judge here, and why",
}
LABELS = {
    "labels": "errors that annotators agreed are present",
    "labels_absent": "errors that they agreed are absent",
    "labels_unknown": "errors that cannot be judged here, or that they do not agree on",
}
PHASES = "phases"
POSE = "frames.pose"

SPLITS = ("train", "val", "test")
_BATCH = 20  # samples written at once


def declare(dataset: Any) -> None:
    """Add all fields, so that they are there without samples too."""
    import fiftyone as fo

    kinds = {
        pl.String: fo.StringField,
        pl.Int64: fo.IntField,
        pl.Float64: fo.FloatField,
        pl.Boolean: fo.BooleanField,
    }
    for column, description in COLUMNS.items():
        kind = kinds.get(tables.SAMPLES.columns[column])
        options = {"subfield": fo.StringField} if kind is None else {}
        dataset.add_sample_field(column, kind or fo.ListField, description=description, **options)
    embedded = {**dict.fromkeys([*PREDICTIONS, *LABELS], fo.Classifications), PHASES: fo.TemporalDetections}
    about = {**PREDICTIONS, **LABELS, PHASES: "the way down and the way up"}
    for field, kind in embedded.items():
        dataset.add_sample_field(
            field, fo.EmbeddedDocumentField, embedded_doc_type=kind, description=about[field]
        )
    dataset.add_sample_field(
        "embedding", fo.VectorField, description="the repetition as the predictor sees it"
    )
    dataset.add_sample_field(
        "reasons", fo.ListField, subfield=fo.StringField, description="each error's probability, and why"
    )
    dataset.add_sample_field("predictor", fo.StringField, description="who predicts: rules or which model")
    dataset.add_frame_field("pose", fo.EmbeddedDocumentField, embedded_doc_type=fo.Keypoints)


def sync(workspace: Workspace, dataset: Any, samples: pl.DataFrame, poses: Mapping[str, str]) -> int:
    """Delete the reps that are gone, add the new ones, and renew those whose clip or pose changed.

    `poses` says for each video which pose the frames come from. A renewed sample keeps its id, its tags and
    whatever curators added. Returns how many samples were added or renewed.
    """
    there = dict(zip(dataset.values("rep_id"), dataset.values("id"), strict=True)) if len(dataset) else {}
    gone = there.keys() - set(samples["rep_id"])
    dataset.delete_samples([there[rep] for rep in gone])
    files = (
        dict(zip(dataset.values("rep_id"), dataset.values("filepath"), strict=True)) if len(dataset) else {}
    )
    before = (dataset.info or {}).get("poses", {})
    old = [
        files.get(row["rep_id"]) == str(workspace.clips / row["clip"])
        and before.get(row["video_id"]) == poses[row["video_id"]]
        for row in samples.iter_rows(named=True)
    ]
    todo = samples.filter(~pl.Series(old, dtype=pl.Boolean))
    batch = []
    for rep, content in tqdm(
        _contents(workspace, todo), total=len(todo), desc="FiftyOne", unit="rep", disable=None
    ):
        if rep in files:
            _renew(dataset[there[rep]], content)
        else:
            batch.append(_sample(rep, content))
        if len(batch) == _BATCH:
            dataset.add_samples(batch)
            batch = []
    if batch:
        dataset.add_samples(batch)
    return len(todo)


@dataclass(frozen=True)
class _Content:
    """What a sample shows: the clip, and a skeleton for each of its frames."""

    filepath: str
    metadata: Any
    skeletons: list[Any]


def _sample(rep: str, content: _Content) -> Any:
    import fiftyone as fo

    sample = fo.Sample(content.filepath, rep_id=rep, metadata=content.metadata)
    _put_frames(sample, content)
    return sample


def _renew(sample: Any, content: _Content) -> None:
    sample.filepath = content.filepath
    sample.metadata = content.metadata
    sample.frames.clear()
    _put_frames(sample, content)
    sample.save()


def _put_frames(sample: Any, content: _Content) -> None:
    import fiftyone as fo

    for number, skeleton in enumerate(content.skeletons, 1):  # FiftyOne counts frames from 1
        sample.frames[number] = fo.Frame(pose=skeleton)


def _contents(workspace: Workspace, samples: pl.DataFrame) -> Iterator[tuple[str, _Content]]:
    """Yield every rep's id and content; each video's pose is read once."""
    import fiftyone as fo

    for _, of_video in samples.group_by("video_id", maintain_order=True):
        pose = landmarks.read(workspace.pose(of_video["video_id"][0]))
        for row in of_video.iter_rows(named=True):
            clip = workspace.clips / row["clip"]
            if not clip.exists():
                raise MissingInputError(f"{clip} is not there; run `dvc repro` to make it")
            metadata = fo.VideoMetadata(  # ours: FiftyOne would start a program per clip to find out
                size_bytes=clip.stat().st_size,
                mime_type="video/mp4",
                frame_width=row["width"],
                frame_height=row["height"],
                frame_rate=row["fps"],
                total_frame_count=row["frames"],
                duration=row["frames"] / row["fps"],
                encoding_str="avc1",
            )
            shown = pose.cut(row["clip_start"], row["clip_start"] + row["frames"])
            skeletons = [_skeleton(shown, i) for i in range(len(shown))]
            yield row["rep_id"], _Content(str(clip), metadata, skeletons)


def _skeleton(pose: landmarks.Pose, frame: int) -> Any:
    """Return one frame's person; a point that is NaN is not drawn."""
    import fiftyone as fo

    if not pose.detected[frame]:
        return fo.Keypoints(keypoints=[])
    return fo.Keypoints(
        keypoints=[
            fo.Keypoint(
                label="person",
                index=1,  # the same one in all frames: one line in the app's timeline
                points=pose.xy[frame, SHOWN].astype(float).tolist(),
                confidence=pose.visibility[frame, SHOWN].astype(float).tolist(),
            )
        ]
    )


def set_fields(
    dataset: Any,
    *,
    samples: pl.DataFrame,
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    embeddings: pl.DataFrame,
    order: tuple[str, ...],
) -> None:
    """Set what the tables say about every rep. `order`: the errors' ids as the taxonomy has them."""
    if not len(dataset):
        return
    reps = dataset.values("rep_id")
    rows = {row["rep_id"]: row for row in samples.iter_rows(named=True)}
    for column in COLUMNS:
        dataset.set_values(column, [rows[rep][column] for rep in reps])
    dataset.set_values(PHASES, [_phases(rows[rep]) for rep in reps])

    predicted = _by_rep(predictions, order)
    for field, present in zip(PREDICTIONS, (True, False, None), strict=True):
        dataset.set_values(field, [_predicted(predicted.get(rep, []), present) for rep in reps])
    dataset.set_values(
        "predictor", [next((r["predictor"] for r in predicted.get(rep, [])), None) for rep in reps]
    )

    dataset.set_values("reasons", [[_reason(row) for row in predicted.get(rep, [])] for rep in reps])

    labelled = _by_rep(labels, order)
    for field, value in zip(LABELS, ("present", "absent", "unknown"), strict=True):
        dataset.set_values(field, [_labelled(labelled.get(rep, []), value) for rep in reps])

    vectors = {rep: np.array(v, np.float32) for rep, v in embeddings.iter_rows() if v}
    finite = {rep: v for rep, v in vectors.items() if np.isfinite(v).all()}
    dataset.set_values("embedding", [finite.get(rep) for rep in reps])
    dataset.add_dynamic_sample_fields()  # so that the app can filter by reason, certainty …


def set_tags(dataset: Any) -> None:
    """Tag every sample with its split; tags that curators gave stay."""
    if len(dataset):
        splits, tags = dataset.values("split"), dataset.values("tags")
        kept = [[t for t in some if t not in SPLITS] for some in tags]
        dataset.set_values("tags", [[s, *k] if s else k for s, k in zip(splits, kept, strict=True)])


def _by_rep(table: pl.DataFrame, order: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    """Return each rep's rows, in the order of the errors; rows of errors that are no more are left out."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table.iter_rows(named=True):
        if row["error"] in order:
            rows.setdefault(row["rep_id"], []).append(row)
    return {rep: sorted(some, key=lambda r: order.index(r["error"])) for rep, some in rows.items()}


def _predicted(rows: list[dict[str, Any]], present: bool | None) -> Any:
    import fiftyone as fo

    return fo.Classifications(
        classifications=[
            fo.Classification(
                label=row["error"],
                confidence=row["probability"],
                reason=row["reason"],
                rule_probability=row["rule_probability"],
                model_probability=row["model_probability"],
            )
            for row in rows
            if row["present"] is present
        ]
    )


def _reason(row: Mapping[str, Any]) -> str:
    """Return one prediction as a line to read: `hips_sagging 0.91: hips 14° below the line`."""
    sure = "" if row["probability"] is None else f" {row['probability']:.2f}"
    return f"{row['error']}{sure}: {row['reason']}"


def _labelled(rows: list[dict[str, Any]], value: str) -> Any:
    import fiftyone as fo

    return fo.Classifications(
        classifications=[
            fo.Classification(label=row["error"], certainty=row["certainty"])
            for row in rows
            if row["value"] == value
        ]
    )


def _phases(row: Mapping[str, Any]) -> Any:
    """Return the way down and the way up as FiftyOne has frames: from 1 to the clip's last, both included."""
    import fiftyone as fo

    start, bottom, end = (row[c] - row["clip_start"] + 1 for c in ("start", "bottom", "end"))
    spans = {"down": (start, bottom), "up": (bottom + 1, end - 1)}
    inside = {label: (max(a, 1), min(b, row["frames"])) for label, (a, b) in spans.items()}
    return fo.TemporalDetections(
        detections=[fo.TemporalDetection(label=k, support=[a, b]) for k, (a, b) in inside.items() if a <= b]
    )
