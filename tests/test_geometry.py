import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushup_data import geometry

degrees = st.floats(-175, 175)


def towards(angle: float, length: float = 1.0):
    """One vector in the picture, y down, `angle` degrees above the x axis."""
    radians = np.radians(angle)
    return length * np.array([[np.cos(radians), -np.sin(radians)]])


@given(st.floats(0, 180), degrees, st.floats(0.1, 10))
def test_an_angle_does_not_depend_on_place_turn_and_size(angle, turn, length):
    joint = np.array([[3.0, -2.0]])
    a, b = joint + towards(turn, length), joint + towards(turn + angle)
    assert geometry.angle(a, joint, b)[0] == pytest.approx(angle, abs=1e-4)


@given(st.floats(-80, 80), st.sampled_from([1, -1]))
def test_above_is_positive_whichever_way_the_line_points(angle, way):
    line = np.array([[float(way), 0.0]])
    vector = towards(angle) * [[way, 1]]
    assert geometry.above(vector, line)[0] == pytest.approx(angle, abs=1e-6)


@given(st.floats(-1, 1), st.floats(0.1, 0.9), st.sampled_from([1, -1]))
def test_off_the_line_in_shares_of_its_length(height, share, way):
    start, end = np.array([[0.0, 5.0]]), np.array([[4.0 * way, 5.0]])
    point = start + share * (end - start) - [[0, 4 * height]]
    assert geometry.off_line(point, start, end)[0] == pytest.approx(height)


@given(st.floats(-60, 60), st.floats(-30, 30), st.sampled_from([1, -1]))
def test_a_tilted_camera_does_not_turn_one_line_against_another(tilt, camera, way):
    """Lines go from right to left; seen from behind the left end is left, from the front it is right."""
    reference, line = (towards(camera) * way, towards(camera + tilt) * way)
    assert geometry.turned(line, reference)[0] == pytest.approx(tilt * way)


def test_a_vector_without_length_divides_nothing():
    none = np.zeros((1, 2))
    assert np.isfinite(geometry.unit(none)).all()
    assert np.isfinite(geometry.ratio(towards(0), none)).all()
    assert np.isfinite(geometry.angle(none, none, none)).all()
