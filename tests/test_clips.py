import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pushup_data import clips, landmarks, video
from pushup_data.errors import BadVideoError
from tests import figures, sources

UPPER_ARM = ("left_shoulder", "left_elbow")


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


def test_slow_motion_shows_the_same_frames_for_twice_as_long(source, tmp_path):
    clip, slow = tmp_path / "clip.mp4", tmp_path / "slow.mp4"
    clips.cut(source, 7, 27, 30000 / 1001, clip)
    clips.slow(clip, slow)
    assert numbers(slow) == numbers(clip)
    assert np.allclose(np.diff(times(slow)), 2 * 1001 / 30000, atol=1e-4)
    assert times(slow)[0] == pytest.approx(0, abs=1e-6)
    assert video.duration(slow) == pytest.approx(2 * 20 * 1001 / 30000, abs=1e-3)


def test_the_skeleton_is_drawn_where_the_body_is_in_every_frame(tmp_path):
    pose, _ = figures.push_up(reps=1, fps=25.0)
    start, frames = 11, 20
    source = sources.numbered(tmp_path / "v.mp4", size="320x180", codec=sources.H264)
    clip, drawn = tmp_path / "clip.mp4", tmp_path / "drawn.mp4"
    clips.cut(source, start, start + frames, 25, clip)
    clips.skeleton(clip, pose.cut(start, start + frames), 25, drawn)
    with av.open(str(drawn)) as shown, av.open(str(clip)) as plain:
        pairs = list(zip(shown.decode(video=0), plain.decode(video=0), strict=True))
    assert len(pairs) == frames
    for k, (with_skeleton, without) in enumerate(pairs):
        before, after = (f.to_ndarray(format="rgb24").astype(int) for f in (without, with_skeleton))
        changed = np.abs(after - before).max(axis=2) > 60
        assert 0.001 < changed.mean() < 0.1  # lines, and nothing else
        shoulder, elbow = pose.pixels(320, 180)[start + k, [landmarks.INDEX[n] for n in UPPER_ARM]]
        x, y = ((shoulder + elbow) / 2).round().astype(int)
        assert changed[y - 1 : y + 2, x - 1 : x + 2].any(), f"no upper arm in frame {k}"


def test_frames_without_a_person_stay_as_they_are(tmp_path):
    pose, _ = figures.push_up(reps=1, fps=25.0, dropouts=[(0, 10)])
    source = sources.numbered(tmp_path / "v.mp4", size="320x180")
    clips.cut(source, 0, 10, 25, tmp_path / "clip.mp4")
    clips.skeleton(tmp_path / "clip.mp4", pose.cut(0, 10), 25, tmp_path / "drawn.mp4")
    assert numbers(tmp_path / "drawn.mp4") == pytest.approx(numbers(tmp_path / "clip.mp4"), abs=1)


def test_frames_that_are_not_there(source, tmp_path):
    with pytest.raises(BadVideoError, match="only 10 of frames 50 to 70"):
        clips.cut(source, 50, 70, 30000 / 1001, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_no_video(tmp_path):
    (tmp_path / "v.mp4").write_text("not a video")
    with pytest.raises(BadVideoError, match=r"v\.mp4: ffmpeg says"):
        clips.cut(tmp_path / "v.mp4", 0, 5, 25, tmp_path / "clip.mp4")
