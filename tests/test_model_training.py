from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from pushup_data.model import augmentation, data, support, training
from pushup_data.model.augmentation import augment, augment_pixels
from pushup_data.model.data import COORDINATES, KINEMATIC, Dataset
from pushup_data.model.measures import KINEMATICS
from pushup_data.model.network import Network, infer, masked_loss
from pushup_data.params import Model, Train
from tests.figures import push_up, sequence

ERRORS = ("hips_sagging", "hips_piked", "asymmetric")
CHANNELS = data.channels(ERRORS)
MODEL = Model(width=16, steps=32)
SETTINGS = Train(epochs=25, lr=0.01, batch_size=16, min_labels=10, patience=10)
SILENT = (np.nan,) * len(ERRORS)  # rules that cannot tell


def figures(count, seed, prefix):
    """Stick figures under varying cameras, depths, tempos and noise; every third sags, every fifth pikes."""
    rng = np.random.default_rng(seed)
    x, y = [], []
    for i in range(count):
        wrong = [e for e, n in (("hips_sagging", 3), ("hips_piked", 5)) if i % n == 0][:1]
        side = str(rng.choice(["left", "right"]))
        view = str(rng.choice(["side", "oblique"]))
        pose, [(start, _, end)] = push_up(
            wrong,
            reps=1,
            fps=15,
            view=view,
            near_side=side,
            bottom=float(rng.uniform(70, 110)),
            tempo_s=float(rng.uniform(1.0, 2.5)),
            noise=float(rng.uniform(0.002, 0.01)),
            seed=seed * 1000 + i,
        )
        x.append(sequence(pose, start, end, near_side=side, view=view, fps=15, opinions=SILENT))
        y.append([float("hips_sagging" in wrong), float("hips_piked" in wrong), np.nan])
    names = [f"{prefix}{i // 3}" for i in range(count)]
    ids = [f"{prefix}-f{i}" for i in range(count)]
    return Dataset(ids, names, np.stack(x), np.array(y, dtype=np.float32))


@pytest.fixture(scope="module")
def people():
    return figures(60, 1, "train"), figures(30, 2, "val"), figures(40, 3, "new")


@pytest.fixture(scope="module")
def fitted(people):
    return training.fit(people[0], people[1], MODEL, SETTINGS, seed=0)


def test_it_learns_errors_of_people_it_never_saw(people, fitted):
    _, _, new = people
    with torch.no_grad():
        logits = fitted.network(torch.from_numpy(new.x)).numpy()
    for e in range(2):
        scores = fitted.calibration[e](logits[:, e])
        truth = new.y[:, e] == 1
        assert average_precision_score(truth, scores) > 0.9 > 2 * truth.mean()
        said = scores >= fitted.thresholds[e]
        assert (said == truth).mean() > 0.9


def test_what_has_no_label_is_not_learnt(fitted):
    assert fitted.thresholds[2] is None
    assert fitted.watched == "val"
    assert 1 <= fitted.epochs <= SETTINGS.epochs


def test_same_seed_same_bytes_whatever_happened_before(people, fitted):
    torch.manual_seed(99)
    state = torch.random.get_rng_state()
    threads = torch.get_num_threads()
    again = training.fit(people[0], people[1], MODEL, SETTINGS, seed=0)
    for name, tensor in fitted.network.state_dict().items():
        assert tensor.numpy().tobytes() == again.network.state_dict()[name].numpy().tobytes(), name
    assert again.thresholds == fitted.thresholds
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    other = training.fit(people[0], people[1], MODEL, SETTINGS, seed=1)
    assert not torch.equal(other.network.heads.weight, fitted.network.heads.weight)


def test_without_validation_labels_train_says_when_to_stop(people):
    train, val, _ = people
    blank = Dataset(val.rep_ids, val.subjects, val.x, np.full_like(val.y, np.nan))
    short = SETTINGS.model_copy(update={"epochs": 2})
    for nobody in (blank, val.take(np.zeros(len(val), dtype=bool))):
        found = training.fit(train, nobody, MODEL, short, seed=0)
        assert found.watched == "train"
        assert found.thresholds == [0.5, 0.5, None]


def test_a_threshold_leaves_one_half_as_far_as_validation_people_say(people):
    train, val, _ = people
    nobody = val.take(val.y[:, 1] == 0)  # no one pikes
    short = SETTINGS.model_copy(update={"epochs": 2})
    found = training.fit(train, nobody, MODEL, short, seed=0)
    assert found.thresholds[0] < found.thresholds[1] == 0.5
    avatars = replace(nobody, worth=dict.fromkeys(nobody.subjects, 0.01))
    assert found.thresholds[0] < training.fit(train, avatars, MODEL, short, seed=0).thresholds[0] < 0.5


def test_a_subject_on_both_sides_is_refused(people):
    with pytest.raises(ValueError, match="train and val"):
        training.fit(people[0], people[0], MODEL, SETTINGS, seed=0)


def test_reps_in_which_nobody_is_seen_do_no_harm(people, fitted):
    train, val, _ = people
    hidden = np.full_like(train.x[:1], np.nan)
    ghost = np.array([[1, 1, 1]], dtype=np.float32)
    more = Dataset(
        [*train.rep_ids, "ghost"],
        [*train.subjects, "g"],
        np.concatenate([train.x, hidden]),
        np.concatenate([train.y, ghost]),
    )
    again = training.fit(more, val, MODEL, SETTINGS, seed=0)
    assert torch.equal(again.network.heads.weight, fitted.network.heads.weight)


def test_an_unknown_label_has_no_gradient():
    torch.manual_seed(0)
    logits = torch.randn(4, 3, requires_grad=True)
    targets = torch.tensor([[1, 0, np.nan], [np.nan, 1, np.nan], [0, np.nan, np.nan], [1, 1, np.nan]])
    masked_loss(logits, targets, torch.ones(3)).backward()
    unknown = torch.isnan(targets)
    assert logits.grad is not None
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).all()


def test_an_unlearnt_heads_weights_get_no_gradient():
    network = Network(len(CHANNELS), 2, Model(width=8, steps=32)).eval()  # in training it may go unheard
    targets = torch.tensor([[1.0, np.nan], [0.0, np.nan]])
    masked_loss(network(torch.randn(2, 32, len(CHANNELS))), targets, torch.ones(2)).backward()
    assert (network.heads.weight.grad[1] == 0).all()
    assert (network.heads.weight.grad[0] != 0).any()


def test_nothing_known_is_no_loss_and_no_nan():
    logits = torch.randn(2, 3, requires_grad=True)
    loss = masked_loss(logits, torch.full((2, 3), np.nan), torch.ones(3))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_masked_loss_is_the_mean_over_what_is_known():
    logits, targets = torch.tensor([[0.3, -2.0]]), torch.tensor([[1.0, np.nan]])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, :1], targets[:, :1])
    assert masked_loss(logits, targets, torch.ones(2)).item() == pytest.approx(expected.item())


def test_one_rep_is_judged_alike_alone_and_in_company(people, fitted):
    x = torch.from_numpy(people[2].x)
    with torch.no_grad():
        assert torch.allclose(fitted.network(x)[:1], fitted.network(x[:1]), atol=1e-5)


def test_what_few_people_show_counts_less_beside_the_rules(people, fitted, monkeypatch):
    train, val, _ = people
    shares = torch.from_numpy(support.shrinkage(train))[:, None]
    monkeypatch.setattr(support, "_PEOPLE_FOR_HALF", 1e-9)
    loud = training.fit(train, val, MODEL, SETTINGS, seed=0, quiet=True).network
    assert torch.allclose(fitted.network.heads.weight, shares * loud.heads.weight, atol=1e-6)
    assert torch.equal(fitted.network.trust, loud.trust)


def test_augmentation_moves_little_keeps_the_mask_and_is_seeded(people):
    x = torch.from_numpy(people[0].x)
    changed = augment(x, torch.Generator().manual_seed(0))
    assert changed.shape == x.shape
    gap = (changed - x)[..., :COORDINATES].abs()
    assert 0.005 < gap.mean() < 0.3
    rest = slice(KINEMATIC.stop, None)  # view, knees, rules
    assert torch.equal(changed[..., rest], x[..., rest])
    again = augment(x, torch.Generator().manual_seed(0))
    assert torch.equal(changed.nan_to_num(9), again.nan_to_num(9))
    lost = changed[..., KINEMATIC][..., : len(KINEMATICS)].isnan().float().mean()
    assert 0.01 < lost < 0.12


AMOUNTS = ("_ROTATION", "_SCALE", "_SHIFT", "_WARP", "_NOISE", "_BIAS", "_DROPPED", "_ALONE")


def changed(x, monkeypatch, only=None):
    """Return reps augmented in one way alone, or in none: points (N, steps, points, 2), and all channels."""
    for amount in AMOUNTS:
        if amount != only:
            monkeypatch.setattr(augmentation, amount, 0.0)
    found = augment(x, torch.Generator().manual_seed(0))
    return found[..., :COORDINATES].unflatten(-1, (-1, 2)), found


def test_without_any_amount_augmentation_changes_nothing(people, monkeypatch):
    x = torch.from_numpy(people[0].x)
    assert torch.allclose(changed(x, monkeypatch)[1], x, atol=1e-5, equal_nan=True)


def sizes(points):
    return points.flatten(1).norm(dim=1)[:, None, None, None]


@pytest.mark.parametrize(
    ("amount", "same"),
    [
        # What each leaves alike, of points before and after.
        ("_ROTATION", lambda old, new: (new.norm(dim=-1), old.norm(dim=-1))),
        ("_SCALE", lambda old, new: (new / sizes(new), old / sizes(old))),
        ("_SHIFT", lambda old, new: (new - old, (new - old)[:, :1, :1].expand_as(old))),
        ("_BIAS", lambda old, new: (new - old, (new - old)[:, :1].expand_as(old))),
    ],
)
def test_points_are_turned_scaled_moved_and_displaced(people, monkeypatch, amount, same):
    x = torch.from_numpy(people[0].x)
    old = x[..., :COORDINATES].unflatten(-1, (-1, 2))
    new, everything = changed(x, monkeypatch, amount)
    assert 0.001 < (new - old).abs().mean() < 0.1
    assert torch.allclose(*same(old, new), atol=1e-4)
    rest = (channels[..., COORDINATES:] for channels in (everything, x))
    assert torch.allclose(*rest, atol=1e-4, equal_nan=True)


def test_points_tremble_and_are_lost_and_time_is_bent(people, monkeypatch):
    x = torch.from_numpy(people[0].x)
    old = x[..., :COORDINATES].unflatten(-1, (-1, 2))
    with monkeypatch.context() as patch:
        trembling = changed(x, patch, "_NOISE")[0] - old
        assert trembling.std() == pytest.approx(0.01, rel=0.05)
        assert trembling.diff(dim=1).std() == pytest.approx(0.01 * 2**0.5, rel=0.05)  # each step anew
    with monkeypatch.context() as patch:
        new, everything = changed(x, patch, "_DROPPED")
        lost = (new.diff(dim=1).abs().amax(dim=(1, 3)) < 1e-6) & (
            old.diff(dim=1).abs().amax(dim=(1, 3)) > 1e-3
        )
        assert 0.01 < lost.float().mean() < 0.1
        unseen = everything[..., COORDINATES : COORDINATES + lost.shape[1]].amax(dim=1)
        assert unseen[lost].max() == 0
    with monkeypatch.context() as patch:
        bent = changed(x, patch, "_WARP")[0]
        assert 0.001 < (bent - old).abs().mean() < 0.1
        # Other times of the same movement: no point goes further than it went.
        assert (bent.amax(dim=1) <= old.amax(dim=1) + 1e-5).all()
        assert (bent.amin(dim=1) >= old.amin(dim=1) - 1e-5).all()


def test_every_fourth_rep_is_shown_as_if_alone_in_its_video(people):
    x = torch.from_numpy(people[0].x)
    x[..., KINEMATIC] = 1.0
    changed = augment(x, torch.Generator().manual_seed(0))[:, 0, KINEMATIC]
    plain, apart = changed.isnan().tensor_split([len(KINEMATICS)], dim=1)
    alone = apart.all(dim=1)
    assert 0.1 < alone.float().mean() < 0.45
    assert not plain.all(dim=1).any()
    assert 0.01 < apart[~alone].float().mean() < 0.12


RGB = {"streams": ("rgb",)}


def lit(dataset, seed):
    """The same reps with noisy pictures; in every second one, by chance, something bright lies somewhere."""
    rng = np.random.default_rng(seed)
    n = len(dataset)
    pixels = rng.integers(0, 120, (n, 4, 16, 16, 3), dtype=np.uint8)
    there = rng.random(n) < 0.5
    for i in np.flatnonzero(there):
        left, top = rng.integers(2, 9, 2)
        pixels[i, :, top : top + 5, left : left + 5] = 250
    y = np.stack([there, ~there, np.full(n, np.nan)], axis=1).astype(np.float32)
    return Dataset(dataset.rep_ids, dataset.subjects, dataset.x, y, pixels)


@pytest.fixture(scope="module")
def lit_people(people):
    return [lit(side, seed) for seed, side in enumerate(people)]


@pytest.mark.parametrize(("streams", "told"), [(("rgb",), True), (("pose", "rgb"), True), (("pose",), False)])
def test_what_only_pixels_show_is_learnt_from_pixels(lit_people, streams, told):
    train, val, new = lit_people
    model = MODEL.model_copy(update={"streams": streams})
    found = training.fit(train, val, model, SETTINGS, seed=0)
    logits, _ = infer(found.network, new.x, new.pixels if "rgb" in streams else None)
    assert (average_precision_score(new.y[:, 0] == 1, logits[:, 0]) > 0.9) == told


def test_pixels_are_learnt_from_alike_with_the_same_seed(lit_people):
    train, val, _ = lit_people
    model, short = MODEL.model_copy(update=RGB), SETTINGS.model_copy(update={"epochs": 2})
    one, again = (training.fit(train, val, model, short, seed=0).network.state_dict() for _ in range(2))
    for name, tensor in one.items():
        assert tensor.numpy().tobytes() == again[name].numpy().tobytes(), name


def test_rgb_alone_hears_neither_landmarks_nor_rules():
    torch.manual_seed(0)
    network = Network(len(CHANNELS), 3, MODEL.model_copy(update=RGB)).eval()
    torch.nn.init.normal_(network.heads.weight)
    pixels = torch.randint(0, 256, (2, 4, 16, 16, 3), dtype=torch.uint8)
    one, other = (network(torch.randn(2, 32, len(CHANNELS)), pixels) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, network(torch.randn(2, 32, len(CHANNELS)), 255 - pixels))
    assert not {"trust", "reader.lstm.weight_ih_l0"} & set(network.state_dict())
    with pytest.raises(ValueError, match="no crops"):
        network(torch.randn(2, 32, len(CHANNELS)))


def test_pixels_go_along_with_their_reps(lit_people):
    train = lit_people[0]
    some = train.take(np.arange(len(train)) % 3 == 0)
    np.testing.assert_array_equal(some.pixels, train.pixels[::3])
    other = Dataset(train.rep_ids, train.subjects, train.x, train.y, 255 - train.pixels)
    blind = Dataset(train.rep_ids, train.subjects, train.x, train.y)
    assert len({d.fingerprint() for d in (train, other, blind)}) == 3


def test_a_reps_pictures_are_changed_alike_and_seeded():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (20, 1, 6, 6, 3)).repeat(4, axis=2).repeat(4, axis=3)
    pixels = torch.from_numpy(picture.astype(np.uint8)).expand(-1, 3, -1, -1, -1)
    changed = augment_pixels(pixels, torch.Generator().manual_seed(0))
    assert changed.shape == pixels.shape
    assert changed.dtype == torch.uint8
    assert torch.equal(changed[:, 0], changed[:, 2])
    gap = (changed.float() - pixels.float()).abs().mean(dim=(1, 2, 3, 4))
    assert (gap > 5).all()
    assert torch.equal(changed, augment_pixels(pixels, torch.Generator().manual_seed(0)))
    assert not torch.equal(changed, augment_pixels(pixels, torch.Generator().manual_seed(1)))


def test_pixels_are_mirrored_now_and_then():
    pixels = torch.full((40, 1, 24, 24, 3), 60, dtype=torch.uint8)
    pixels[:, :, :, 16:] = 200
    changed = augment_pixels(pixels, torch.Generator().manual_seed(0)).float().mean(dim=(1, 4))
    right = changed[:, 6:18, 14:].mean(dim=(1, 2)) > changed[:, 6:18, :10].mean(dim=(1, 2))
    assert 0.25 < right.float().mean() < 0.75
