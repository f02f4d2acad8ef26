import pytest

from pushup_data import params
from pushup_data.errors import BadInputError, MissingInputError
from pushup_data.workspace import TEMPLATE


def test_shipped_settings_are_valid(default_params):
    assert default_params.seed == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("lr: 0.003", "lr: -1", "train.lr"),
        ("lr: 0.003", "learning_rate: 0.003", "train.learning_rate"),
        ("lr: 0.003", "", "train.lr: Field required"),
        ("model: full", "model: huge", "pose.model"),
        ("seed: 0", "seed: [", "params.yaml"),
        ("streams: [pose]", "streams: []", "model.streams"),
        ("streams: [pose]", "streams: [pose, sound]", "model.streams"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, old, new, said):
    text = (TEMPLATE / "params.yaml").read_text()
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new))
    with pytest.raises(BadInputError) as raised:
        params.load(path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(MissingInputError, match="pushup-data init"):
        params.load(tmp_path / "params.yaml")


def test_a_file_that_is_not_utf8_says_how_to_save_it(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes("title: Liegestütze".encode("cp1252"))
    with pytest.raises(BadInputError, match="save it as UTF-8"):
        params.load(path)
