"""Body landmarks in every frame of a video, by MediaPipe."""

import math
import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import ffmpeg, params, people, tables
from pushup_data.errors import BadInputError, BadVideoError, MissingInputError
from pushup_data.people import Person

VERSION = 1  # of the algorithm; another one makes every pose again

_SAMPLE_EVERY = 15  # frames, to look for several people, but
_SAMPLES = (3, 12)  # at least and at most so many per video
_PEOPLE = 4  # followed at most
_OFTEN = 0.9  # a person found in fewer frames is looked for again, closer
_SHARPNESS_WIDTH = 640  # pixels: sharpness is compared at one size
_WHOLE = 0.0, 0.0, 1.0, 1.0  # the whole picture
_STRETCHED = 10_000  # times as long between two frames: minutes instead of milliseconds

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Track:
    """One video's pose."""

    frame: pl.DataFrame  # tables.POSE: a row per decoded frame
    people: int  # seen at places of their own in the sampled frames
    sure: bool  # whom to follow: false where a second person moves alike


def track(video: Path, model: Path, settings: params.Pose) -> Track:
    """Find one person's landmarks in every decoded frame of a normalised video.

    A first pass follows one person and looks closely at a few frames, where smaller and further people show
    too. Where there are several, or the one was often lost, a second pass follows each within the part of
    the picture that they stay in, and people.choose picks the one who does push-ups. Memory does not depend
    on the video's length but for the result, about 1 kB a frame and person.

    Raises BadVideoError where the video cannot be decoded, MissingInputError without the model.
    """
    if not model.exists():
        raise MissingInputError(f"{model} is not there; run `pushup-data pose-model --kind {settings.model}`")
    with _quiet():
        path, light, samples = _first_pass(video, model, settings)
        places = people.regions(samples)[:_PEOPLE]
        sure = True
        if len(places) > 1 or (places and len(path) < _OFTEN * len(light)):
            paths = _second_pass(video, model, settings, places)
            if len(places) > 1:
                path, sure = people.choose(paths, len(light))
            else:
                path = max(path, paths[0], key=len)
    return Track(_table(path, light), max(len(places), 1) if len(path) else 0, sure)


def _first_pass(
    video: Path, model: Path, settings: params.Pose
) -> tuple[people.Path, npt.NDArray[np.float32], list[list[Person]]]:
    """Return one person by frame, (T, 2) luma and sharpness, and everybody in the sampled frames."""
    path = people.Path()
    light = array("f")
    samples: list[list[Person]] = []
    with ExitStack() as stack:
        follower = _Follower(model, settings, stack)
        look = stack.enter_context(_landmarker(model, settings, still=True))
        for i, milliseconds, picture, total in _frames(video):
            if person := follower.find(picture, milliseconds):
                path.add(i, person)
            light.extend(_light(picture))
            if i in _sampled(total):
                samples.append(people.distinct(_look_closely(look, picture)))
    return path, np.array(light, dtype=np.float32).reshape(-1, 2), samples


def _second_pass(
    video: Path, model: Path, settings: params.Pose, places: list[people.Box]
) -> list[people.Path]:
    """Follow the person in each place; return them by frame, as seen in the whole picture."""
    paths = [people.Path() for _ in places]
    with ExitStack() as stack:
        followers = [_Follower(model, settings, stack) for _ in places]
        for i, milliseconds, picture, _ in _frames(video):
            for path, follower, place in zip(paths, followers, places, strict=True):
                if person := follower.find(picture, milliseconds, place):
                    path.add(i, person)
    return paths


class _Follower:
    """Follows one person through a video, or through one part of its picture."""

    def __init__(self, model: Path, settings: params.Pose, stack: ExitStack) -> None:
        self._plain = stack.enter_context(_landmarker(model, settings))
        self._mirror = stack.enter_context(_landmarker(model, settings)) if settings.flip_test else None

    def find(self, picture: Picture, milliseconds: int, place: people.Box = _WHOLE) -> Person | None:
        """Return the person in the next frame; with `flip_test` the mean of it and of its mirror image.

        What MediaPipe gets wrong in one of them it often gets right in the other. One is enough to be found.
        """
        if self._mirror is None:
            return _first(_detect(self._plain.detect_for_video, picture, milliseconds, place=place))
        # MediaPipe smooths what it follows by the time passed: it trails behind, and a rep's top and bottom
        # lose their edge. Between pictures minutes apart it does not; kinematics.py smooths later, both ways.
        apart = milliseconds * _STRETCHED
        left, top, right, bottom = place
        turned = 1 - right, top, 1 - left, bottom
        plain = _first(_detect(self._plain.detect_for_video, picture, apart, place=place))
        mirror = _first(_detect(self._mirror.detect_for_video, picture[:, ::-1], apart, place=turned))
        if mirror is None:
            return plain
        return mirror.mirrored() if plain is None else plain.with_second(mirror.mirrored())


def _first(persons: list[Person]) -> Person | None:
    return persons[0] if persons else None


def _look_closely(look: Any, picture: Picture) -> list[Person]:
    """Return everybody in one picture, some of them twice.

    MediaPipe's detector sees the whole picture at 224 x 224 pixels, where people who fill little of it are
    lost. So squares as high (or wide) as the picture, each half over the next, are looked at as well.
    """
    height, width = picture.shape[:2]
    share = min(height / width, 1.0), min(width / height, 1.0)
    count = math.ceil((1 / min(share) - 1) / 0.5) + 1 if min(share) < 1 else 0
    found = _detect(look.detect, picture)
    for start in np.linspace(0, 1 - min(share), count):
        left, top = (float(start), 0.0) if width > height else (0.0, float(start))
        found += _detect(look.detect, picture, place=(left, top, left + share[0], top + share[1]))
    return found


@lru_cache(maxsize=1)
def _sampled(total: int) -> frozenset[int]:
    low, high = _SAMPLES
    count = min(max(total // _SAMPLE_EVERY, low), high, total)
    return frozenset(int(i) for i in np.linspace(0, total - 1, count)) if total else frozenset()


def _frames(video: Path) -> Iterator[tuple[int, int, Picture, int]]:
    """Yield each decoded frame's number, time in ms (strictly rising), RGB picture, and the frames in all."""
    import av
    from av.video.reformatter import VideoReformatter

    last = -1
    try:
        with av.open(ffmpeg.url(video)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 25)
            convert = (
                VideoReformatter().reformat
            )  # one for all frames: setting it up costs as much as its work
            for i, frame in enumerate(container.decode(stream)):
                last = max(last + 1, int(i * 1000 / rate))
                yield (
                    i,
                    last,
                    np.asarray(convert(frame, format="rgb24").to_ndarray(), dtype=np.uint8),
                    stream.frames,
                )
    except (av.error.FFmpegError, IndexError) as e:
        raise BadVideoError("decoding", f"{video}: cannot be decoded ({e}); ingest it again") from None


def _light(picture: Picture) -> tuple[float, float]:
    """Return mean brightness, 0 to 255, and the variance of the Laplacian at a width of 640 pixels.

    The latter is the usual measure of focus (Pech-Pacheco et al., ICPR 2000).
    """
    import cv2

    height, width = picture.shape[:2]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if width != _SHARPNESS_WIDTH:
        size = (_SHARPNESS_WIDTH, max(round(height * _SHARPNESS_WIDTH / width), 1))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if width > size[0] else cv2.INTER_LINEAR)
    _, spread = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return float(cv2.mean(grey)[0]), float(spread[0, 0] ** 2)


def _detect(
    detect: Callable[..., Any], picture: Picture, *milliseconds: int, place: people.Box = _WHOLE
) -> list[Person]:
    """Return the people that MediaPipe finds in a part of the picture."""
    import mediapipe as mp

    height, width = picture.shape[:2]
    left, right = (round(share * width) for share in (place[0], place[2]))
    top, bottom = (round(share * height) for share in (place[1], place[3]))
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    result = detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=part), *milliseconds)
    taken = left / width, top / height, right / width, bottom / height
    return [
        Person(
            np.array([(p.x, p.y, p.z, p.visibility, p.presence) for p in image], dtype=np.float32),
            np.array([(p.x, p.y, p.z) for p in world], dtype=np.float32),
            part.shape[1] / part.shape[0],
        ).from_region(taken, width / height)
        for image, world in zip(result.pose_landmarks, result.pose_world_landmarks, strict=True)
    ]


@contextmanager
def _landmarker(model: Path, settings: params.Pose, *, still: bool = False) -> Iterator[Any]:
    """Yield a landmarker: of one person through a video, or of everybody in a still picture."""
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.IMAGE if still else vision.RunningMode.VIDEO,
        num_poses=_PEOPLE if still else 1,
        min_pose_detection_confidence=settings.min_confidence,
        min_pose_presence_confidence=settings.min_confidence,
        min_tracking_confidence=settings.min_confidence,
    )
    try:
        landmarker = vision.PoseLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as e:
        raise BadInputError(
            f"{model}: MediaPipe refuses it ({e}); delete it and run `pushup-data pose-model`"
        ) from None
    with landmarker:
        yield landmarker


def _table(path: people.Path, light: npt.NDArray[np.float32]) -> pl.DataFrame:
    """Return tables.POSE."""
    frames = len(light)
    image = np.full((frames, tables.LANDMARKS, 5), np.nan, dtype=np.float32)
    world = np.full((frames, tables.LANDMARKS, 3), np.nan, dtype=np.float32)
    detected = np.zeros(frames, dtype=bool)
    image[path.frames], world[path.frames], detected[path.frames] = path.image, path.world, True
    columns = {
        "frame": np.arange(frames, dtype=np.int32),
        "detected": detected,
        **{name: image[:, :, k] for k, name in enumerate(("x", "y", "z", "visibility", "presence"))},
        **{name: world[:, :, k] for k, name in enumerate(("world_x", "world_y", "world_z"))},
        "luma": light[:, 0],
        "sharpness": light[:, 1],
    }
    data = {
        name: pl.Series(name, values, dtype=tables.POSE.columns[name]) for name, values in columns.items()
    }
    return tables.POSE.check(pl.DataFrame(data))


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what MediaPipe's C++ code writes to stderr: no log level silences its start-up lines."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
