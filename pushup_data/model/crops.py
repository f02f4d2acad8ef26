"""What the rgb stream sees: a rep as a few small pictures of the person, cut out of its video."""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from tqdm import tqdm

from pushup_data import ffmpeg
from pushup_data.errors import BadVideoError, MissingInputError
from pushup_data.landmarks import INDEX, Pose
from pushup_data.model.measures import Seen

Pixels = npt.NDArray[np.uint8]

FRAMES, SIDE = 16, 48  # pictures of a rep, and each one's width and height in pixels
_MARGIN = 0.15  # of the longer side of what the landmarks span, on every side: they end at ear, hand and toe
_OUTLIERS = 0.05  # share of a rep's frames that may reach beyond its box: the landmarks jump at times


def crops(
    streams: Sequence[str],
    reps: pl.DataFrame,
    videos: pl.DataFrame,
    read: Callable[[str], Pose],
    path_of: Callable[[str], Path],
    *,
    label: str = "pixels",
) -> Pixels | None:
    """Return (N, FRAMES, SIDE, SIDE, 3) for the rows of tables.REPS, in their order.

    None, without opening a video, where rgb is not among `streams` (params.Model). `videos` is
    tables.VIDEOS; `read` gives a video's pose, `path_of` its file, each called once per video. Black where
    nobody is seen. Raises MissingInputError and BadVideoError where the pictures cannot be had.
    """
    if "rgb" not in streams:
        return None
    sizes = {v: (w, h) for v, w, h in videos.select("video_id", "width", "height").iter_rows()}
    result = np.zeros((len(reps), FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    rows = reps.with_row_index("row").select(
        "row", "video_id", "start", "end", "near_side", "view", "support"
    )
    grouped = rows.partition_by("video_id", maintain_order=True)
    for group in tqdm(grouped, desc=label, unit="video", disable=None):
        video_id = group["video_id"][0]
        seen_as = [Seen(*row[2:]) for row in group.iter_rows()]
        result[group["row"].to_numpy()] = of_video(
            path_of(video_id), read(video_id), seen_as, sizes[video_id]
        )
    return result


def of_video(path: Path, pose: Pose, reps: Sequence[Seen], size: tuple[int, int]) -> Pixels:
    """Return (reps, FRAMES, SIDE, SIDE, 3) of one video, which is decoded once.

    `size` is its width and height in pixels. A rep's frames are evenly spaced over what data.sequence()
    takes of it. All are cut along the same square (box()), black where it leaves the picture, and mirrored
    where the head points to the left.
    """
    result = np.zeros((len(reps), FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    places: dict[int, list[tuple[int, int]]] = {}  # frame to (rep, which of its pictures)
    boxes: dict[int, tuple[tuple[int, int, int], bool]] = {}
    for r, rep in enumerate(reps):
        start, end = rep.window(len(pose))
        found = box(pose.cut(start, end), size)
        if found is not None:
            boxes[r] = found
            for k, frame in enumerate(np.linspace(start, end - 1, FRAMES).round().astype(int)):
                places.setdefault(int(frame), []).append((r, k))
    if not places:
        return result
    for number, picture in _decoded(path, set(places)):
        for r, k in places.pop(number):
            square, mirrored = boxes[r]
            crop = _cut(picture, *square)
            result[r, k] = crop[:, ::-1] if mirrored else crop
    if places:
        raise BadVideoError(
            "damaged",
            f"{path}: frame {min(places)} is missing; run `dvc repro --force ingest` to make it again",
        )
    return result


def box(pose: Pose, size: tuple[int, int]) -> tuple[tuple[int, int, int], bool] | None:
    """Return a person's square (left, top, side) in pixels, and whether the head points to the left.

    The square may leave the picture. None where no frame of `pose` has a detection.
    """
    xy = pose.pixels(*size)
    xy = xy[np.isfinite(xy).all(axis=(1, 2))]
    if not len(xy):
        return None
    low = np.quantile(xy.min(axis=1), _OUTLIERS, axis=0)
    high = np.quantile(xy.max(axis=1), 1 - _OUTLIERS, axis=0)
    side = max(round(float((high - low).max()) * (1 + 2 * _MARGIN)), 2)
    left, top = ((low + high - side) / 2).round().astype(int)
    shoulders, hips = (
        xy[:, [INDEX[f"left_{part}"], INDEX[f"right_{part}"]], 0].mean(axis=1) for part in ("shoulder", "hip")
    )
    return (int(left), int(top), side), bool(np.median(shoulders - hips) < 0)


def _cut(picture: Pixels, left: int, top: int, side: int) -> Pixels:
    import cv2

    height, width = picture.shape[:2]
    square = np.zeros((side, side, 3), dtype=np.uint8)
    x0, x1 = np.clip([left, left + side], 0, width)
    y0, y1 = np.clip([top, top + side], 0, height)
    square[y0 - top : y1 - top, x0 - left : x1 - left] = picture[y0:y1, x0:x1]
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _decoded(path: Path, wanted: Collection[int]) -> Iterator[tuple[int, Pixels]]:
    """Yield the wanted frames, ascending, as (number, (height, width, 3) RGB)."""
    import av
    from av.video.reformatter import VideoReformatter

    if not path.exists():
        raise MissingInputError(
            f"{path} is not there, and a model of the rgb stream needs its pictures; run `dvc repro ingest`, "
            "or set model.streams to [pose]"
        )
    try:
        convert = VideoReformatter().reformat  # one for all frames: setting it up costs as much as its work
        with av.open(ffmpeg.url(path)) as container:
            frames = itertools.islice(container.decode(video=0), max(wanted) + 1)
            for number, frame in enumerate(frames):
                if number in wanted:
                    yield number, np.asarray(convert(frame, format="rgb24").to_ndarray(), dtype=np.uint8)
    except (av.error.FFmpegError, IndexError) as e:
        raise BadVideoError(
            "undecodable", f"{path}: {e}; run `dvc repro --force ingest` to make it again"
        ) from None
