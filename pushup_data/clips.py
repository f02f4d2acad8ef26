"""One short clip per rep, cut to the frame, and the same clip many times over for Label Studio.

Label Studio cannot play a video in a loop by itself, so what it plays holds the rep several times.
"""

import math
from fractions import Fraction
from pathlib import Path

from pushup_data import files, video
from pushup_data.errors import BadVideoError

# No B-frames: their reordering would leave a gap where `loop` joins the copies.
_ENCODED = "-an -map_metadata -1 -c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p -bf 0".split()


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
        video.ffmpeg([*selected, *timed, *_ENCODED, "-movflags", "+faststart", str(temporary)], source)
        written = len(video.timestamps(temporary))
        if written != frames:
            text = f"{source.name}: only {written} of frames {start} to {end} could be cut; ingest it again"
            raise BadVideoError("truncated", text)


def loop(clip: Path, target: Path, seconds: float) -> None:
    """Write the clip as often as needed to last `seconds`, at least once, without encoding it again."""
    passes = max(1, math.ceil(seconds / video.duration(clip)))
    with files.atomic_path(target) as temporary:
        repeated = ["-stream_loop", str(passes - 1), "-i", str(clip), "-c", "copy"]
        video.ffmpeg([*repeated, "-movflags", "+faststart", str(temporary)], clip)
