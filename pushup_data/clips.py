"""One short clip per rep, cut to the frame, and the same clip many times over for Label Studio.

Label Studio cannot play a video in a loop by itself, so what it plays holds the rep several times.
"""

import math
import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from pushup_data import tables
from pushup_data.errors import BadVideoError

# No B-frames: their reordering would leave a gap where `loop` joins the copies.
_ENCODED = "-an -map_metadata -1 -c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p -bf 0".split()
_QUIET = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-protocol_whitelist", "file"]


def cut(video: Path, start: int, end: int, fps: float, target: Path) -> None:
    """Write frames [start, end) of a normalised video as an mp4 of its own, at the same rate.

    Raises BadVideoError where the video has not all of these frames or cannot be decoded.
    """
    rate = Fraction(fps).limit_denominator(1001)
    # Half a frame early: rounding of times must neither lose the first frame nor let its predecessor in.
    seek = ["-ss", f"{(start - 0.5) / fps:.6f}"] if start else []
    frames = end - start
    with tables.atomic_path(target) as temporary:
        selected = [*seek, "-i", str(video), "-frames:v", str(frames)]
        timed = ["-vf", f"setpts=N/({rate})/TB", "-r", str(rate)]
        _ffmpeg([*selected, *timed, *_ENCODED, "-movflags", "+faststart", str(temporary)], video)
        written = packets(temporary)
        if written != frames:
            text = f"{video.name}: only {written} of frames {start} to {end} could be cut; ingest it again"
            raise BadVideoError("truncated", text)


def loop(clip: Path, target: Path, seconds: float) -> None:
    """Write the clip as often as needed to last `seconds`, at least once, without encoding it again."""
    passes = max(1, math.ceil(seconds / duration(clip)))
    with tables.atomic_path(target) as temporary:
        repeated = ["-stream_loop", str(passes - 1), "-i", str(clip), "-c", "copy"]
        _ffmpeg([*repeated, "-movflags", "+faststart", str(temporary)], clip)


def packets(path: Path) -> int:
    """Count the frames of an mp4 without decoding them."""
    import av

    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def duration(path: Path) -> float:
    """Return an mp4's length in seconds."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return float(stream.duration * stream.time_base)


def _ffmpeg(arguments: list[str], source: Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *_QUIET, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode != 0:
        last = " ".join(result.stderr.strip().splitlines()[-1:])
        raise BadVideoError("undecodable", f"{source.name}: ffmpeg says: {last}; is the file damaged?")
