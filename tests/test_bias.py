import numpy as np
import pytest

from pushup_data import bias, tables
from tests.test_ledger import entry


def world(seed, taxonomy, *, adopts=0.0, faster=1.0, people=60, each=10):
    """Return annotations, reps and rules: three people judge each rep twice over, as their habits are.

    Reps of which the rules are unsure are shown with the machine's opinion, a quarter of all is blind. People
    take the machine's word with probability `adopts` where they see it, and need `faster` times as long.
    """
    rng = np.random.default_rng(seed)
    reps, rules, entries = [], [], []
    for i in range(people * each):
        rep = {"rep_id": f"r{i}", "subject": f"s{i // each}", "view": "side", "start": 0, "end": 20}
        reps.append(rep)
        unsure = rng.random() < 0.5
        chance = dict.fromkeys(taxonomy.ids, 0.45 if unsure else 0.04) | {"asymmetric": None}
        rules += [{"rep_id": f"r{i}", "error": e, "probability": p} for e, p in chance.items()]
        truth = {e: rng.random() < (p or 0) for e, p in chance.items()}
        blind = rng.random() < (0.3 if unsure else 0.7)
        machine = {e: p is not None and p >= 0.5 for e, p in chance.items()}
        for person in rng.choice(3, 2, replace=False):
            said = {
                e: machine[e]
                if not blind and rng.random() < adopts
                else truth[e] ^ (rng.random() < 0.1 + 0.1 * unsure)
                for e in taxonomy.ids
            }
            seconds = float(rng.lognormal(2.3 + 0.5 * unsure, 0.4)) * (1.0 if blind else faster)
            entries.append(
                entry(
                    len(entries),
                    rep_id=f"r{i}",
                    annotator=f"p{person}@example.org",
                    answer={e: "present" if v else "absent" for e, v in said.items()},
                    blind=blind,
                    seconds=seconds,
                )
            )
    return entries, tables.REPS.frame(reps), tables.RULES.frame(rules)


def compare(entries, reps, rules, taxonomy, train=None):
    train = set(reps["rep_id"]) if train is None else train
    return bias.compare(entries, reps, rules, train, taxonomy, bootstrap=200, seed=0)


@pytest.mark.parametrize("seed", range(3))
def test_where_there_is_no_effect_harder_reps_are_not_taken_for_one(default_taxonomy, seed):
    entries, reps, rules = world(seed, default_taxonomy)
    found = compare(entries, reps, rules, default_taxonomy)
    ticks = [
        [sum(v == "present" for v in e.answer.values()) for e in entries if e.blind == b] for b in (0, 1)
    ]
    assert np.mean(ticks[0]) > 1.2 * np.mean(ticks[1])  # as they stand they look like one
    for name in ("ticked", "agreement", "with_rules"):
        assert found[name]["low"] < 0.02 and found[name]["high"] > -0.02  # noqa: PT018
    assert found["seconds"]["difference"] == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("seed", range(3))
def test_anchored_people_are_found_out(default_taxonomy, seed):
    entries, reps, rules = world(seed, default_taxonomy, adopts=0.8, faster=0.6)
    found = compare(entries, reps, rules, default_taxonomy)
    assert found["ticked"]["high"] < 0  # the machine ticks nothing here, so they tick less
    assert found["agreement"]["low"] > 0
    assert found["with_rules"]["low"] > 0
    assert found["seconds"]["low"] < 0.6 < found["seconds"]["high"]
    assert found["seconds"]["difference"] == pytest.approx(0.6, abs=0.08)
    assert found["shown"]["annotations"] + found["blind"]["annotations"] == len(entries)


def test_only_train_counts(default_taxonomy):
    entries, reps, rules = world(0, default_taxonomy)
    train = {f"r{i}" for i in range(300)}
    found = compare(entries, reps, rules, default_taxonomy, train)
    inside = [e for e in entries if e.rep_id in train]
    assert found == compare(inside, reps, rules, default_taxonomy)
    assert found["blind"]["annotations"] == sum(e.blind for e in inside)


def test_nothing_to_compare_is_null_with_a_reason(default_taxonomy):
    entries, reps, rules = world(0, default_taxonomy, people=6)
    nothing = compare([], reps, rules, default_taxonomy)
    assert nothing["ticked"]["difference"] is None
    assert nothing["ticked"]["reason"]
    shown = compare([e for e in entries if not e.blind], reps, rules, default_taxonomy)
    assert shown["ticked"] == {
        "shown": None,
        "blind": None,
        "difference": None,
        "low": None,
        "high": None,
        "reason": "nothing was annotated blind",
    }
    front = [e.model_copy(update={"rep_id": f"f{e.rep_id}"}) if e.blind else e for e in entries]
    both = tables.REPS.frame(
        [
            *reps.rows(named=True),
            *({**r, "rep_id": f"f{r['rep_id']}", "view": "front"} for r in reps.rows(named=True)),
        ]
    )
    apart = compare(front, both, rules, default_taxonomy)
    assert apart["ticked"]["reason"] == "no kind of rep was annotated both ways"
    few = compare([e for e in entries if e.rep_id < "r3"], reps, rules, default_taxonomy)
    assert few["ticked"]["difference"] is not None
    assert few["ticked"]["low"] is None
    assert "no interval" in few["ticked"]["reason"]
