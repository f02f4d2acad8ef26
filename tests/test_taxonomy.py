import pytest

from pushup_data import coach_guide, taxonomy
from pushup_data.errors import BadInputError
from pushup_data.workspace import CHECKOUT, TEMPLATE

TEXT = (TEMPLATE / "labeling_config" / "taxonomy.yaml").read_text()


def test_ids_are_the_agreed_ones(default_taxonomy):
    assert " ".join(default_taxonomy.ids) == (
        "hips_sagging hips_piked shallow_depth incomplete_lockout elbows_flared head_dropped asymmetric"
    )


def test_an_unknown_view_shows_nothing(default_taxonomy):
    assert not any(e.judged_from("unknown") for e in default_taxonomy.errors)
    assert default_taxonomy["hips_sagging"].judged_from("side")
    assert not default_taxonomy["hips_sagging"].judged_from("front")


def test_an_unknown_id_is_a_key_error(default_taxonomy):
    with pytest.raises(KeyError):
        default_taxonomy["hips_sagged"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('hotkey: "2"', 'hotkey: "1"', "used twice"),
        ("id: hips_piked", "id: hips_sagging", "used twice"),
        ("views: [front]", "views: [back]", "errors.6.views.0"),
        ("severity: 3", "severity: 9", "errors.0.severity"),
    ],
)
def test_a_wrong_taxonomy_says_where(tmp_path, old, new, said):
    assert old in TEXT
    path = tmp_path / "taxonomy.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(BadInputError) as raised:
        taxonomy.load(path)
    assert said in str(raised.value)


def test_the_readmes_table_is_current(default_taxonomy):
    assert taxonomy.markdown(default_taxonomy) in (CHECKOUT / "README.md").read_text()


def test_the_coachs_page_is_current(default_taxonomy):
    page = (CHECKOUT / "docs" / "coach-guide.md").read_text()
    assert page == coach_guide.page(default_taxonomy), (
        "run `python -m pushup_data.coach_guide > docs/coach-guide.md`"
    )


def test_the_coachs_page_says_all_of_every_error(default_taxonomy):
    parts = coach_guide.page(default_taxonomy).split("\n## ")[1:]
    assert len(parts) == len(default_taxonomy.errors)
    for part, error in zip(parts, default_taxonomy.errors, strict=True):
        assert f"images/avatar/{error.id}.jpg" in part
        for text in (error.title, error.looks_like, error.counts, error.counts_not):
            assert text
            assert text in part
    assert "Seen from the front; not from the side or obliquely." in parts[-1]


def test_a_file_that_is_not_utf8_says_how_to_save_it(tmp_path):
    path = tmp_path / "taxonomy.yaml"
    path.write_bytes("title: Liegestütze".encode("cp1252"))
    with pytest.raises(BadInputError, match="save it as UTF-8"):
        taxonomy.load(path)
