import subprocess
import sys

import pytest

from pushup_data.model import card as cards
from pushup_data.model.card import Figure, Head, Measured, Metrics, Promotion, Side
from tests.test_model_storage import card  # noqa: F401  a fixture


def head(error, present=50, absent=50, people=9, threshold=0.5):
    return Head(
        error=error,
        threshold=threshold,
        calibration={"slope": 1, "offset": 0},
        present=present,
        absent=absent,
        present_subjects=people,
    )


def side(simulated=0, **views):
    return Side(subjects=9, reps=sum(views.values()), simulated=simulated, views=views)


def test_limits_are_what_the_data_lack():
    heads = [head("a"), head("b", 3), head("c", 40, people=1), head("d", 0, 9, 0, threshold=None)]
    said = cards.limits(heads, {"train": side(4, side=100), "val": side(1, oblique=10)}, "train")
    assert [line.partition(":")[2].strip() for line in said[:4]] == [
        "d (0 present, 9 absent).",
        "b (3).",
        "c.",
        "oblique, front.",
    ]
    assert "no val label" in said[4]
    assert said[5].startswith("5 of 110 train and val reps carry simulated labels")
    assert cards.limits([head("a")], {"train": side(side=1, oblique=1, front=1)}, "val") == []


def test_what_is_said_of_a_model_does_not_make_it_another(card):  # noqa: F811
    measured = {"val": Metrics(subjects=1, reps=2, macro=Measured(reason="none"), errors={})}
    said = {"promotion": Promotion(forced=True, verdict="undecided"), "metrics": measured, "limits": ["x"]}
    assert card.model_copy(update=said).digest == card.digest
    for other in ({"weights": "0"}, {"heads": card.heads[:-1]}, {"data": "0"}, {"seed": 1}):
        assert card.model_copy(update=other).digest != card.digest


def test_the_card_in_words_says_all_of_it(card):  # noqa: F811
    sag = Measured(
        precision=Figure(value=0.5),
        f1=Figure(value=0.625, low=0.5, high=0.75),
        present=4,
        absent=6,
        present_subjects=2,
        reason="because",
    )
    macro = Measured(f1=Figure(value=0.61), ap=Figure(value=0.7, low=0.6, high=0.8))
    full = card.model_copy(
        update={
            "metrics": {"val": Metrics(subjects=3, reps=10, macro=macro, errors={"hips_sagging": sag})},
            "limits": ["Not learnt: asymmetric."],
            "promotion": Promotion(forced=True, verdict="undecided: too few"),
            "evidence": ["On 51 real people F1 .80: `python -m benchmarks.real`"],
            "weights": "f00d",
        }
    )
    text = cards.card_markdown(full)
    for line in (
        "| `asymmetric` | not learnt | 3 | not counted | 9 |",
        "| `hips_sagging` | 4 of 10 | 2 | 0.50 | - | 0.62 [0.50, 0.75] | - | because |",
        "- Not learnt: asymmetric.",
        "Forced, against this verdict: undecided: too few",
        "- On 51 real people F1 .80: `python -m benchmarks.real`",
        "Fingerprint of train and val: `abc`",
        "| train | 3 | 12 | 0 | - | - | - |",
        "- weights: SHA-256 `f00d`",
    ):
        assert line in text.splitlines()
    assert "F1 0.61, AP 0.70 [0.60, 0.80]" in text
    assert cards.card_markdown(card).count("\n\n\n") == 0


def test_a_card_made_before_there_were_limits_is_read(card, tmp_path):  # noqa: F811
    import json

    new = {"limits", "metrics", "promotion", "evidence"}
    (tmp_path / "model.json").write_text(json.dumps(card.model_dump(mode="json", exclude=new)))
    assert cards.read_card(tmp_path) == card


@pytest.mark.parametrize("module", ["registry", "stages.train", "stages.evaluate", "stages.predict"])
def test_without_a_model_torch_is_not_loaded(module):
    code = f"import sys, pushup_data.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
