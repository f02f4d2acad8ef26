"""A workspace with everything that FiftyOne is built from, without running the loop.

Every landmark's place tells its video frame, and so does every picture: a frame out of step shows.
"""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import polars as pl

from pushup_data import landmarks, params, tables
from pushup_data.stages import curate as stage
from pushup_data.workspace import TEMPLATE, Workspace

FPS, WIDTH, HEIGHT = 25.0, 160, 120
LENGTH = 60  # frames of a video; two reps each
BOUNDS = ((8, 16, 26), (30, 40, 52))  # start, bottom, end
CONTEXT = 5
UNDETECTED = 12  # a frame of every video without a person
LOST = landmarks.INDEX["right_hip"]  # is NaN in every frame
ERRORS = ("hips_sagging", "shallow_depth", "elbows_flared")


def fill(workspace: Workspace, videos: int = 3) -> None:
    """Write all tables, poses and clips of `videos` videos: subjects in turn in train, val and test."""
    names = [f"{i:012x}" for i in range(videos)]
    reps = [_rep(video, i, number) for i, video in enumerate(names) for number in range(len(BOUNDS))]
    for i, video in enumerate(names):
        tables.write(tables.POSE, pose(i), workspace.pose(video))
    made: dict[tuple[int, int], Path] = {}
    workspace.clips.mkdir(parents=True, exist_ok=True)
    for rep in reps:
        span = (rep["clip_start"], rep["clip_end"])
        clip = workspace.clips / rep["clip"]
        if span in made:
            clip.write_bytes(made[span].read_bytes())
        else:
            made[span] = clip
            encode(clip, np.stack([picture(f) for f in range(*span)]))
    ids = [rep["rep_id"] for rep in reps]
    tables.write(tables.VIDEOS, tables.VIDEOS.frame([_video(v) for v in names]), workspace.videos)
    tables.write(tables.REPS, tables.REPS.frame(reps), workspace.reps)
    tables.write(
        tables.PREDICTIONS,
        tables.PREDICTIONS.frame([_prediction(r, i, e) for i, r in enumerate(ids) for e in ERRORS]),
        workspace.predictions,
    )
    labelled = [_label(r, i, e) for i, r in enumerate(ids) for e in ERRORS if i % 2 == 0]
    tables.write(tables.LABELS, tables.LABELS.frame(labelled), workspace.labels)
    splits = [
        {"subject": f"subject {i}", "split": ("train", "val", "test")[i % 3], "reason": "drawn"}
        for i in range(videos)
    ]
    tables.write(tables.ASSIGNMENTS, tables.ASSIGNMENTS.frame(splits), workspace.assignments)
    rng = np.random.default_rng(0)
    vectors = [{"rep_id": r, "embedding": rng.normal(size=8).tolist()} for r in ids]
    tables.write(tables.EMBEDDINGS, tables.EMBEDDINGS.frame(vectors), workspace.embeddings)
    queue = [
        {"position": i, "rep_id": r, "reason": "uncertain", "blind": False} for i, r in enumerate(ids[1::2])
    ]
    tables.write(tables.QUEUE, tables.QUEUE.frame(queue), workspace.queue)
    curate(workspace)


def curate(workspace: Workspace) -> None:
    """Write samples.parquet from the other tables."""
    stage.run(workspace, params.load(TEMPLATE / "params.yaml"))


def place(frame: int) -> tuple[float, float]:
    """Return where everything is at a frame of the video: moves right by 2 pixels a frame."""
    return (20 + 2 * frame) / WIDTH, 0.5


def picture(frame: int) -> np.ndarray:
    """Return the frame: black, with a white square of 9 pixels at `place`."""
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    x, y = round(place(frame)[0] * WIDTH), round(place(frame)[1] * HEIGHT)
    image[y - 4 : y + 5, x - 4 : x + 5] = 255
    return image


def encode(path: Path, frames: np.ndarray) -> None:
    """Write (T, H, W) grey frames as a clip like those of the project."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray"]
    command += [
        "-s",
        f"{WIDTH}x{HEIGHT}",
        "-r",
        f"{FPS:g}",
        "-i",
        "-",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
    ]
    command += ["-movflags", "+faststart", str(path)]
    subprocess.run(command, input=frames.tobytes(), check=True)


def pose(video: int) -> pl.DataFrame:
    """Return one video's tables.POSE: landmark j stands j / 1000 right of `place`; the right hip is lost."""
    rows = []
    for f in range(LENGTH):
        x, y = place(f)
        seen = f != UNDETECTED
        xs = [x + j / 1000 if seen and j != LOST else float("nan") for j in range(tables.LANDMARKS)]
        ys = [y + video / 1000 if seen and j != LOST else float("nan") for j in range(tables.LANDMARKS)]
        flat = [0.0 if seen else float("nan")] * tables.LANDMARKS
        sure = [j / 100 if seen else float("nan") for j in range(tables.LANDMARKS)]
        values = {"x": xs, "y": ys, "z": flat, "visibility": sure, "presence": sure}
        world = {"world_x": xs, "world_y": ys, "world_z": flat}
        rows.append({"frame": f, "detected": seen, **values, **world, "luma": 100.0, "sharpness": 50.0})
    return tables.POSE.frame(rows)


def _video(video: str) -> dict[str, object]:
    return {
        "video_id": video,
        "original_name": f"{video}.mp4",
        "sha256": video,
        "subject": f"subject {int(video, 16)}",
        "fps": FPS,
        "frames": LENGTH,
        "width": WIDTH,
        "height": HEIGHT,
    }


def _rep(video: str, index: int, number: int) -> dict[str, object]:
    start, bottom, end = BOUNDS[number]
    return {
        "rep_id": f"{video}-f{bottom}",
        "video_id": video,
        "subject": f"subject {index}",
        "number": number + 1,
        "start": start,
        "bottom": bottom,
        "end": end,
        "fps": FPS,
        "view": ("side", "front", "oblique")[index % 3],
        "near_side": "left",
        "support": "feet",
        "partial": False,
        "drawn": False,
        "flags": ["dark"] if index == 1 else [],
        "clip": f"{video}-f{bottom}-{start}-{end}.mp4",
        "clip_start": start - CONTEXT,
        "clip_end": end + CONTEXT,
    }


def _prediction(rep: str, index: int, error: str) -> dict[str, object]:
    """Rules see hips sagging in every third rep; the model sees it in every other; elbows cannot be told."""
    known = error != "elbows_flared"
    rule = 0.9 if error == "hips_sagging" and index % 3 == 0 else 0.1
    model = 0.8 if error == "hips_sagging" and index % 2 == 0 else 0.2
    return {
        "rep_id": rep,
        "error": error,
        "probability": model if known else None,
        "present": model >= 0.5 if known else None,
        "rule_probability": rule if known else None,
        "model_probability": model if known else None,
        "predictor": "candidate",
        "reason": f"{error} measured" if known else "cannot be seen from this side",
    }


def _label(rep: str, index: int, error: str) -> dict[str, object]:
    """Annotators say hips sag in every fourth rep, depth is fine, and cannot tell about elbows."""
    value = {
        "hips_sagging": "present" if index % 4 == 0 else "absent",
        "shallow_depth": "absent",
        "elbows_flared": "unknown",
    }[error]
    votes = {"present": 0, "absent": 0, "unknown": 0, value: 2}
    return {
        "rep_id": rep,
        "error": error,
        "value": value,
        "certainty": 0.9,
        "usable": True,
        **votes,
        "simulated": index == 0,
    }
