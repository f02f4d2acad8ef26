"""One short clip per rep, cut to the frame, and its renditions for Label Studio.

Where Label Studio plays a rep, nothing can be drawn over it or slowed down by a key: scripts are not allowed.
So both are files of their own beside the clip, and boxes show one or the other.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pushup_data import ffmpeg, files, landmarks, video
from pushup_data.errors import BadVideoError

SLOWER = 2  # how many times as long the slow renditions last

# No B-frames: their reordering would need an edit list for the first frame to start at 0.
_ENCODED = "-an -map_metadata -1 -c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p -bf 0".split()
# Red, green, blue, opacity: the left side of the body orange, the right one blue, the rest white.
_LEFT, _RIGHT, _MIDDLE = (255, 140, 0, 255), (0, 190, 255, 255), (255, 255, 255, 255)
_OUTLINE = (0, 0, 0, 160)  # shows bright bones on bright clothes


def cut(source: Path, start: int, end: int, fps: float, target: Path) -> None:
    """Write frames [start, end) of a normalised video as an mp4 of its own, at the same rate.

    Raises BadVideoError where the video has not all of these frames or cannot be decoded.
    """
    rate = Fraction(fps).limit_denominator(1001)
    # Half a frame early: rounding of times must neither lose the first frame nor let its predecessor in.
    seek = ["-ss", f"{(start - 0.5) / fps:.6f}"] if start else []
    frames = end - start
    with files.atomic_path(target) as temporary:
        selected = [*seek, "-i", str(source), "-frames:v", str(frames)]
        timed = ["-vf", f"setpts=N/({rate})/TB", "-r", str(rate)]
        ffmpeg.run([*selected, *timed, *_ENCODED, "-movflags", "+faststart", str(temporary)], source)
        written = len(video.timestamps(temporary))
        if written != frames:
            text = f"{source.name}: only {written} of frames {start} to {end} could be cut; ingest it again"
            raise BadVideoError("truncated", text)


def skeleton(clip: Path, pose: landmarks.Pose, fps: float, target: Path) -> None:
    """Write a clip with the skeleton drawn in; `pose` is that of the clip's frames."""
    shown = video.probe(clip)
    width, height = shown.width, shown.height
    rate = str(Fraction(fps).limit_denominator(1001))
    drawn = f"-f rawvideo -pix_fmt rgba -s {width}x{height} -r {rate} -i pipe:0".split()
    over = ["-filter_complex", "[0:v][1:v]overlay=format=auto:shortest=1", "-r", rate]
    with files.atomic_path(target) as temporary:
        ffmpeg.run(
            ["-i", str(clip), *drawn, *over, *_ENCODED, "-movflags", "+faststart", str(temporary)],
            clip,
            (picture.tobytes() for picture in _skeletons(pose, width, height)),
        )


def slow(clip: Path, target: Path) -> None:
    """Write a clip's pictures with SLOWER times as long between them, without encoding them again."""
    with files.atomic_path(target) as temporary:
        # Not -itsscale: it leaves the last frame as short as it was.
        stretched = f"setts=pts=PTS*{SLOWER}:dts=DTS*{SLOWER}:duration=DURATION*{SLOWER}"
        copied = ["-i", str(clip), "-c", "copy", "-bsf:v", stretched]
        ffmpeg.run([*copied, "-movflags", "+faststart", str(temporary)], clip)


def _skeletons(pose: landmarks.Pose, width: int, height: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield (height, width, 4) of every frame: the skeleton on nothing."""
    thick = max(2, round(min(width, height) / 180))
    for points in pose.pixels(width, height):
        picture = np.zeros((height, width, 4), np.uint8)
        bones = [(a, b) for a, b in landmarks.SHOWN_EDGES if np.isfinite(points[[a, b]]).all()]
        for outline in (True, False):
            for a, b in bones:
                colour = _OUTLINE if outline else _colour(a, b)
                cv2.line(picture, _at(points[a]), _at(points[b]), colour, thick + 2 * outline)
        yield picture


def _colour(a: int, b: int) -> tuple[int, int, int, int]:
    sides = {landmarks.NAMES[i].split("_")[0] for i in (a, b)}
    return _LEFT if sides == {"left"} else _RIGHT if sides == {"right"} else _MIDDLE


def _at(point: landmarks.Floats) -> tuple[int, int]:
    x, y = point.round().clip(-9999, 9999)  # far outside is outside
    return int(x), int(y)
