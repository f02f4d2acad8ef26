import numpy as np

from pushup_data.landmarks import read
from pushup_data.model import labelled
from pushup_data.model.labelled import Labelled


def test_a_sequence_is_computed_once_and_comes_in_the_order_asked(rounds, default_taxonomy, monkeypatch):
    workspace, _, _ = rounds
    opened = []
    monkeypatch.setattr(labelled.landmarks, "read", lambda path: opened.append(path.stem) or read(path))
    reader, errors = Labelled(workspace, default_taxonomy), default_taxonomy.ids
    some = reader.reps.head(7)
    first = reader.sequences(some, errors, 32, label="some")
    assert sorted(opened) == sorted(some["video_id"].unique())
    opened.clear()
    turned = reader.reps.head(9).reverse()
    both = reader.sequences(turned, errors, 32, label="some")
    np.testing.assert_array_equal(both[::-1][:7], first)
    assert opened == reader.reps[7:9]["video_id"].unique(maintain_order=True).to_list()[::-1]
    fresh = Labelled(workspace, default_taxonomy).sequences(turned, errors, 32, label="some")
    np.testing.assert_array_equal(both, fresh)
    assert reader.sequences(some, errors, 16, label="some").shape[1] == 16
    assert reader.sequences(some, errors[:2], 32, label="some").shape[2] < first.shape[2]
    assert reader.sequences(some.head(0), errors, 32, label="none").shape == (0, *first.shape[1:])
