"""The samples of the FiftyOne data set: one per rep, with its fields and the skeleton of every frame.

Runs only in the process that builds the data set; FiftyOne is imported by its caller.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from pushup_data import landmarks, tables
from pushup_data.errors import MissingInputError
from pushup_data.workspace import Workspace

# Shown: the landmarks at an end of a bone. The others (eyes, mouth, fingers) are dots that hide the face.
SHOWN = sorted({i for edge in landmarks.EDGES for i in edge})
EDGES = [[SHOWN.index(a), SHOWN.index(b)] for a, b in landmarks.EDGES]

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
    dataset.add_sample_field("predictor", fo.StringField, description="who predicts: rules or which model")
    dataset.add_frame_field("pose", fo.EmbeddedDocumentField, embedded_doc_type=fo.Keypoints)


def sync(workspace: Workspace, dataset: Any, samples: pl.DataFrame, poses: Mapping[str, str]) -> int:
    """Delete the reps that are gone or whose clip or pose changed, add those that are not there.

    `poses` says for each video which pose the frames come from. Returns how many samples were added.
    """
    paths = {row["rep_id"]: str(workspace.clips / row["clip"]) for row in samples.iter_rows(named=True)}
    videos = dict(samples.select("rep_id", "video_id").iter_rows())
    before = (dataset.info or {}).get("poses", {})
    ids, reps, files = dataset.values(["id", "rep_id", "filepath"]) if len(dataset) else ([], [], [])
    fresh = {
        rep
        for rep, file in zip(reps, files, strict=True)
        if paths.get(rep) == file and before.get(videos[rep]) == poses[videos[rep]]
    }
    stale = [i for i, rep in zip(ids, reps, strict=True) if rep not in fresh]
    if stale:
        dataset.delete_samples(stale)
    new = samples.filter(~pl.col("rep_id").is_in(list(fresh)))
    made = _samples(workspace, new)
    batch = []
    for sample in tqdm(made, total=len(new), desc="FiftyOne", unit="rep", disable=None):
        batch.append(sample)
        if len(batch) == _BATCH:
            dataset.add_samples(batch)
            batch = []
    if batch:
        dataset.add_samples(batch)
    return len(new)


def _samples(workspace: Workspace, new: pl.DataFrame) -> Iterator[Any]:
    """Yield a sample with its frames for every row of a tables.SAMPLES frame."""
    import fiftyone as fo

    for _, of_video in new.group_by("video_id", maintain_order=True):
        pose = landmarks.read(workspace.pose(of_video["video_id"][0]))
        for row in of_video.iter_rows(named=True):
            clip = workspace.clips / row["clip"]
            if not clip.exists():
                raise MissingInputError(f"{clip} is not there; run `dvc repro` to make it")
            sample = fo.Sample(
                str(clip),
                rep_id=row["rep_id"],
                metadata=fo.VideoMetadata(  # ours: FiftyOne would start a program per clip to find out
                    size_bytes=clip.stat().st_size,
                    mime_type="video/mp4",
                    frame_width=row["width"],
                    frame_height=row["height"],
                    frame_rate=row["fps"],
                    total_frame_count=row["frames"],
                    duration=row["frames"] / row["fps"],
                    encoding_str="avc1",
                ),
            )
            shown = pose.cut(row["clip_start"], row["clip_start"] + row["frames"])
            for i in range(len(shown)):
                sample.frames[i + 1] = fo.Frame(pose=_skeleton(shown, i))  # FiftyOne counts from 1
            yield sample


def _skeleton(pose: landmarks.Pose, frame: int) -> Any:
    """Return one frame's person; a point that is NaN is not drawn."""
    import fiftyone as fo

    if not pose.detected[frame]:
        return fo.Keypoints(keypoints=[])
    return fo.Keypoints(
        keypoints=[
            fo.Keypoint(
                label="person",
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

    labelled = _by_rep(labels, order)
    for field, value in zip(LABELS, ("present", "absent", "unknown"), strict=True):
        dataset.set_values(field, [_labelled(labelled.get(rep, []), value) for rep in reps])

    vectors = {rep: np.array(v, np.float32) for rep, v in embeddings.iter_rows() if v}
    finite = {rep: v for rep, v in vectors.items() if np.isfinite(v).all()}
    dataset.set_values("embedding", [finite.get(rep) for rep in reps])
    dataset.add_dynamic_sample_fields()  # so that the app can filter by reason, certainty …


def set_tags(dataset: Any, tags: Mapping[str, list[str]]) -> None:
    """Tag every sample with its split, and with the tags that curators gave its rep: `tags`, by rep_id."""
    if len(dataset):
        reps, splits = dataset.values(["rep_id", "split"])
        kept = [[t for t in tags.get(rep, []) if t not in SPLITS] for rep in reps]
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
