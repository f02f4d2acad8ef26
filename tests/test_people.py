import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import landmarks, people
from pushup_data.people import Person
from tests import figures

ASPECT = figures.WIDTH / figures.HEIGHT
POSE, _ = figures.push_up(reps=2, fps=10)
STILL, _ = figures.push_up(reps=1, bottom=168.0, fps=10)


def person(frame=0, *, pose=POSE, scale=1.0, x=0.0, y=0.0):
    """A figure's frame, smaller or larger about the picture's top left, then moved."""
    image = np.zeros((33, 5), dtype=np.float32)
    image[:, :2] = pose.xy[frame] * scale + [x, y]
    image[:, 2] = pose.z[frame]
    image[:, 3] = pose.visibility[frame]
    image[:, 4] = 0.99
    return Person(image, pose.world[frame].astype(np.float32), ASPECT)


def path(frames, **changes):
    pose = changes.get("pose", POSE)
    made = people.Path()
    for i in range(frames):
        made.add(i, person(i % len(pose), **changes))
    return made


def shoulders_x(found):
    return float(np.median(found.image[:, 11:13, 0]))


def same(one, other):
    return np.allclose(one.image, other.image, atol=1e-6) and np.allclose(one.world, other.world, atol=1e-6)


def test_a_mirror_image_keeps_left_and_right():
    real = person(5, scale=0.5, x=0.1)
    mirror = real.mirrored()
    assert same(mirror.mirrored(), real)
    left, right = landmarks.INDEX["left_wrist"], landmarks.INDEX["right_wrist"]
    assert mirror.image[left, 0] == pytest.approx(1 - real.image[right, 0])
    assert mirror.world[left, 0] == pytest.approx(-real.world[right, 0])
    assert mirror.image[left, 1:] == pytest.approx(real.image[right, 1:])
    assert (mirror.box()[0], mirror.box()[2]) == pytest.approx((1 - real.box()[2], 1 - real.box()[0]))


def test_a_second_look_at_the_same_person_counts_as_much():
    here, there = person(scale=0.5, x=0.1), person(scale=0.5, x=0.12)
    assert same(here.with_second(there), person(scale=0.5, x=0.11))
    assert same(here.with_second(there), there.with_second(here))


def test_a_second_look_at_somebody_else_counts_nothing():
    here, elsewhere = person(scale=0.4), person(scale=0.4, x=0.5)
    assert here.with_second(elsewhere) is here


def test_a_second_look_that_takes_left_for_right_counts_nothing():
    """From the side both arms are at one place in the picture: only the depth tells."""
    here = person()
    assert not same(here, Person(here.image, here.world[landmarks.MIRRORED], ASPECT))
    swapped = Person(here.image.copy(), here.world[landmarks.MIRRORED], ASPECT)
    assert here.with_second(swapped) is here


def test_a_second_body_on_the_first_one_is_nobody():
    real = person()
    on_its_arm = person(scale=0.3, x=0.45, y=0.4)
    on_its_arm.image[:, 3] -= 0.1
    outside = person(x=0.7)
    beside = person(scale=0.3, x=0.0, y=0.0)
    assert people.distinct([on_its_arm, real]) == [real]
    assert people.distinct([real, outside]) == [real]
    assert len(people.distinct([real, beside])) == 2


def test_two_people_have_two_regions_and_one_has_one():
    left, right = {"scale": 0.45}, {"scale": 0.45, "x": 0.55}
    both = [[person(i, **left), person(i, **right)] for i in range(6)]
    found = people.regions(both)
    assert len(found) == 2
    for (x0, y0, x1, y1), who in zip(sorted(found), (left, right), strict=True):
        for i in range(6):
            a, b, c, d = person(i, **who).box()
            assert (x0 <= a, y0 <= b, c <= x1, d <= y1) == (True,) * 4
    alone = [[person(i, **left)] for i in range(6)]
    assert len(people.regions(alone)) == 1


def test_a_body_seen_once_is_invented():
    samples = [[person(i, scale=0.45)] for i in range(6)]
    samples[3].append(person(scale=0.3, x=0.65, y=0.6))
    assert len(people.regions(samples)) == 1
    assert people.regions([[], [], [person()]]) == []
    assert people.regions([]) == []


@pytest.mark.parametrize("order", [1, -1])
def test_the_one_who_moves_is_chosen(order):
    moving, still = path(20, scale=0.45), path(20, scale=0.45, x=0.5, pose=STILL)
    found, sure = people.choose([moving, still][::order], 20)
    assert sure
    assert shoulders_x(found) == shoulders_x(moving)


def test_who_walks_about_upright_is_not_chosen():
    standing = people.Path()
    for i in range(20):
        up = person(0, scale=0.45, x=0.5, y=0.02 * i)
        standing.add(i, Person(up.image, up.world[:, [1, 0, 2]], ASPECT))  # the trunk points up
    moving = path(20, scale=0.45)
    found, sure = people.choose([standing, moving], 20)
    assert sure
    assert shoulders_x(found) == shoulders_x(moving)


def test_two_alike_are_doubtful_unless_one_is_much_larger():
    found, sure = people.choose([path(20, scale=0.45), path(20, scale=0.5, x=0.5)], 20)
    assert not sure
    assert shoulders_x(found) > 0.5
    found, sure = people.choose([path(20, scale=0.2), path(20, scale=0.5, x=0.5)], 20)
    assert sure
    assert shoulders_x(found) > 0.5


def test_one_person_followed_twice_is_one():
    found, sure = people.choose([path(20, scale=0.5), path(18, scale=0.5, x=0.005)], 20)
    assert sure
    assert len(found) == 20
    nobody, sure = people.choose([people.Path(), people.Path()], 20)
    assert (len(nobody), sure) == (0, True)


@given(st.lists(st.integers(0, 5000), unique=True, max_size=3000).map(sorted))
@settings(deadline=None)
def test_a_path_holds_what_was_put_in(frames):
    made = people.Path()
    for frame in frames:
        made.add(frame, person(frame % len(POSE)))
    assert len(made) == len(frames)
    assert made.frames.tolist() == frames
    assert made.image.shape == (len(frames), 33, 5)
    for at in {0, len(frames) // 2, len(frames) - 1} if frames else ():
        assert np.array_equal(made.image[at], person(frames[at] % len(POSE)).image)
        assert np.array_equal(made.world[at], person(frames[at] % len(POSE)).world)


@given(
    region=st.tuples(*[st.floats(0, 0.45)] * 2, *[st.floats(0.55, 1)] * 2),
    aspect=st.floats(0.4, 2.5),
)
@settings(deadline=None)
def test_seen_in_a_part_or_in_the_whole_is_the_same(region, aspect):
    left, top, right, bottom = region
    whole = person()
    part = Person(whole.image.copy(), whole.world, 1.0)
    part.image[:, 0] = (whole.image[:, 0] - left) / (right - left)
    part.image[:, 1] = (whole.image[:, 1] - top) / (bottom - top)
    part.image[:, 2] = whole.image[:, 2] / (right - left)
    back = part.from_region(region, aspect)
    assert np.allclose(back.image, whole.image, atol=1e-5)
    assert back.aspect == aspect
