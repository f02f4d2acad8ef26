import numpy as np

from pushup_data import landmarks


def test_names_are_mediapipes():
    from mediapipe.tasks.python.vision import PoseLandmark

    assert [n.upper() for n in landmarks.NAMES] == [p.name for p in PoseLandmark]


def test_mirroring_twice_changes_nothing():
    order = np.array(landmarks.MIRRORED)
    assert (order[order] == np.arange(33)).all()
    assert landmarks.MIRRORED[landmarks.INDEX["left_knee"]] == landmarks.INDEX["right_knee"]


def test_edges_join_known_landmarks():
    assert all(0 <= i < 33 for edge in landmarks.EDGES for i in edge)
