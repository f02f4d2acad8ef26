import pytest

from pushup_data.errors import BadInputError
from pushup_data.labelstudio import config, replay

HEAD = "clip_id,rater,usable,reps,hips_sagging,hips_piked,shallow_depth,incomplete_lockout,elbows_flared"
HEAD += ",head_dropped,asymmetric,note\n"


@pytest.fixture
def ratings(tmp_path, default_taxonomy):
    def read(*lines, head=HEAD, encoding="utf-8"):
        path = tmp_path / "ratings.csv"
        path.write_bytes((head + "".join(f"{line}\n" for line in lines)).encode(encoding))
        return replay.read(path, default_taxonomy)

    return read


def ticks(result):
    return config.boxes(result, "errors"), config.boxes(result, "unsure")


@pytest.mark.parametrize(
    ("reps", "one_rep", "own", "errors", "unsure"),
    [
        ("1.0", True, False, ["hips_sagging"], ["elbows_flared"]),
        ("1.5", True, False, ["hips_sagging"], ["elbows_flared"]),
        ("2.0", True, False, [], ["hips_sagging", "elbows_flared"]),
        ("1.0", False, False, [], ["hips_sagging", "elbows_flared"]),
        ("3.0", False, True, ["hips_sagging"], ["elbows_flared"]),
    ],
)
def test_a_videos_error_goes_to_its_rep_only_where_there_is_one(
    ratings, default_taxonomy, reps, one_rep, own, errors, unsure
):
    (rating,) = ratings(f"a,A,yes,{reps},1,0,0,0,?,0,0,low").values()
    result = replay.answer(rating, default_taxonomy, one_rep=one_rep, own=own)
    assert ticks(result) == (errors, unsure)
    assert config.note(result) == "low"


def test_not_usable_says_nothing_else(ratings, default_taxonomy):
    (rating,) = ratings("a,A,no,1,1,0,0,0,?,0,0,").values()
    usable, values = config.answer(
        replay.answer(rating, default_taxonomy, one_rep=True, own=False), "side", default_taxonomy
    )
    assert not usable
    assert set(values.values()) == {"unknown"}


def test_a_rating_is_found_by_path_name_or_stem_and_the_reps_own_first(ratings):
    head = HEAD.replace("clip_id", "original_name,rep")
    found = ratings("deep/a.mp4,,A,yes,1,0,0,0,0,0,0,0,all", "a,2,A,yes,1,1,0,0,0,0,0,0,second", head=head)
    assert replay._of(found, "deep/a.mp4", 1, "A")[0].note == "all"
    assert replay._of(found, "other/a.mov", 2, "A")[0].note == "second"
    assert replay._of(found, "other/a.mov", 2, "A")[1]
    assert replay._of(found, "b.mp4", 1, "A") is None


@pytest.mark.parametrize(
    ("head", "line", "said"),
    [
        (HEAD, "a,A,yes,1,x,0,0,0,0,0,0,", ":2: hips_sagging is 'x'"),
        (HEAD.replace("rater,", ""), "a,yes,1,0,0,0,0,0,0,0,", "lacks the columns rater"),
        (HEAD.replace("clip_id", "file"), "a,A,yes,1,0,0,0,0,0,0,0,", "lacks the columns original_name"),
        (HEAD.replace("clip_id", "clip_id,rep"), "a,two,A,yes,1,0,0,0,0,0,0,0,", "rep is 'two'"),
        (HEAD.replace("clip_id", "clip_id,rep"), "a,²,A,yes,1,0,0,0,0,0,0,0,", "rep is '²'"),
        (HEAD, ",A,yes,1,0,0,0,0,0,0,0,", ":2: clip_id is empty"),
        (HEAD, "a,,yes,1,0,0,0,0,0,0,0,", ":2: rater is empty"),
        (HEAD, "a,A,yes,many,0,0,0,0,0,0,0,", ":2: reps is 'many'; write a number"),
        (HEAD, "a,A,yes,nan,0,0,0,0,0,0,0,", ":2: reps is 'nan'; write a number"),
        (HEAD, 'a,A,yes,1,0,0,0,0,0,0,0,"' + "x" * 200_000, "a quotation mark that is not closed"),
    ],
)
def test_a_wrong_table_says_where(ratings, head, line, said):
    with pytest.raises(BadInputError) as raised:
        ratings(line, head=head)
    assert said in str(raised.value)


def test_a_table_in_another_encoding(ratings):
    with pytest.raises(BadInputError, match="save it as UTF-8"):
        ratings("a,A,yes,1,0,0,0,0,0,0,0,tief genug für mich", encoding="latin-1")


def test_no_table(tmp_path, default_taxonomy):
    with pytest.raises(BadInputError, match="is not there"):
        replay.read(tmp_path / "none.csv", default_taxonomy)
