import json

import numpy as np
import pytest
import torch

from pushup_data import quality, tables
from pushup_data.errors import BadInputError
from pushup_data.model import predictor, storage
from pushup_data.model.calibration import Platt
from pushup_data.model.data import channels
from pushup_data.model.network import Network


@pytest.fixture
def card(default_params, default_taxonomy):
    heads = [
        storage.Head(
            error=e,
            threshold=None if e == "asymmetric" else 0.4,
            calibration=Platt(slope=0.5, offset=-1.0),
            present=3,
            absent=9,
        )
        for e in default_taxonomy.ids
    ]
    return storage.Card(
        trained=True,
        reason="trained on 12 labelled reps of 3 subjects",
        heads=heads,
        splits={"train": storage.Side(subjects=3, reps=12, simulated=0)},
        taxonomy=1,
        seed=0,
        model=default_params.model,
        settings=default_params.train,
        channels=list(channels(default_taxonomy.ids)),
        data="abc",
        versions=storage.versions(),
        epoch=3,
        loss=0.5,
        watched="val",
    )


@pytest.fixture
def network(card):
    torch.manual_seed(0)
    return Network(len(card.channels), len(card.heads), card.model).eval()


def some(n, steps=64):
    return np.random.default_rng(0).normal(size=(n, steps, len(channels(range(7))))).astype(np.float32)


def test_what_is_saved_is_loaded(tmp_path, card, network):
    storage.save(tmp_path, card, network)
    model = predictor.load(tmp_path)
    x = some(3)
    probabilities, embeddings = model.predict(x)
    with torch.no_grad():
        expected = torch.sigmoid(0.5 * network(torch.from_numpy(x)) - 1.0).numpy()
    np.testing.assert_allclose(probabilities[:, :6], expected[:, :6], atol=1e-6)
    assert np.isnan(probabilities[:, 6]).all()  # not learnt: cannot tell
    assert embeddings.shape == (3, sum(network.parts))
    assert "asymmetric" not in model.thresholds
    assert model.thresholds["hips_sagging"] == 0.4
    assert model.steps == card.model.steps


def test_files_are_the_same_every_time_and_nothing_else_is_left(tmp_path, card, network):
    for name in ("a", "b"):
        storage.save(tmp_path / name, card, network)
    for name in (storage.CARD, storage.WEIGHTS, storage.WORDS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        storage.WORDS,
        storage.CARD,
        storage.WEIGHTS,
    ]


def test_a_card_that_says_untrained_takes_old_weights_along(tmp_path, card, network):
    storage.save(tmp_path, card, network)
    storage.save(tmp_path, card.model_copy(update={"trained": False, "reason": "3 labels"}), None)
    assert sorted(p.name for p in tmp_path.iterdir()) == [storage.WORDS, storage.CARD]
    assert "No model: 3 labels." in (tmp_path / storage.WORDS).read_text()
    assert predictor.load(tmp_path) is None
    assert json.loads((tmp_path / storage.CARD).read_text())["reason"] == "3 labels"


def test_no_model_is_none(tmp_path):
    (tmp_path / "README.md").write_text("empty until one is promoted")
    assert predictor.load(tmp_path) is None
    assert predictor.load(tmp_path / "nowhere") is None


def damage_weights(folder):
    path = folder / storage.WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def change_card(**fields):
    def change(folder):
        path = folder / storage.CARD
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return change


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (damage_weights, "not the weights"),
        (lambda f: (f / storage.WEIGHTS).unlink(), "No such file"),
        (lambda f: (f / storage.CARD).write_text("{"), "train again"),
        (change_card(format=99), "another version"),
        (change_card(channels=["nose_x"]), "other landmarks"),
        (change_card(heads="seven"), "heads"),
        (change_card(model={"kind": "cnn-lstm", "streams": ["pose"], "width": 16}), "size mismatch"),
    ],
)
def test_damaged_models_are_refused_in_one_line(tmp_path, card, network, harm, message):
    storage.save(tmp_path, card, network)
    harm(tmp_path)
    with pytest.raises(BadInputError, match=message) as e:
        predictor.load(tmp_path)
    assert "\n" not in str(e.value)


def test_nobody_seen_and_nobody_there(tmp_path, card, network):
    storage.save(tmp_path, card, network)
    model = predictor.load(tmp_path)
    x = some(300)
    x[7] = np.nan
    probabilities, embeddings = model.predict(x)
    assert np.isnan(probabilities[7]).all()
    assert np.isnan(embeddings[7]).all()
    assert np.isfinite(np.delete(probabilities, 7, axis=0)[:, :6]).all()
    np.testing.assert_allclose(model.predict(x[:1])[0], probabilities[:1], atol=1e-5)
    assert model.predict(x[:0])[0].shape == (0, 7)


def seen_from(*views):
    return tables.REPS.frame([{"rep_id": str(i), "view": v, "flags": []} for i, v in enumerate(views)])


def test_a_view_that_cannot_show_an_error_gets_no_probability(tmp_path, card, network, default_taxonomy):
    storage.save(tmp_path, card, network)
    model = predictor.load(tmp_path)
    found, _ = model.judge(some(4), seen_from("side", "oblique", "front", "unknown"), default_taxonomy)
    known = np.isfinite(found)
    for e, error in enumerate(default_taxonomy.errors[:6]):
        assert known[:, e].tolist() == [error.judged_from(v) for v in ("side", "oblique", "front", "unknown")]
    fewer = default_taxonomy.model_copy(update={"errors": default_taxonomy.errors[::-1][1:3]})
    turned, _ = model.judge(some(4), seen_from(*["oblique"] * 4), fewer)
    wide, _ = model.judge(some(4), seen_from(*["oblique"] * 4), default_taxonomy)
    np.testing.assert_array_equal(turned, wide[:, [5, 4]])


def test_of_landmarks_that_cannot_be_right_nothing_is_said(tmp_path, card, network, default_taxonomy):
    storage.save(tmp_path, card, network)
    flags = [[], [quality.BODY_WRONG], [quality.ARMS_WRONG]]
    rows = [{"rep_id": str(i), "view": "oblique", "flags": flag} for i, flag in enumerate(flags)]
    found, _ = predictor.load(tmp_path).judge(some(3), tables.REPS.frame(rows), default_taxonomy)
    plain, body, arms = ({default_taxonomy.ids[e] for e in np.flatnonzero(np.isfinite(row))} for row in found)
    assert body == set()
    assert plain > arms >= {"hips_sagging", "hips_piked"}
    assert not arms & {"shallow_depth", "incomplete_lockout", "elbows_flared"}


@pytest.mark.parametrize(("streams", "features"), [(("rgb",), 2), (("pose", "rgb"), 12)])
def test_a_model_that_reads_pixels_is_loaded_as_one(tmp_path, card, streams, features):
    card = card.model_copy(update={"model": card.model.model_copy(update={"streams": streams})})
    torch.manual_seed(0)
    network = Network(len(card.channels), len(card.heads), card.model).eval()
    torch.nn.init.normal_(network.heads.weight)
    storage.save(tmp_path, card, network)
    model = predictor.load(tmp_path)
    assert model.streams == streams
    x = some(3)
    x[1] = np.nan
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 16, 16, 3), dtype=np.uint8)
    probabilities, embeddings = model.predict(x, pixels)
    assert embeddings.shape == (3, features * card.model.width)
    assert np.isnan(probabilities[1]).all()
    assert np.isfinite(probabilities[[0, 2], :6]).all()
    assert np.abs(model.predict(x, 255 - pixels)[0] - probabilities)[[0, 2], :6].max() > 1e-4
