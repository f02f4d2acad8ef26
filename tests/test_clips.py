import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pushup_data import clips, video
from pushup_data.errors import BadVideoError
from tests import sources


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return sources.numbered(tmp_path_factory.mktemp("clips") / "v.mp4", rate="30000/1001")


def numbers(path) -> list[int]:
    with av.open(str(path)) as container:
        means = [float(f.to_ndarray(format="gray").mean()) for f in container.decode(video=0)]
    return [round((m - 40) / 3) for m in means]


def times(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.array([float(f.pts * f.time_base) for f in container.decode(video=0)])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, sources.FRAMES - 1), st.integers(1, sources.FRAMES))
def test_a_clip_holds_exactly_its_frames(source, tmp_path, start, length):
    end = min(sources.FRAMES, start + length)
    target = tmp_path / "clip.mp4"
    clips.cut(source, start, end, 30000 / 1001, target)
    whole = numbers(source)
    assert whole == sorted(set(whole))  # the frames can be told apart
    assert numbers(target) == whole[start:end]


def test_a_loop_repeats_the_clip_at_a_steady_rate(source, tmp_path):
    clip, looped = tmp_path / "clip.mp4", tmp_path / "loop.mp4"
    clips.cut(source, 7, 27, 30000 / 1001, clip)
    clips.loop(clip, looped, seconds=3)
    assert numbers(looped) == numbers(clip) * 5  # 20 frames last 0.67 s
    assert np.allclose(np.diff(times(looped)), 1001 / 30000, atol=1e-4)
    assert times(looped)[0] == pytest.approx(0, abs=1e-6)
    assert len(video.timestamps(looped)) == 100
    assert video.duration(looped) == pytest.approx(100 * 1001 / 30000, abs=1e-3)


def test_a_clip_longer_than_asked_is_there_once(source, tmp_path):
    clips.loop(source, tmp_path / "loop.mp4", seconds=0)
    assert len(video.timestamps(tmp_path / "loop.mp4")) == sources.FRAMES


def test_frames_that_are_not_there(source, tmp_path):
    with pytest.raises(BadVideoError, match="only 10 of frames 50 to 70"):
        clips.cut(source, 50, 70, 30000 / 1001, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_no_video(tmp_path):
    (tmp_path / "v.mp4").write_text("not a video")
    with pytest.raises(BadVideoError, match=r"v\.mp4: ffmpeg says"):
        clips.cut(tmp_path / "v.mp4", 0, 5, 25, tmp_path / "clip.mp4")
