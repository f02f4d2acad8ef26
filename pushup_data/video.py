"""One video: what is in it, and how it becomes an upright H.264 mp4 at a constant frame rate.

Frame k of the normalised video starts at k / fps, for every k from 0: so a decoder, the pose table and
Label Studio count the same frames.
"""

import math
import statistics
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from pushup_data import ffmpeg, files, params
from pushup_data.errors import BadVideoError

VERSION = 1  # raise it when the same input would give another output: every video is then made again
SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm")

_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "avi", "matroska,webm"}
_STANDARD = [Fraction(n) for n in (5, 6, 8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60)]
_STANDARD += [Fraction(n * 1000, 1001) for n in (24, 30, 60)]
_MAX_RATE = Fraction(60)  # above it frames are left out: push-ups are slow
_MIN_DECODED = 0.9  # share of the announced frames that must decode
_ENCODED = (
    "-an -sn -dn -map_metadata -1 -map_chapters -1 -c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p"
)
_MP4 = "-movflags +faststart -fflags +bitexact -flags:v +bitexact -f mp4"


@dataclass(frozen=True)
class Probe:
    """What a raw video holds, without decoding more than its first frame."""

    codec: str
    pixels: str  # pixel format
    width: int  # as stored, before rotation
    height: int
    rotation: int  # degrees
    aspect: Fraction  # of a pixel, width to height
    interlaced: bool
    times: tuple[Fraction, ...]  # of the frames, in seconds, ascending
    tick: Fraction  # resolution of these times
    announced: int  # frames that the container says it has; 0: it does not say
    hidden: bool  # an edit list hides frames
    index: int  # of the video stream

    @cached_property
    def interval(self) -> Fraction:
        """Median time between frames, in seconds."""
        gaps = [b - a for a, b in zip(self.times, self.times[1:], strict=False)]
        return statistics.median(gaps) if gaps else Fraction(1, 25)

    @cached_property
    def uniform(self) -> bool:
        """Whether all frames are equally long, but for the rounding of their times."""
        slack = self.tick + self.interval / 50
        mean = (self.times[-1] - self.times[0]) / max(1, len(self.times) - 1)
        return all(abs(t - self.times[0] - i * mean) <= slack for i, t in enumerate(self.times))

    @cached_property
    def rate(self) -> Fraction:
        """Frames per second of the normalised video: the source's own where it is constant."""
        mean = (self.times[-1] - self.times[0]) / max(1, len(self.times) - 1) or self.interval
        found = 1 / (mean if self.uniform else self.interval)
        nearest = min(_STANDARD, key=lambda s: abs(s - found))
        if not self.uniform or abs(nearest - found) <= found / 500:
            return nearest
        return min(found.limit_denominator(1001), _MAX_RATE)


@dataclass(frozen=True)
class Normalised:
    """What became of a video; the fields are columns of tables.VIDEOS."""

    fps: float
    frames: int
    width: int
    height: int
    copied: bool
    source_fps: float
    source_frames: int
    repeated: int
    dropped: int

    def row(self) -> dict[str, Any]:
        """Return it as a part of a table's row."""
        return asdict(self)


def normalise(source: Path, target: Path, limits: params.Ingest) -> Normalised:
    """Write `source` as an upright H.264 yuv420p mp4 at a constant rate, without sound or metadata.

    A stream that is all that already is copied. Raises BadVideoError (reasons: not_video, empty,
    undecodable, damaged, too_long) and leaves no file then; another PushupDataError where the machine fails.
    """
    found = probe(source)
    length = float(found.times[-1] - found.times[0] + found.interval)
    if length > limits.max_duration_s:
        text = (
            f"{source.name}: lasts {length:.0f} s, more than ingest.max_duration_s; cut it or raise the limit"
        )
        raise BadVideoError("too_long", text)
    width, height = size(found, limits.max_lines)
    with files.atomic_path(target) as temporary:
        copied = complies(found, limits.max_lines) and _copy(source, temporary, found)
        if not copied:
            _encode(source, temporary, found, (width, height))
        frames = _verified(source, temporary, found.rate)
    shown = {math.floor((t - found.times[0]) * found.rate + Fraction(1, 2)) for t in found.times}
    if not copied and frames < _MIN_DECODED * (max(shown) + 1):
        target.unlink()
        text = (
            f"{source.name}: only {frames} of {max(shown) + 1} frames can be decoded; copy or export it again"
        )
        raise BadVideoError("damaged", text)
    distinct = len({index for index in shown if index < frames})
    mean = (found.times[-1] - found.times[0]) / max(1, len(found.times) - 1) or found.interval
    return Normalised(
        fps=float(found.rate),
        frames=frames,
        width=width,
        height=height,
        copied=copied,
        source_fps=round(float(1 / mean), 3),
        source_frames=len(found.times),
        repeated=frames - distinct,
        dropped=len(found.times) - distinct,
    )


def probe(path: Path) -> Probe:
    """Read a video's packets and decode its first frame. Raises BadVideoError."""
    import av

    if path.stat().st_size == 0:
        raise BadVideoError("empty", f"{path.name}: the file is empty; copy it again")
    try:
        with _open(path) as container:
            stream = _stream(path, container)
            index = int(stream.index)
            first = next(container.decode(stream), None)
            if first is None:
                text = f"{path.name}: no frame can be decoded; copy or export it again"
                raise BadVideoError("undecodable", text)
        with _open(path) as container:
            stream = container.streams[index]
            tick = Fraction(stream.time_base)
            marks: set[int] = set()
            hidden = False
            for packet in container.demux(stream):
                mark = packet.pts if packet.pts is not None else packet.dts
                if packet.size and mark is not None:
                    hidden |= packet.is_discard
                    marks.update([] if packet.is_discard else [mark])
            if not marks:
                raise BadVideoError("empty", f"{path.name}: holds no frame; copy or export it again")
            return Probe(
                codec=stream.codec_context.name,
                pixels=first.format.name,
                width=first.width,
                height=first.height,
                rotation=int(first.rotation) % 360,
                aspect=Fraction(stream.sample_aspect_ratio or 1),
                interlaced=bool(first.interlaced_frame),
                times=tuple(mark * tick for mark in sorted(marks)),
                tick=tick,
                announced=stream.frames,
                hidden=hidden,
                index=index,
            )
    except av.error.FFmpegError as e:
        text = f"{path.name}: cannot be read as a video ({e.strerror}); copy or export it again"
        raise BadVideoError("undecodable", text) from None


def _open(path: Path) -> Any:
    """Open a file as a video, never what it may point to; names in it may be in any encoding."""
    import av

    return av.open(ffmpeg.url(path), options={"protocol_whitelist": "file"}, metadata_errors="replace")


def _stream(path: Path, container: Any) -> Any:
    """Return the first moving picture of a container that we take."""
    from av.stream import Disposition

    kind = container.format
    if kind.name not in _CONTAINERS:
        text = f"{path.name}: is {kind.long_name}, not mp4, mov, avi, mkv or webm; convert it"
        raise BadVideoError("not_video", text)
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise BadVideoError("not_video", f"{path.name}: holds no video stream; is it a sound recording?")
    return moving[0]


def size(found: Probe, max_lines: int) -> tuple[int, int]:
    """Return width and height in pixels: upright, square pixels, even, at most `max_lines` the shorter."""
    width, height = float(found.width * found.aspect), float(found.height)
    if found.rotation % 180 == 90:
        width, height = height, width
    scale = min(1.0, max_lines / min(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def complies(found: Probe, max_lines: int) -> bool:
    """Whether the stream needs no encoding."""
    return (
        found.codec == "h264"
        and found.pixels == "yuv420p"
        and found.rotation == 0
        and found.aspect == 1
        and not found.interlaced
        and not found.hidden
        and found.uniform
        and found.times[0] == 0
        and found.announced in (0, len(found.times))
        and found.rate <= _MAX_RATE
        and size(found, max_lines) == (found.width, found.height)
    )


def timestamps(path: Path) -> list[Fraction]:
    """Return the times of an mp4's frames in seconds, ascending, without decoding them."""
    import av

    with av.open(ffmpeg.url(path)) as container:
        stream = container.streams.video[0]
        return sorted(p.pts * stream.time_base for p in container.demux(stream) if p.size)


def duration(path: Path) -> float:
    """Return an mp4's length in seconds, as its video track says."""
    import av

    with av.open(ffmpeg.url(path)) as container:
        stream = container.streams.video[0]
        return float(stream.duration * stream.time_base)


def _copy(source: Path, target: Path, found: Probe) -> bool:
    """Copy the stream; False where the copy does not decode cleanly, frame for frame."""
    how = f"-map 0:{found.index} -map_metadata -1 -map_chapters -1 -c copy {_MP4}"
    ffmpeg.run(["-i", ffmpeg.url(source), *how.split(), ffmpeg.url(target)], source)
    try:
        complaints = ffmpeg.run(["-xerror", "-i", ffmpeg.url(target), "-f", "null", "-"], source)
    except BadVideoError:
        return False
    even = _steady(timestamps(target), found.rate)
    return even and not complaints and len(timestamps(target)) == len(found.times) == _decoded(target)


def _encode(source: Path, target: Path, found: Probe, shape: tuple[int, int]) -> None:
    rate = found.rate
    filters = ["setpts=PTS-STARTPTS", *(["bwdif"] if found.interlaced else []), f"fps={rate}"]
    filters += [f"scale={shape[0]}:{shape[1]}:out_range=tv", "setsar=1", "format=yuv420p"]
    # No rate conversion behind the filter's: it alone decides which frames are shown twice or left out.
    chosen = [
        "-i",
        ffmpeg.url(source),
        "-map",
        f"0:{found.index}",
        "-vf",
        ",".join(filters),
        "-fps_mode",
        "passthrough",
    ]
    ffmpeg.run([*chosen, *_ENCODED.split(), *_MP4.split(), ffmpeg.url(target)], source)


def _verified(source: Path, target: Path, rate: Fraction) -> int:
    """Return the frame count; raise where decoder and Label Studio would count differently."""
    times = timestamps(target)
    if not times:
        text = f"{source.name}: no frame can be decoded; copy or export it again"
        raise BadVideoError("undecodable", text)
    if not _steady(times, rate) or round(duration(target) * float(rate)) != len(times):
        text = f"{source.name}: its frames cannot be put at a steady rate; export it again, as mp4"
        raise BadVideoError("undecodable", text)
    return len(times)


def _steady(times: list[Fraction], rate: Fraction) -> bool:
    """Whether frame k starts at k / rate, to within a tenth of a frame."""
    return all(math.isclose(float(t * rate), k, abs_tol=0.1) for k, t in enumerate(times))


def _decoded(path: Path) -> int:
    import av

    with av.open(ffmpeg.url(path)) as container:
        return sum(1 for _ in container.decode(video=0))
