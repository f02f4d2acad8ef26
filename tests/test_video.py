import random
from pathlib import Path

import av
import pytest

from pushup_data import ffmpeg, video
from pushup_data.errors import BadVideoError, PushupDataError
from tests import sources


@pytest.fixture
def limits(default_params):
    return default_params.ingest.model_copy(update={"max_duration_s": 60, "time_limit_s": 60})


@pytest.fixture
def normalise(tmp_path, limits):
    def run(source, **changes):
        target = tmp_path / "normalised" / "v.mp4"
        return video.normalise(source, target, limits.model_copy(update=changes)), target

    return run


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]


def check(made, target):
    """What every accepted video must be: frames counted by decoding, by time and by the table are one."""
    assert len(decoded(target)) == made.frames
    assert round(video.duration(target) * made.fps) == made.frames
    times = [float(t) for t in video.timestamps(target)]
    assert times == pytest.approx([k / made.fps for k in range(made.frames)], abs=0.1 / made.fps)
    with av.open(str(target)) as container:
        (stream,) = container.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (made.width, made.height)
        assert next(container.decode(stream)).rotation == 0


def test_a_complying_stream_is_copied(tmp_path, normalise):
    source = sources.numbered(tmp_path / "a.mp4")
    made, target = normalise(source)
    check(made, target)
    assert made.copied
    assert decoded(target) == decoded(source)


@pytest.mark.parametrize("rate", ["10", "24000/1001", "30000/1001", "30", "50", "60"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_every_constant_rate_keeps_every_frame(tmp_path, normalise, rate, suffix):
    made, target = normalise(sources.numbered(tmp_path / f"a.{suffix}", rate=rate))
    check(made, target)
    assert (made.frames, made.repeated, made.dropped) == (sources.FRAMES, 0, 0)
    numerator, _, denominator = rate.partition("/")
    assert made.fps == pytest.approx(int(numerator) / int(denominator or 1))


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mov", "-c:v mpeg4 -q:v 2"),
        ("a.avi", "-c:v mpeg4 -q:v 2"),
        ("a.avi", "-c:v mjpeg -pix_fmt yuvj420p -q:v 2"),
        ("a.webm", "-c:v libvpx-vp9 -crf 20 -b:v 0 -cpu-used 8 -pix_fmt yuv420p"),
        ("a.mp4", "-c:v libx264 -pix_fmt yuv444p"),
        ("a.mp4", "-c:v libx264 -pix_fmt yuv420p10le"),
    ],
)
def test_other_formats_are_encoded(tmp_path, normalise, name, codec):
    made, target = normalise(sources.numbered(tmp_path / name, codec=codec))
    check(made, target)
    assert not made.copied
    assert made.frames == sources.FRAMES


def test_a_variable_rate_is_resampled_in_time(tmp_path, normalise):
    source = sources.variable(tmp_path / "a.mp4")
    made, target = normalise(source)
    check(made, target)
    assert (made.copied, made.fps, made.dropped) == (False, 25, 0)
    assert made.frames - made.repeated == made.source_frames == len(decoded(source))
    # Frame k shows what was on screen at k / 25: in the second part every source frame stays for seven.
    black = decoded(source)[0]
    shown = [round((level - black) / 3 * 0.86) for level in decoded(target)]
    assert shown[:20] == sorted(set(shown[:20]))
    assert len(set(shown[21:28])) == 1


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_video_stands_upright(tmp_path, normalise, degrees):
    made, target = normalise(sources.turned(tmp_path / "a.mp4", degrees))
    check(made, target)
    assert (made.width, made.height) == ((48, 64) if degrees % 180 else (64, 48))
    assert made.frames == sources.FRAMES


def test_odd_sizes_become_even_and_large_ones_smaller(tmp_path, normalise):
    odd = sources.numbered(tmp_path / "a.mkv", size="65x49", codec="-c:v libx264 -pix_fmt yuv444p")
    made, target = normalise(odd)
    check(made, target)
    assert (made.width, made.height) == (64, 48)
    made, target = normalise(sources.numbered(tmp_path / "b.mp4", size="400x300"), max_lines=120)
    check(made, target)
    assert (made.width, made.height) == (160, 120)


def test_a_start_hidden_by_an_edit_list_stays_hidden(tmp_path, normalise):
    whole = sources.numbered(tmp_path / "a.mp4")
    source = tmp_path / "b.mp4"
    sources.ffmpeg("-ss", "0.4", "-i", str(whole), "-c", "copy", str(source))
    made, target = normalise(source)
    check(made, target)
    assert made.frames == sources.FRAMES - 10
    assert decoded(target)[0] == pytest.approx(decoded(whole)[10], abs=1)


def test_too_fast_a_rate_is_reduced_and_says_so(tmp_path, normalise):
    made, target = normalise(sources.numbered(tmp_path / "a.mp4", rate="120"))
    check(made, target)
    assert (made.fps, made.frames, made.dropped) == (60, 30, 30)


def hostile(folder):
    good = sources.numbered(folder / "good.mp4").read_bytes()
    sound = folder / "sound.mp4"
    sources.ffmpeg("-f", "lavfi", "-i", "sine=d=1", str(sound))
    flat = folder / "flat.mp4"
    sources.ffmpeg("-f", "lavfi", "-i", "color=red:s=64x48:d=1", "-f", "mpegts", str(flat))
    yield "empty", "empty", b""
    yield "text", "undecodable", b"this is no video\n" * 100
    yield "truncated", "undecodable", good[: len(good) // 2]
    yield "zeros", "undecodable", bytes(50_000)
    yield "sound", "not_video", sound.read_bytes()
    yield "stream", "not_video", flat.read_bytes()
    yield "playlist", "undecodable", b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n"
    yield "concat", "undecodable", b"ffconcat version 1.0\nfile 'good.mp4'\n"


def test_hostile_files_are_refused_with_a_reason_and_leave_nothing(tmp_path, normalise):
    for name, reason, content in hostile(tmp_path):
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(content)
        with pytest.raises(BadVideoError) as raised:
            normalise(path)
        assert raised.value.reason in (reason, "not_video"), name
        assert f"{name}.mp4" in str(raised.value)
    assert list((tmp_path / "normalised").glob("*")) == []


def test_too_long_a_video_is_refused_before_it_is_encoded(tmp_path, normalise):
    with pytest.raises(BadVideoError, match="max_duration_s") as raised:
        normalise(sources.numbered(tmp_path / "a.mp4"), max_duration_s=2)
    assert raised.value.reason == "too_long"


def test_damaged_files_are_refused_or_come_out_whole(tmp_path, normalise):
    """Random damage: whatever is accepted is sound; nothing but BadVideoError is raised."""
    chance = random.Random(0)
    good = sources.numbered(tmp_path / "good.mkv", size="160x120").read_bytes()
    accepted = 0
    for number in range(15):
        data = bytearray(good)
        for _ in range(chance.choice([1, 5, 50])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path = tmp_path / f"damaged{number}.mkv"
        path.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        try:
            made, target = normalise(path)
        except BadVideoError:
            continue
        check(made, target)
        accepted += 1
    assert 0 < accepted < 15


def test_a_full_disk_is_not_held_against_the_file(tmp_path):
    """/dev/full is a disk without room: ffmpeg's own words are understood."""
    source = sources.numbered(tmp_path / "a.mp4")
    with pytest.raises(PushupDataError, match=r"a\.mp4: .*No space left on device.* run it again") as raised:
        ffmpeg.run(["-i", str(source), "-c", "copy", "-f", "matroska", "/dev/full"], source)
    assert not isinstance(raised.value, BadVideoError)


def test_a_colon_in_a_name_makes_it_no_address(tmp_path, monkeypatch, limits):
    monkeypatch.chdir(tmp_path)
    sources.numbered(Path("10.mp4")).rename("10:30.mp4")
    made = video.normalise(Path("10:30.mp4"), tmp_path / "v.mp4", limits)
    check(made, tmp_path / "v.mp4")
    assert made.copied
    encoded = video.normalise(
        Path("10:30.mp4"), tmp_path / "w.mp4", limits.model_copy(update={"max_lines": 40})
    )
    assert not encoded.copied
