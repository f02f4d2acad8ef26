from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data.model.data import KINEMATIC, channels
from pushup_data.model.network import Network
from pushup_data.params import Model

CHANNELS = channels(("hips_sagging", "hips_piked"))


def network(x, **options):
    torch.manual_seed(0)
    made = Network(len(CHANNELS), 2, Model(width=8, steps=32, **options)).eval()
    torch.nn.init.normal_(made.heads.weight)
    with torch.no_grad():
        made.standardise(x)
    return made


@pytest.fixture(scope="module")
def x():
    return torch.randn((40, 32, len(CHANNELS)), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("kind", ["cnn-lstm", "cnn", "lstm", "transformer", "committee"])
def test_unknown_channels_and_monsters_give_finite_logits(x, kind, bare):
    made = network(x, kind=kind, bare=bare)
    strange = x[:3].clone()
    strange[0, :, KINEMATIC] = torch.nan
    strange[1, :, KINEMATIC] *= 1e6
    with torch.no_grad():
        assert made(strange).isfinite().all()
        assert made(x[:3]).shape == (3, 2)


@given(st.lists(st.floats(-50, 50, width=32), min_size=9, max_size=60), st.floats(-100, 100, width=32))
@settings(max_examples=40)
def test_a_binned_number_rises_with_it_from_one_end_of_train_to_the_other(train, value):
    bins = network(torch.randn(9, 32, len(CHANNELS))).bins
    count = bins.low.shape[1]
    column = torch.tensor(train)[:, None].expand(-1, count)
    bins.cut(column)
    ordered = torch.tensor(sorted([*train, value]))[:, None].expand(-1, count)
    encoded = bins(ordered).reshape(len(ordered), -1, count)[..., 0]
    assert ((encoded >= -1) & (encoded <= 1)).all()
    assert (encoded.diff(dim=0) >= -1e-4).all()
    told = bins.slope[:, 0] > 0
    if value > max(train):
        assert (encoded[-1, told] == 1).all()  # beyond train it says no more than at its end
    assert (bins(torch.full((1, count), torch.nan)) == 0).all()


def test_what_never_varies_or_is_never_known_says_nothing():
    x = torch.randn(12, 32, len(CHANNELS))
    x[..., KINEMATIC.start] = 1.0
    x[..., KINEMATIC.start + 1] = torch.nan
    bins = network(x).bins
    per_channel = bins.low.shape[1] // (KINEMATIC.stop - KINEMATIC.start)
    assert (bins.slope[:, : 2 * per_channel] == 0).all()
    assert (bins.slope[:, 2 * per_channel :] > 0).all()


def test_in_use_the_mean_of_the_parts_is_heard_and_in_training_each_or_the_rules_alone(x):
    made = network(x)
    made.dropout.p = 0.0
    rules = made.trust * x[:, 0, made.inside :]
    with torch.no_grad():
        embedded, weight = made.embed(x), made.heads.weight
        ends = np.cumsum([0, *made.parts])
        assert ends[-1] == embedded.shape[1]
        said = torch.stack([embedded[:, a:b] @ weight[:, a:b].T for a, b in pairwise(ends)]) + made.heads.bias
        torch.testing.assert_close(made.judge(embedded, x), said.mean(dim=0) + rules)
        made.train()
        apart = made.judge(embedded, x) - rules  # (parts, N, errors)
    silent = (apart.abs() < 1e-4).all(dim=-1)
    assert (silent | ((apart - said).abs() < 1e-4).all(dim=-1)).all()
    assert silent.float().mean() == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize(
    ("options", "landmarks", "statistics", "rules"),
    [
        ({}, True, True, True),
        ({"kind": "committee"}, False, True, True),
        ({"kind": "committee", "bare": True}, False, True, False),
        ({"kind": "cnn", "bare": True}, True, False, False),
        ({"kind": "lstm", "bare": True}, True, False, False),
        ({"streams": ("rgb",)}, False, False, False),
    ],
)
def test_a_part_that_is_left_out_is_not_there(x, options, landmarks, statistics, rules):
    made = network(x, **options)
    assert hasattr(made, "reader") == landmarks
    assert hasattr(made, "committee") == statistics
    assert hasattr(made, "trust") == rules
    if options.get("streams") != ("rgb",):
        with torch.no_grad():
            before = made(x)
            moved, said = x.clone(), x.clone()
            moved[..., : KINEMATIC.start] += 1
            said[..., made.inside :] += 1
            assert ((made(moved) != before).any(), (made(said) != before).any()) == (landmarks, rules)


def test_each_member_of_the_committee_reads_its_own_share_and_nothing_else(x):
    committee = network(x).committee
    count = network(x).bins.low.shape[1]
    members, each = committee.read.shape
    assert each == round(0.3 * count)
    for mine in committee.read:
        assert len(set(mine.tolist())) == each
    binned = torch.randn(4, 8, count)
    with torch.no_grad():
        before = committee(binned).unflatten(1, (members, -1))
        unread = [s for s in range(count) if s not in set(committee.read[0].tolist())]
        binned[:, :, unread] += 5.0
        after = committee(binned).unflatten(1, (members, -1))
    torch.testing.assert_close(after[:, 0], before[:, 0])
    assert all((after[:, m] != before[:, m]).any() for m in range(1, members))
